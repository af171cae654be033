"""Chunks that leave the middle of longer pauses out."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.add_column("chunks", sa.Column("pieces", sa.Text(), nullable=False, server_default=""))
    op.add_column("chunks", sa.Column("samples", sa.BigInteger(), nullable=False, server_default="0"))
    op.execute("UPDATE chunks SET samples = end_sample - start_sample")


def downgrade() -> None:
    """Back."""
    op.drop_column("chunks", "samples")
    op.drop_column("chunks", "pieces")
