"""The queue's contract between scheduler and transcribers: names, and a message that holds ids only.

Both sides of the queue read it; neither imports the other. Messages are JSON: a client of Redis can enqueue
a chunk that is not due (the claim is refused), and nothing more: whatever else it puts there is dropped.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

#: The arq function that a message calls.
RUN_CHUNK = "run_chunk"
#: What all names begin with where no installation says otherwise.
PREFIX = "sayit"
#: What an installation may choose: several can share one Redis.
PREFIX_PATTERN = r"^[A-Za-z0-9._-]{1,32}$"
_ID = re.compile(rb"([A-Za-z0-9_.-]{1,80}):([0-9]{1,9})")

#: Chunks that a transcriber holds beside those that it decodes together: one to go on with, one behind it.
PREFETCHED = 2


def queue_name(model: str, prefix: str = PREFIX) -> str:
    """The arq queue (a Redis sorted set) of the chunks that want this model."""
    return f"{prefix}:queue:{model}"


def wake_up_channel(model: str, prefix: str = PREFIX) -> str:
    """The pub/sub channel of the wake-ups for this model: the enqueued message's arq id, or nothing."""
    return f"{prefix}:doorbell:{model}"


def events_channel(job_id: str, prefix: str = PREFIX) -> str:
    """The pub/sub channel of a job's events."""
    return f"{prefix}:events:{job_id}"


@dataclass(frozen=True, kw_only=True)
class ChunkMessage:
    """One message: this chunk is due, under this dispatch number."""

    chunk_id: str
    #: Counts the dispatches of the chunk; a claim under an older number is refused.
    dispatch: int

    @property
    def arq_job_id(self) -> str:
        """Unique per dispatch, so that arq's own deduplication never drops a second dispatch."""
        return f"{self.chunk_id}:{self.dispatch}"

    @classmethod
    def parse(cls, arq_job_id: bytes) -> ChunkMessage | None:
        """The message that has this arq id; None for what no scheduler has put into a queue."""
        found = _ID.fullmatch(arq_job_id)
        return cls(chunk_id=found[1].decode(), dispatch=int(found[2])) if found else None


#: How much earlier than bulk work interactive work is ranked, in milliseconds: it overtakes every bulk chunk that has
#: been in the queue for less than half a minute, and starves none that has been there for longer.
HEAD_START_MS = 30_000


def score_of(now_ms: int, *, interactive: bool) -> float:
    """A message's place in the queue: milliseconds since the epoch; a half besides says that it is interactive."""
    return now_ms - HEAD_START_MS + 0.5 if interactive else float(now_ms)


def is_interactive(score: float) -> bool:
    """Whether a message with this score is for an interactive chunk."""
    return score % 1.0 != 0.0


def dumps(value: object) -> bytes:
    """The queue's serializer (never pickle: it would run what it reads)."""
    return json.dumps(value, default=str, separators=(",", ":")).encode()


def loads(data: bytes) -> dict[str, object]:
    """The queue's deserializer.

    Raises:
        ValueError: not a JSON object.
    """
    value = json.loads(data)
    if not isinstance(value, dict):
        raise ValueError("a queue message is a JSON object")  # noqa: TRY004  # wrong data, no wrong argument
    return value
