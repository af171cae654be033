"""Which chunks are dispatched next, and how many: room, cost and fair order; pure."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sayit.scheduler.dispatch.fairness import Share, Shares
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


def choose(in_flight: Sequence[InFlight], limit: int, due: Callable[[int], Sequence[DueChunk]]) -> Sequence[DueChunk]:
    """The next chunks of a model to dispatch; see `ChooseChunks`."""
    space = room(limit=limit, in_flight=in_flight)
    return fair_order(due(space.most), in_flight=in_flight, room=space) if space.most else ()


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
    shares = Shares()
    for each in in_flight:
        shares.hold(Share(tenant=each.tenant, job_id=each.job_id), cost(each.chunks, each.samples))
    lanes: dict[bool, list[DueChunk]] = {True: [], False: []}
    for chunk in due:
        lanes[chunk.interactive].append(chunk)
    chosen = _taken(lanes[True], shares, room.interactive)
    return chosen + _taken(lanes[False], shares, max(room.any - len(chosen), room.bulk_share))


def _taken(lane: Iterable[DueChunk], shares: Shares, count: int) -> list[DueChunk]:
    """Chooses from one lane, each job's chunks in order of index, and counts them as held."""
    waiting: defaultdict[str, deque[DueChunk]] = defaultdict(deque)
    for chunk in sorted(lane, key=lambda chunk: chunk.index):
        waiting[chunk.job_id].append(chunk)
    for chunks in waiting.values():
        shares.want(_share(chunks[0]))
    chosen: list[DueChunk] = []
    while len(chosen) < count and (turn := shares.next()) is not None:
        chunks = waiting[turn.job_id]
        chosen.append(chunks.popleft())
        if chunks:
            turn = _share(chunks[0])
            shares.want(turn)
        else:
            shares.enough(turn)
        shares.hold(turn, cost(1, chosen[-1].samples))
    for chunks in waiting.values():
        if chunks:
            shares.enough(_share(chunks[0]))
    return chosen


def _share(chunk: DueChunk) -> Share:
    return Share(tenant=chunk.tenant, job_id=chunk.job_id, since=(chunk.due_s, chunk.index))
