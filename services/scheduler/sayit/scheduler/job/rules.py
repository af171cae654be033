"""Rules that need no database: who goes next, and when a chunk is given up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from sayit.scheduler.job.records import DueChunk, InFlight
from sayit.speech.errors import ErrorKind

#: Crashes in a row after which a chunk is set aside; the later ones happened alone on a transcriber.
MAX_CRASHES = 3
#: Engine errors after which a chunk is given up.
MAX_FAILURES = 3


def verdict(*, crashes: int, failures: int) -> ErrorKind | None:
    """The error that ends the job of a chunk with these counts, or None to try the chunk again.

    Interruptions do not count: a rolling restart must never use up a healthy chunk's attempts.
    """
    if crashes >= MAX_CRASHES:
        return ErrorKind.CHUNK_QUARANTINED
    if failures >= MAX_FAILURES:
        return ErrorKind.ENGINE_FAILED
    return None


def room(*, slots: int, ahead: int, in_flight: Sequence[InFlight]) -> tuple[int, int]:
    """How many more chunks may be dispatched: (of any kind, of interactive ones).

    The queue holds a few chunks beyond the free slots, so that no transcriber waits for the scheduler. Interactive
    chunks have that room for themselves, or a backlog of bulk work in the queue would be in front of them.
    """
    limit = slots + ahead
    interactive = sum(chunk.interactive for chunk in in_flight)
    return max(0, limit - len(in_flight)), max(0, limit - interactive)


def fair_order(
    due: Iterable[DueChunk], *, in_flight: Sequence[InFlight], count: int, interactive_count: int
) -> list[DueChunk]:
    """The next chunks to dispatch: interactive ones first, then fair over tenants, then over their jobs.

    Start-time fair queueing with unit costs: whoever holds least of what runs goes next; ties go to whoever waits
    longest.

    Args:
        due: candidates, each job's in order of index.
        in_flight: every chunk that is dispatched or running.
        count: room for chunks of any kind.
        interactive_count: room for interactive chunks, at least `count`.
    """
    waiting = sorted(due, key=lambda chunk: (chunk.due_s, chunk.index))
    tenants = Counter(chunk.tenant for chunk in in_flight)
    jobs = Counter(chunk.job_id for chunk in in_flight)
    chosen: list[DueChunk] = []
    while waiting:
        best = min(waiting, key=lambda c: (not c.interactive, tenants[c.tenant], jobs[c.job_id], c.due_s, c.index))
        if len(chosen) >= (interactive_count if best.interactive else count):
            break
        waiting.remove(best)
        chosen.append(best)
        tenants[best.tenant] += 1
        jobs[best.job_id] += 1
    return chosen
