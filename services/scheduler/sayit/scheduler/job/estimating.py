"""How long a job will take, and how many chunks go before its next one; pure.

Work is counted by cost (`rules.cost`), in samples. Who shares the transcribers with whom is processor sharing at two
levels, as `rules.fair_order` makes it: tenants get equal parts, and so do the jobs of a tenant; until a job has had
its work W, another one has had at most W as well, or all of its own. Interactive work goes before bulk work.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sayit.scheduler.job.records import JobRecord, Running, Waiting
from sayit.scheduler.job.rules import cost
from sayit.speech.audio import SAMPLE_RATE_HZ
from sayit.speech.jobs import JobState
from sayit.speech.options import Context

#: What is taken for the length of chunks that are not cut yet, in samples; full windows are cut at a pause.
_CHUNK = 26 * SAMPLE_RATE_HZ
#: The part of a chunk that may count as done before it is committed.
_MOST_DONE = 0.95


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """What the transcribers of a model do in a second of engine time, each by its id, in cost."""

    cost_per_s: Mapping[str, float]

    @property
    def total(self) -> float:
        """All of them together."""
        return sum(self.cost_per_s.values())


@dataclass(frozen=True, kw_only=True)
class _Work:
    """What is left of a job in a lane: so many chunks of so much cost."""

    tenant: str
    job_id: str
    interactive: bool
    cost: float


def queue_position(job_id: str, waiting: Sequence[Waiting]) -> int | None:
    """Chunks of other jobs that are dispatched before this job's next one; None if none of it waits.

    Exact for chunks of equal cost; a fair estimate otherwise.
    """
    mine = next((w for w in _interactive_first(waiting) if w.job_id == job_id and w.due_chunks), None)
    if mine is None:
        return None
    held_by_tenant: defaultdict[str, float] = defaultdict(float)
    held_by_job: defaultdict[str, float] = defaultdict(float)
    for each in waiting:
        held_by_tenant[each.tenant] += cost(each.held_chunks, each.held_samples)
        held_by_job[each.job_id] += cost(each.held_chunks, each.held_samples)
    lane = [w for w in waiting if w.interactive is mine.interactive and w.due_chunks and w.job_id != job_id]
    before = 0
    bound = held_by_tenant[mine.tenant]
    for each in (w for w in lane if w.tenant == mine.tenant):
        count = _turns(each, held_by_job[each.job_id], held_by_job[job_id], mine)
        before += count
        bound += count * _each(each)
    for tenant in {w.tenant for w in lane} - {mine.tenant}:
        theirs = [w for w in lane if w.tenant == tenant]
        first = min(theirs, key=lambda w: w.due_s)
        together = replace(
            first,
            due_chunks=sum(w.due_chunks for w in theirs),
            due_samples=sum(w.due_samples for w in theirs),
        )
        before += _turns(together, held_by_tenant[tenant], bound, mine)
    if not mine.interactive:
        before += sum(w.due_chunks for w in waiting if w.interactive and w.job_id != job_id)
    return before


def remaining_s(
    job: JobRecord, waiting: Sequence[Waiting], running: Sequence[Running], capacity: Capacity, *, now_s: float
) -> float | None:
    """Seconds until a job's last chunk is done; None while no transcriber's speed is known.

    Args:
        job: an unfinished job.
        waiting: the model's chunks that wait or are held, by job and lane.
        running: those that transcribers hold.
        capacity: how fast these are.
        now_s: when `running` was looked at.
    """
    if capacity.total <= 0:
        return None
    done = _done_so_far(running, capacity, now_s)
    own = [w for w in waiting if w.job_id == job.id]
    chunks, samples = _left(job, own)
    mine = max(0.0, cost(chunks, samples) - done[job.id])
    works = [
        _Work(
            tenant=w.tenant,
            job_id=w.job_id,
            interactive=w.interactive,
            cost=cost(w.due_chunks + w.held_chunks, w.due_samples + w.held_samples),
        )
        for w in waiting
        if w.job_id != job.id
    ]
    works = [replace(w, cost=max(0.0, w.cost - done[w.job_id])) for w in works]
    interactive = bool(own) and all(w.interactive for w in own) and job.samples_total is not None
    shared = _shared(mine, job, [w for w in works if w.interactive is interactive])
    first = 0.0 if interactive else sum(w.cost for w in works if w.interactive)
    # A chunk is one transcriber's: three of them on two transcribers take as long as four.
    count = len(capacity.cost_per_s)
    if job.options.context is Context.SEQUENTIAL:
        count = 1  # whoever has the next chunk waits for the one before
    rounds = max(1.0, chunks / count) if job.chunks_total is None else math.ceil(chunks / count)
    alone = mine / chunks * rounds / (capacity.total / len(capacity.cost_per_s))
    return max((first + shared) / capacity.total, alone, _preparing_s(job, now_s))


def _preparing_s(job: JobRecord, now_s: float) -> float:
    """Seconds until the rest of a recording is decoded and cut, if it goes on as it did since its first chunk."""
    if job.chunks_total is not None or not job.samples_scanned or job.started_s is None:
        return 0.0
    per_sample_s = max(0.0, now_s - job.started_s) / job.samples_scanned
    return max(0, (job.samples_declared or 0) - job.samples_scanned) * per_sample_s


def _interactive_first(waiting: Iterable[Waiting]) -> list[Waiting]:
    return sorted(waiting, key=lambda w: not w.interactive)


def _each(waiting: Waiting) -> float:
    """Mean cost of a waiting chunk."""
    return cost(waiting.due_chunks, waiting.due_samples) / waiting.due_chunks


def _turns(theirs: Waiting, held: float, bound: float, mine: Waiting) -> int:
    """How often others go first: until they hold more than we do, or as much and have not waited longer."""
    each = _each(theirs)
    count = max(0, int(-(-(bound - held) // each)))
    if held + count * each == bound and theirs.due_s <= mine.due_s:
        count += 1
    return min(count, theirs.due_chunks)


def _left(job: JobRecord, own: Sequence[Waiting]) -> tuple[float, float]:
    """Chunks and samples that have no text yet; those that are not cut yet by the recording's declared length."""
    if job.state is JobState.MERGING:
        # What is left is second looks.
        return (
            max(1, sum(w.due_chunks + w.held_chunks for w in own)),
            sum(w.due_samples + w.held_samples for w in own),
        )
    samples = max(0, job.samples_chunked - job.samples_done)
    if job.chunks_total is not None:
        return max(1, job.chunks_total - job.chunks_done), samples
    expected = max(job.samples_declared or 0, job.samples_scanned)
    speaking = job.samples_chunked / job.samples_scanned if job.samples_scanned else 1.0
    uncut = (expected - job.samples_scanned) * speaking
    cut = sum(w.due_chunks + w.held_chunks for w in own)
    return max(1.0, cut + uncut / _CHUNK), samples + uncut


def _done_so_far(running: Sequence[Running], capacity: Capacity, now_s: float) -> defaultdict[str, float]:
    """What running chunks have had of their transcribers, by job: these divide themselves evenly."""
    sharing: defaultdict[str, int] = defaultdict(int)
    for each in running:
        sharing[each.transcriber_id] += 1
    done: defaultdict[str, float] = defaultdict(float)
    for each in running:
        speed = capacity.cost_per_s.get(each.transcriber_id, 0.0) / sharing[each.transcriber_id]
        done[each.job_id] += min(_MOST_DONE * cost(1, each.samples), speed * max(0.0, now_s - each.started_s))
    return done


def _shared(mine: float, job: JobRecord, others: Iterable[_Work]) -> float:
    """What is done in a lane until this job has had its work, its own included."""
    tenants: defaultdict[str, float] = defaultdict(float)
    own = mine
    for work in others:
        if work.tenant == job.tenant:
            own += min(work.cost, mine)
        else:
            tenants[work.tenant] += work.cost
    return own + sum(min(theirs, own) for theirs in tenants.values())
