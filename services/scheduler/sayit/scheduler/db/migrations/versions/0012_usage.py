"""What each ended job used: by tenant, key and model."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "usage",
        sa.Column("job_id", sa.String(64), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("key_id", sa.String(64), nullable=False),
        sa.Column("model", sa.String(128), nullable=False),
        sa.Column("ended_s", sa.Double(), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("error_code", sa.String(64), nullable=False, server_default=""),
        sa.Column("audio_s", sa.Double(), nullable=False, server_default="0"),
        sa.Column("seconds", sa.Double()),
        sa.PrimaryKeyConstraint("job_id", name="pk_usage"),
    )
    op.create_index("ix_usage_ended_s", "usage", ["ended_s"])


def downgrade() -> None:
    """Back."""
    op.drop_table("usage")
