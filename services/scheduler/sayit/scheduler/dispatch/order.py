"""Which chunks are dispatched next, and how many: room, cost and fair order; pure."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sayit.scheduler.jobs.records import DueChunk, InFlight
from sayit.speech.audio import samples_of

#: One part in so many of the room in the queue is kept for bulk work.
BULK_SHARE = 4
#: Samples in the longest window, and what a shorter one has more than its chunk.
_WINDOW, _PADDING = samples_of(30.0), samples_of(5.0)


@dataclass(frozen=True, kw_only=True)
class Room:
    """How many more chunks may be dispatched."""

    #: Of any kind.
    any: int
    #: Interactive ones: they have the room for themselves, or a backlog of bulk work would be in front of them.
    interactive: int
    #: Bulk ones at least, however many interactive ones there are.
    bulk_share: int

    @property
    def most(self) -> int:
        """The most that can be chosen of one job."""
        return max(self.interactive, self.bulk_share)


def room(*, limit: int, in_flight: Sequence[InFlight]) -> Room:
    """The room that is left in a queue for `limit` chunks: as many as transcribers hold, and a few more.

    A quarter of it is kept for bulk work, so that many short files do not starve it.
    """
    interactive = sum(each.chunks for each in in_flight if each.interactive)
    bulk = sum(each.chunks for each in in_flight if not each.interactive)
    share = -(-limit // BULK_SHARE)
    return Room(
        any=max(0, limit - interactive - bulk),
        interactive=max(0, limit - interactive),
        bulk_share=max(0, share - bulk),
    )


def cost(chunks: float, samples: float) -> float:
    """What chunks cost, in samples: encoding a window costs about as much as decoding the speech of a full one.

    (Whisper Small on one core: 1.5 s to encode 30 s, 1.25 s for their 100 tokens.) Windows are as long as the chunk and
    some silence, see the transcriber's `engine/windows.py`.
    """
    return min(chunks * _WINDOW, samples + chunks * _PADDING) + samples


def fair_order(due: Iterable[DueChunk], *, in_flight: Sequence[InFlight], room: Room) -> list[DueChunk]:
    """The next chunks to dispatch: interactive ones first, each lane fair over tenants, then over their jobs.

    Start-time fair queueing: the one that holds least, by cost, goes next; of equals, the one that waits longest.

    Args:
        due: candidates.
        in_flight: what is dispatched or running.
        room: how many.
    """
    held = _Held(in_flight)
    lanes: dict[bool, list[DueChunk]] = {True: [], False: []}
    for chunk in due:
        lanes[chunk.interactive].append(chunk)
    chosen = held.take(lanes[True], room.interactive)
    return chosen + held.take(lanes[False], max(room.any - len(chosen), room.bulk_share))


class _Held:
    """What tenants and their jobs hold, by cost."""

    def __init__(self, in_flight: Iterable[InFlight]) -> None:
        self._tenants: defaultdict[str, float] = defaultdict(float)
        self._jobs: defaultdict[str, float] = defaultdict(float)
        for each in in_flight:
            self._add(each.tenant, each.job_id, cost(each.chunks, each.samples))

    def _add(self, tenant: str, job_id: str, amount: float) -> None:
        self._tenants[tenant] += amount
        self._jobs[job_id] += amount

    def take(self, lane: Iterable[DueChunk], count: int) -> list[DueChunk]:
        """Chooses from one lane, each job's chunks in order of index, and counts them as held."""
        jobs: defaultdict[str, deque[DueChunk]] = defaultdict(deque)
        for chunk in sorted(lane, key=lambda chunk: chunk.index):
            jobs[chunk.job_id].append(chunk)
        chosen: list[DueChunk] = []
        while jobs and len(chosen) < count:
            best = min((waiting[0] for waiting in jobs.values()), key=self._rank)
            jobs[best.job_id].popleft()
            if not jobs[best.job_id]:
                del jobs[best.job_id]
            chosen.append(best)
            self._add(best.tenant, best.job_id, cost(1, best.samples))
        return chosen

    def _rank(self, chunk: DueChunk) -> tuple[float, float, float, int]:
        return self._tenants[chunk.tenant], self._jobs[chunk.job_id], chunk.due_s, chunk.index
