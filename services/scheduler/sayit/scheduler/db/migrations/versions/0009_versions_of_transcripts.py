"""Versions of transcripts."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.add_column("jobs", sa.Column("transcript_version", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "transcript_versions",
        sa.Column("job_id", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_s", sa.Double(), nullable=False),
        sa.Column("key_id", sa.String(64), nullable=False),
        sa.Column("changes", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_transcript_versions_job_id_jobs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", "version", name=op.f("pk_transcript_versions")),
    )


def downgrade() -> None:
    """Back."""
    op.drop_table("transcript_versions")
    op.drop_column("jobs", "transcript_version")
