"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
sa.Table(
    "bin",
    _metadata,
    sa.Column("prefix", sa.Text, primary_key=True),
    sa.Column("created_s", sa.Double, nullable=False),
)
sa.Table(
    "transcribers",
    _metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("model", sa.String(128), nullable=False),
    sa.Column("slots", sa.Integer, nullable=False),
    sa.Column("busy", sa.Integer, nullable=False),
    sa.Column("audio_s", sa.Double, nullable=False),
    sa.Column("compute_s", sa.Double, nullable=False),
    sa.Column("draining", sa.Boolean, nullable=False),
    sa.Column("seen_s", sa.Double, nullable=False),
)
sa.Table(
    "uploads",
    _metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("tenant", sa.String(64), nullable=False),
    sa.Column("key_id", sa.String(64), nullable=False),
    sa.Column("filename", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger),
    sa.Column("received", sa.BigInteger, nullable=False),
    sa.Column("created_s", sa.Double, nullable=False),
    sa.Column("expires_s", sa.Double, nullable=False, index=True),
)
sa.Table(
    "jobs",
    _metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("tenant", sa.String(64), nullable=False),
    sa.Column("key_id", sa.String(64), nullable=False),
    sa.Column("upload_id", sa.ForeignKey("uploads.id"), nullable=False, index=True),
    sa.Column("filename", sa.Text, nullable=False),
    sa.Column("options", sa.Text, nullable=False),
    sa.Column("model", sa.String(128), nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("idempotency_key", sa.String(128)),
    sa.Column("created_s", sa.Double, nullable=False),
    sa.Column("started_s", sa.Double),
    sa.Column("finished_s", sa.Double),
    sa.Column("expires_s", sa.Double, index=True),
    sa.Column("error_code", sa.String(64), server_default="", nullable=False),
    sa.Column("error_details", sa.Text, server_default="{}", nullable=False),
    sa.Column("cached", sa.Boolean, server_default=sa.text("(false)"), nullable=False),
    sa.Column("warnings", sa.Text, server_default="[]", nullable=False),
    sa.Column("last_seq", sa.BigInteger, server_default="0", nullable=False),
    sa.Column("samples_total", sa.BigInteger),
    sa.Column("samples_scanned", sa.BigInteger, server_default="0", nullable=False),
    sa.Column("samples_chunked", sa.BigInteger, server_default="0", nullable=False),
    sa.Column("samples_done", sa.BigInteger, server_default="0", nullable=False),
    sa.Column("chunks_total", sa.Integer),
    sa.Column("chunks_done", sa.Integer, server_default="0", nullable=False),
    sa.Column("speech", sa.Text, server_default="[]", nullable=False),
    sa.Column("cache_key", sa.String(64), server_default="", nullable=False),
    sa.Column("traceparent", sa.String(64), server_default="", nullable=False),
    sa.Column("prepare_attempts", sa.Integer, server_default="0", nullable=False),
    sa.Column("lease_owner", sa.String(64)),
    sa.Column("lease_until_s", sa.Double),
    sa.Index(None, "tenant", "created_s", "id"),
    sa.Index("uq_jobs_tenant_idempotency_key", "tenant", "idempotency_key", unique=True),
)
sa.Table(
    "upload_parts",
    _metadata,
    sa.Column("upload_id", sa.ForeignKey("uploads.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("offset", sa.BigInteger, primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("object_key", sa.Text, nullable=False),
)
sa.Table(
    "cache",
    _metadata,
    sa.Column("tenant", sa.String(64), primary_key=True),
    sa.Column("cache_key", sa.String(64), primary_key=True),
    sa.Column("job_id", sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("expires_s", sa.Double, nullable=False, index=True),
)
sa.Table(
    "chunks",
    _metadata,
    sa.Column("id", sa.String(80), primary_key=True),
    sa.Column("job_id", sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("tenant", sa.String(64), nullable=False),
    sa.Column("model", sa.String(128), nullable=False),
    sa.Column("start_sample", sa.BigInteger, nullable=False),
    sa.Column("end_sample", sa.BigInteger, nullable=False),
    sa.Column("hard_start", sa.Boolean, nullable=False),
    sa.Column("hard_end", sa.Boolean, nullable=False),
    sa.Column("object_key", sa.Text, nullable=False),
    sa.Column("interactive", sa.Boolean, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("due_s", sa.Double, nullable=False),
    sa.Column("dispatch", sa.Integer, server_default="0", nullable=False),
    sa.Column("dispatched_s", sa.Double),
    sa.Column("attempt", sa.Integer, server_default="0", nullable=False),
    sa.Column("lease_until_s", sa.Double),
    sa.Column("on_engine", sa.Boolean, server_default=sa.text("(false)"), nullable=False),
    sa.Column("crashes", sa.Integer, server_default="0", nullable=False),
    sa.Column("failures", sa.Integer, server_default="0", nullable=False),
    sa.Column("interruptions", sa.Integer, server_default="0", nullable=False),
    sa.Column("output", sa.LargeBinary),
    sa.Index(None, "state", "model"),
    sa.Index("uq_chunks_job_id_number", "job_id", "number", unique=True),
)
sa.Table(
    "events",
    _metadata,
    sa.Column("job_id", sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True),
    sa.Column("payload", sa.LargeBinary, nullable=False),
)
sa.Table(
    "attempts",
    _metadata,
    sa.Column("chunk_id", sa.ForeignKey("chunks.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("dispatch", sa.Integer, nullable=False),
    sa.Column("transcriber_id", sa.String(64), nullable=False),
    sa.Column("started_s", sa.Double, nullable=False),
    sa.Column("ended_s", sa.Double),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Column("detail", sa.Text, server_default="", nullable=False),
    sa.Column("late_writes", sa.Integer, server_default="0", nullable=False),
)


def upgrade() -> None:
    """Forward."""
    _metadata.create_all(op.get_bind())


def downgrade() -> None:
    """Back."""
    _metadata.drop_all(op.get_bind())
