"""Revisions of the models that transcribers hold."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.add_column("transcribers", sa.Column("revision", sa.String(64), nullable=False, server_default=""))


def downgrade() -> None:
    """Back."""
    op.drop_column("transcribers", "revision")
