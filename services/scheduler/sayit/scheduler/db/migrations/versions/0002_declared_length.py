"""The length that a recording declares, for estimates."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.add_column("jobs", sa.Column("samples_declared", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Back."""
    op.drop_column("jobs", "samples_declared")
