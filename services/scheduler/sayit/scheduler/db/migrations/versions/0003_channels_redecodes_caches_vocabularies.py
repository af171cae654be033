"""Channels, re-decodes and cached text of chunks; stored vocabularies."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.add_column("jobs", sa.Column("channels", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("chunks", sa.Column("channel", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("chunks", sa.Column("cache_key", sa.String(64), nullable=False, server_default=""))
    op.add_column("chunks", sa.Column("look", sa.String(16), nullable=False, server_default=""))
    op.add_column("chunks", sa.Column("decoding", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "chunk_cache",
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("cache_key", sa.String(64), nullable=False),
        sa.Column("job_id", sa.String(64), nullable=False),
        sa.Column("output", sa.LargeBinary(), nullable=False),
        sa.Column("expires_s", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_chunk_cache_job_id_jobs", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant", "cache_key", name="pk_chunk_cache"),
    )
    op.create_index("ix_chunk_cache_job_id", "chunk_cache", ["job_id"])
    op.create_index("ix_chunk_cache_expires_s", "chunk_cache", ["expires_s"])
    op.create_table(
        "vocabularies",
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("created_s", sa.Double(), nullable=False),
        sa.Column("updated_s", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "name", name="pk_vocabularies"),
    )


def downgrade() -> None:
    """Back."""
    op.drop_table("vocabularies")
    op.drop_table("chunk_cache")
    for column in ("decoding", "look", "cache_key", "channel"):
        op.drop_column("chunks", column)
    op.drop_column("jobs", "channels")
