"""When jobs will be done: simulates the backlog as dispatcher and transcribers will work on it; pure.

A closed formula (processor sharing) misses what decides most: transcribers work in rounds, and all windows of a round
end together, so a job with one chunk in a full round waits for the whole of it. Here chunks are dispatched by
`order.fair_order`, taken by the transcriber that holds fewest, and done in rounds of as many as are decoded together;
interactive ones go first. Work is counted by cost (`order.cost`), in samples.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sayit.scheduler.dispatch.fairness import Share, Shares
from sayit.scheduler.dispatch.order import cost
from sayit.scheduler.jobs.records import JobRecord
from sayit.scheduler.jobs.transcribers import Backlog, RunningChunk
from sayit.speech.audio import INTERACTIVE_S, SAMPLE_RATE_HZ, samples_of
from sayit.speech.jobs import JobState

#: What is taken for the length of chunks that are not cut yet, in samples; full windows are cut at a pause.
_CHUNK = 26 * SAMPLE_RATE_HZ
#: The part of a round that may count as done before it is committed: a round that takes longer than it should goes on
#: for a while yet.
MOST_DONE = 0.85
#: Interactive chunks on a transcriber that are decoded together, like a backlog; fewer do not wait for each other.
_TOGETHER = 3
#: Slots that a transcriber keeps for interactive chunks.
_URGENT_SLOTS = 2
#: About so many pieces are simulated at most: in a longer backlog several chunks of a job are one piece.
_MOST_PIECES = 1000


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A transcriber in the simulation."""

    id: str
    #: Cost that it does in a second.
    cost_per_s: float
    #: Chunks that it decodes together.
    batch: int
    #: Chunks that it holds.
    slots: int
    #: What a round costs beside its chunks.
    round_cost: float = 0.0
    #: Cost that is done of what it holds.
    done: float = 0.0


@dataclass(frozen=True, kw_only=True, eq=False)
class _Piece:
    """Chunks of one job that are simulated as one."""

    share: Share
    interactive: bool
    chunks: int
    cost: float


@dataclass(eq=False)
class _Desk:
    """A worker while the backlog is simulated."""

    worker: Worker
    done: float
    held: list[_Piece] = field(default_factory=list)
    #: What it is doing; empty while it is idle.
    round: list[_Piece] = field(default_factory=list)
    #: Chunks that it holds.
    load: int = 0

    def take(self, piece: _Piece) -> None:
        """Holds one more."""
        self.held.append(piece)
        self.load += piece.chunks

    def begin(self) -> float:
        """Begins a round with what it holds; seconds that it takes."""
        urgent = [piece for piece in self.held if piece.interactive]
        if urgent:
            self.round = urgent if len(urgent) >= _TOGETHER else urgent[:1]
        else:
            self.round = self._full()
        rounds = max(1.0, sum(piece.chunks for piece in self.round) / self.worker.batch)
        whole = sum(piece.cost for piece in self.round) + rounds * self.worker.round_cost
        counted = min(self.done, MOST_DONE * whole)
        self.done -= counted
        return (whole - counted) / self.worker.cost_per_s

    def end(self) -> list[_Piece]:
        """Ends the round; what was done in it."""
        ended, self.round = self.round, []
        self.held = [piece for piece in self.held if piece not in ended]
        self.load = sum(piece.chunks for piece in self.held)
        return ended

    def _full(self) -> list[_Piece]:
        chosen: list[_Piece] = []
        for piece in self.held:
            if chosen and sum(each.chunks for each in chosen) + piece.chunks > self.worker.batch:
                break
            chosen.append(piece)
        return chosen


def ends(backlog: Backlog, workers: Sequence[Worker], *, limit: int) -> dict[str, float] | None:
    """Seconds until each job of the backlog has its last text; None while no transcriber's throughput is known.

    Args:
        backlog: the model's chunks that have no text yet.
        workers: its transcribers.
        limit: chunks that may be dispatched or running.
    """
    able = [worker for worker in workers if worker.cost_per_s > 0]
    return _Play(backlog, able, limit).run() if able else None


def one_by_one_s(job_id: str, backlog: Backlog, workers: Sequence[Worker]) -> float:
    """Seconds that a job's chunks take if each waits for the one before, on transcribers that do nothing else."""
    able = [worker.cost_per_s for worker in workers if worker.cost_per_s > 0]
    if not able:
        return 0.0
    left = sum(
        cost(each.due_chunks + each.held_chunks, each.due_samples + each.held_samples)
        for each in backlog.waiting
        if each.job_id == job_id
    )
    return left * len(able) / sum(able)


def preparing_s(job: JobRecord, now_s: float) -> float:
    """Seconds until the rest of a recording is decoded and cut, at the rate since its first chunk."""
    if job.chunks_total is not None or not job.samples_scanned or job.started_s is None:
        return 0.0
    per_sample_s = max(0.0, now_s - job.started_s) / job.samples_scanned
    return max(0, (job.samples_declared or 0) - job.samples_scanned) * per_sample_s


def redecoding_s(job: JobRecord, workers: Sequence[Worker], part: float) -> float:
    """Seconds that a recording's re-decodes will take, which are chosen when its chunks are done.

    Args:
        job: a job; of a recording of one chunk few are decoded again.
        workers: its model's transcribers.
        part: the engine time that re-decodes take, as a part of their chunks'.
    """
    samples = (job.samples_declared or 0) if job.chunks_total is None else job.samples_chunked
    speed = sum(worker.cost_per_s for worker in workers)
    if job.state is JobState.MERGING or samples <= samples_of(INTERACTIVE_S) or not speed:
        return 0.0
    return part * cost(samples / _CHUNK, samples) / speed


class _Play:
    def __init__(self, backlog: Backlog, workers: Sequence[Worker], limit: int) -> None:
        self._desks = [_Desk(worker=worker, done=worker.done) for worker in workers]
        self._flying: Counter[bool] = Counter()
        self._shares = {True: Shares(), False: Shares()}
        self._due: dict[tuple[str, bool], deque[_Piece]] = {}
        self._queue: dict[bool, deque[_Piece]] = {True: deque(), False: deque()}
        self._rounds: list[tuple[float, int]] = []
        self._ends: dict[str, float] = {}
        chunks = sum(each.due_chunks + each.held_chunks for each in backlog.waiting)
        chunks += sum(each.samples // _CHUNK for each in backlog.uncut)
        self._grain = max(1, math.ceil(chunks / _MOST_PIECES))
        # Every transcriber has a piece to do and one to go on with.
        self._limit = max(limit, 2 * self._grain * len(workers)) if self._grain > 1 else limit
        self._lay_out(backlog)

    def run(self) -> dict[str, float]:
        """Runs until nothing is left."""
        self._go_on(0.0)
        while self._rounds:
            now_s, number = heapq.heappop(self._rounds)
            for piece in self._desks[number].end():
                self._ends[piece.share.job_id] = now_s
                self._count_in_flight(piece, -1)
            self._go_on(now_s)
        return self._ends

    def _lay_out(self, backlog: Backlog) -> None:
        """Sets the simulation to the backlog's present state."""
        since_s: dict[str, float] = {}
        for each in backlog.waiting:
            since_s[each.job_id] = min(each.due_s or math.inf, since_s.get(each.job_id, math.inf))
        tenants = {each.job_id: each.tenant for each in backlog.waiting}
        tenants |= {rest.job_id: rest.tenant for rest in backlog.uncut}
        shares = {
            job_id: Share(tenant=tenant, job_id=job_id, since=(since_s.get(job_id, math.inf), 0))
            for job_id, tenant in tenants.items()
        }
        taken = self._assign(backlog.running, shares)
        for each in backlog.waiting:
            share = shares[each.job_id]
            queued = max(0, each.held_chunks - taken[each.job_id, each.interactive])
            mean = each.held_samples / max(1, each.held_chunks)
            for piece in self._pieces(share, each.interactive, queued, queued * mean):
                self._queue[each.interactive].append(piece)
                self._count_in_flight(piece)
            self._wait(self._pieces(share, each.interactive, each.due_chunks, each.due_samples))
        for rest in backlog.uncut:
            count = max(1, round(rest.samples / _CHUNK))
            self._wait(self._pieces(shares[rest.job_id], False, count, rest.samples))

    def _assign(self, running: Sequence[RunningChunk], shares: Mapping[str, Share]) -> Counter[tuple[str, bool]]:
        """Gives transcribers the chunks that they hold; returns how many, by job and lane."""
        desks = {desk.worker.id: desk for desk in self._desks}
        taken: Counter[tuple[str, bool]] = Counter()
        for each in sorted(running, key=lambda one: one.started_s):
            desk, share = desks.get(each.transcriber_id), shares.get(each.job_id)
            if desk is not None and share is not None:
                piece = _Piece(share=share, interactive=each.interactive, chunks=1, cost=cost(1, each.samples))
                desk.take(piece)
                self._count_in_flight(piece)
                taken[each.job_id, each.interactive] += 1
        return taken

    def _pieces(self, share: Share, interactive: bool, chunks: int, samples: float) -> list[_Piece]:
        counts = [self._grain] * (chunks // self._grain) + [chunks % self._grain] * bool(chunks % self._grain)
        return [
            _Piece(share=share, interactive=interactive, chunks=count, cost=cost(chunks, samples) * count / chunks)
            for count in counts
        ]

    def _wait(self, pieces: Sequence[_Piece]) -> None:
        for piece in pieces:
            self._due.setdefault((piece.share.job_id, piece.interactive), deque()).append(piece)
        if pieces:
            self._shares[pieces[0].interactive].want(pieces[0].share)

    def _count_in_flight(self, piece: _Piece, sign: int = 1) -> None:
        """Counts what is dispatched or running; in both lanes, as a job's share is the same in each."""
        self._flying[piece.interactive] += sign * piece.chunks
        for shares in self._shares.values():
            shares.hold(piece.share, sign * piece.cost)

    def _go_on(self, now_s: float) -> None:
        """Dispatches, lets transcribers take, and begins rounds where there is none."""
        self._dispatch()
        for interactive, queue in self._queue.items():
            while queue:
                desk = min(self._desks, key=lambda each: (each.load, -each.worker.cost_per_s))
                if desk.load >= desk.worker.slots + _URGENT_SLOTS * interactive:
                    break
                desk.take(queue.popleft())
                self._dispatch()
        for number, desk in enumerate(self._desks):
            if desk.held and not desk.round:
                heapq.heappush(self._rounds, (now_s + desk.begin(), number))

    def _dispatch(self) -> None:
        for interactive, shares in self._shares.items():
            while self._room(interactive) > 0 and (share := shares.next()) is not None:
                due = self._due[share.job_id, interactive]
                piece = due.popleft()
                if not due:
                    shares.enough(share)
                self._queue[interactive].append(piece)
                self._count_in_flight(piece)

    def _room(self, interactive: bool) -> int:
        return self._limit - (self._flying[True] if interactive else self._flying.total())
