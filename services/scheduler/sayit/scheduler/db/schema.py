"""The schema that the code uses. `migrations/` builds it; a test compares both.

Times are seconds since the epoch (double). Every row of a user's data carries the tenant, jobs and uploads the key too.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    cast,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("tenant", String(64), nullable=False),
    Column("key_id", String(64), nullable=False),
    Column("filename", Text, nullable=False),
    Column("size", BigInteger),
    Column("received", BigInteger, nullable=False),
    Column("created_s", Double, nullable=False),
    Column("expires_s", Double, nullable=False, index=True),
)

upload_parts = Table(
    "upload_parts",
    metadata,
    Column("upload_id", ForeignKey("uploads.id", ondelete="CASCADE"), primary_key=True),
    Column("offset", BigInteger, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("object_key", Text, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("tenant", String(64), nullable=False),
    Column("key_id", String(64), nullable=False),
    Column("upload_id", ForeignKey("uploads.id"), nullable=False, index=True),
    Column("filename", Text, nullable=False),
    Column("options", Text, nullable=False),
    Column("model", String(128), nullable=False),
    Column("state", String(16), nullable=False),
    Column("idempotency_key", String(128)),
    Column("created_s", Double, nullable=False),
    Column("started_s", Double),
    Column("finished_s", Double),
    Column("expires_s", Double, index=True),
    Column("error_code", String(64), nullable=False, server_default=""),
    Column("error_details", Text, nullable=False, server_default="{}"),
    Column("cached", Boolean, nullable=False, server_default=text("false")),
    Column("warnings", Text, nullable=False, server_default="[]"),
    Column("last_seq", BigInteger, nullable=False, server_default="0"),
    Column("samples_total", BigInteger),
    Column("samples_declared", BigInteger),
    Column("samples_scanned", BigInteger, nullable=False, server_default="0"),
    #: Audio channels that are transcribed side by side.
    Column("channels", Integer, nullable=False, server_default="1"),
    Column("samples_chunked", BigInteger, nullable=False, server_default="0"),
    Column("samples_done", BigInteger, nullable=False, server_default="0"),
    Column("chunks_total", Integer),
    Column("chunks_done", Integer, nullable=False, server_default="0"),
    Column("speech", Text, nullable=False, server_default="[]"),
    Column("cache_key", String(64), nullable=False, server_default=""),
    Column("traceparent", String(64), nullable=False, server_default=""),
    Column("prepare_attempts", Integer, nullable=False, server_default="0"),
    #: One "name=value" a line, each with a line break before and behind it; empty for none.
    Column("labels", Text, nullable=False, server_default=""),
    #: Where the client is told of its end; empty for nowhere.
    Column("callback_url", Text, nullable=False, server_default=""),
    #: Newest version of its transcript, see `transcript_versions`; 0 for the model's own text.
    Column("transcript_version", Integer, nullable=False, server_default="0"),
    #: Which scheduler prepares or merges it, and until when others must not.
    Column("lease_owner", String(64)),
    Column("lease_until_s", Double),
    Index(None, "tenant", "created_s", "id"),
    Index(None, "state"),
    Index("uq_jobs_tenant_idempotency_key", "tenant", "idempotency_key", unique=True),
)

chunks = Table(
    "chunks",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("tenant", String(64), nullable=False),
    Column("model", String(128), nullable=False),
    Column("start_sample", BigInteger, nullable=False),
    Column("end_sample", BigInteger, nullable=False),
    #: Length of its audio: what it costs.
    Column("samples", BigInteger, nullable=False, server_default="0"),
    Column("hard_start", Boolean, nullable=False),
    Column("hard_end", Boolean, nullable=False),
    Column("object_key", Text, nullable=False),
    Column("interactive", Boolean, nullable=False),
    #: Audio channel, from 1; 0 where channels were mixed.
    Column("channel", Integer, nullable=False, server_default="0"),
    #: Audio, model and options, hashed; empty where its text is not to be kept for other jobs.
    Column("cache_key", String(64), nullable=False, server_default=""),
    #: Stretches of the recording that its audio is made of (JSON); empty for start_sample to end_sample.
    Column("pieces", Text, nullable=False, server_default=""),
    #: Why it is decoded again; empty for the chunks that a recording is cut into.
    Column("look", String(16), nullable=False, server_default=""),
    #: Decode options in place of the job's (JSON); empty for none.
    Column("decoding", Text, nullable=False, server_default=""),
    Column("state", String(16), nullable=False),
    Column("due_s", Double, nullable=False),
    #: Number of the newest dispatch, and when it happened; NULL while the chunk is not in the queue.
    Column("dispatch", Integer, nullable=False, server_default="0"),
    Column("dispatched_s", Double),
    #: The fencing token of the current attempt, and its lease.
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("lease_until_s", Double),
    Column("on_engine", Boolean, nullable=False, server_default=text("false")),
    Column("crashes", Integer, nullable=False, server_default="0"),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("interruptions", Integer, nullable=False, server_default="0"),
    #: Serialized output, see `codec`; NULL until done.
    Column("output", LargeBinary),
    Index("uq_chunks_job_id_number", "job_id", "number", unique=True),
    Index(None, "state", "model"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("chunk_id", ForeignKey("chunks.id", ondelete="CASCADE"), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("dispatch", Integer, nullable=False),
    Column("transcriber_id", String(64), nullable=False),
    Column("started_s", Double, nullable=False),
    Column("ended_s", Double),
    #: running, committed, interrupted, crashed, failed, dropped.
    Column("outcome", String(16), nullable=False),
    Column("detail", Text, nullable=False, server_default=""),
    #: Writes that came after the attempt was no longer the current one.
    Column("late_writes", Integer, nullable=False, server_default="0"),
)

events = Table(
    "events",
    metadata,
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    #: A serialized sayit.v1.JobEvent.
    Column("payload", LargeBinary, nullable=False),
)

cache = Table(
    "cache",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("cache_key", String(64), primary_key=True),
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("expires_s", Double, nullable=False, index=True),
)

chunk_cache = Table(
    "chunk_cache",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("cache_key", String(64), primary_key=True),
    #: The job that it came from: its text goes when the job is deleted.
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False, index=True),
    #: Serialized output, see `codec`, with times from the chunk's start.
    Column("output", LargeBinary, nullable=False),
    Column("expires_s", Double, nullable=False, index=True),
)

vocabularies = Table(
    "vocabularies",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("name", String(64), primary_key=True),
    #: Text before the audio: it sets style, names, context.
    Column("prompt", Text, nullable=False),
    #: Words to expect (JSON list).
    Column("words", Text, nullable=False),
    Column("created_s", Double, nullable=False),
    Column("updated_s", Double, nullable=False),
)

transcript_versions = Table(
    "transcript_versions",
    metadata,
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("created_s", Double, nullable=False),
    Column("key_id", String(64), nullable=False),
    #: What it changed: a serialized sayit.v1.Corrections.
    Column("changes", LargeBinary, nullable=False),
)

live_sessions = Table(
    "live_sessions",
    metadata,
    #: A job in RECEIVING, whose lease is the session's, or one that was.
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    #: How its client sends audio and what it wants (JSON).
    Column("options", Text, nullable=False),
    #: Where it goes on: the utterance, its committed words (JSON); empty at its beginning.
    Column("state", Text, nullable=False, server_default=""),
)

transcribers = Table(
    "transcribers",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("model", String(128), nullable=False),
    Column("slots", Integer, nullable=False),
    Column("busy", Integer, nullable=False),
    Column("audio_s", Double, nullable=False),
    Column("compute_s", Double, nullable=False),
    Column("draining", Boolean, nullable=False),
    Column("seen_s", Double, nullable=False),
    #: What its text depends on beside the request, hashed; empty where it does not say.
    Column("revision", String(64), nullable=False, server_default=""),
)

webhooks = Table(
    "webhooks",
    metadata,
    #: The message's id, the same in every attempt.
    Column("id", String(64), primary_key=True),
    Column("tenant", String(64), nullable=False),
    #: Not a reference: a job may expire while its message is still being tried.
    Column("job_id", String(64), nullable=False, index=True),
    Column("url", Text, nullable=False),
    #: What is sent, byte for byte.
    Column("body", Text, nullable=False),
    #: See `webhooks.DeliveryState`.
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("created_s", Double, nullable=False),
    Column("due_s", Double, nullable=False),
    #: Until when an attempt is under way.
    Column("lease_until_s", Double),
    Column("expires_s", Double, nullable=False, index=True),
    #: The last answer's, 0 for none; and what went wrong.
    Column("status", Integer, nullable=False, server_default="0"),
    Column("detail", Text, nullable=False, server_default=""),
    Index(None, "state", "due_s"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("at_s", Double, nullable=False, index=True),
    Column("tenant", String(64), nullable=False),
    #: Who did it: a key, "local" without keys, or "scheduler".
    Column("key_id", String(64), nullable=False),
    Column("action", String(32), nullable=False),
    #: Whom it was done to: a job's id, a vocabulary's name.
    Column("subject", String(64), nullable=False),
    Column("detail", Text, nullable=False, server_default=""),
)

usage = Table(
    "usage",
    metadata,
    #: Not a reference: what a job used is known after it is gone.
    Column("job_id", String(64), primary_key=True),
    Column("tenant", String(64), nullable=False),
    Column("key_id", String(64), nullable=False),
    Column("model", String(128), nullable=False),
    Column("ended_s", Double, nullable=False, index=True),
    #: completed, cached (answered without the model), failed, cancelled.
    Column("outcome", String(16), nullable=False),
    Column("error_code", String(64), nullable=False, server_default=""),
    #: Length of the recording; 0 where it was not known.
    Column("audio_s", Double, nullable=False, server_default="0"),
    #: From acceptance to the transcript; NULL without one, and for live sessions, which last as long as their speaker.
    Column("seconds", Double),
)

api_keys = Table(
    "api_keys",
    metadata,
    #: The public part of what the key reads.
    Column("id", String(64), primary_key=True),
    Column("tenant", String(64), nullable=False, index=True),
    Column("name", Text, nullable=False),
    #: Separated by spaces.
    Column("scopes", Text, nullable=False),
    #: Random bytes, and SHA-256 of them and the secret; both empty for a key that signs, whose secret is made anew.
    Column("salt", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("created_s", Double, nullable=False),
    Column("expires_s", Double),
    Column("revoked_s", Double),
    #: To about a minute.
    Column("last_used_s", Double),
    #: How many requests it may send; empty: as the installation's keys do.
    Column("requests", Text, nullable=False, server_default=""),
    #: Networks from which it may be used, separated by spaces; empty: from anywhere.
    Column("addresses", Text, nullable=False, server_default=""),
)

legal_holds = Table(
    "legal_holds",
    metadata,
    Column("tenant", String(64), primary_key=True),
    #: Empty: all that the tenant has.
    Column("job_id", String(64), primary_key=True),
    Column("reason", Text, nullable=False),
    #: Who placed it.
    Column("key_id", String(64), nullable=False),
    Column("created_s", Double, nullable=False),
)

share_links = Table(
    "share_links",
    metadata,
    #: The public part of the link's token.
    Column("id", String(64), primary_key=True),
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False, index=True),
    #: Random bytes, and SHA-256 of them and the secret.
    Column("salt", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("created_s", Double, nullable=False),
    Column("expires_s", Double, nullable=False, index=True),
    #: To about a minute.
    Column("last_used_s", Double),
)

job_texts = Table(
    "job_texts",
    metadata,
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    #: The newest version's text, see `jobs.text_search`.
    Column("text", Text, nullable=False),
)

object_garbage = Table(
    "bin",
    metadata,
    #: Every object under it is to be deleted.
    Column("prefix", Text, primary_key=True),
    Column("created_s", Double, nullable=False),
)


def whole(number: ColumnElement[Any]) -> ColumnElement[int]:
    """A sum as an integer: PostgreSQL's sums of wide integers are decimals."""
    return cast(number, BigInteger)
