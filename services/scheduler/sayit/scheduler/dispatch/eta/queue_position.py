"""How many chunks go before a job's next one; pure.

Work is counted by cost (`order.cost`), in samples. The transcribers are shared (processor sharing) at two levels,
as `order.fair_order` makes it: tenants get equal parts, and so do the jobs of a tenant; until a job has had
its work W, another one has had at most W as well, or all of its own. Interactive work goes before bulk work.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from sayit.scheduler.dispatch.order import cost
from sayit.scheduler.jobs.transcribers import WaitingChunks


def queue_position(job_id: str, waiting: Sequence[WaitingChunks]) -> int | None:
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


def _interactive_first(waiting: Iterable[WaitingChunks]) -> list[WaitingChunks]:
    return sorted(waiting, key=lambda w: not w.interactive)


def _each(waiting: WaitingChunks) -> float:
    """Mean cost of a waiting chunk."""
    return cost(waiting.due_chunks, waiting.due_samples) / waiting.due_chunks


def _turns(theirs: WaitingChunks, held: float, bound: float, mine: WaitingChunks) -> int:
    """How often others go first: until they hold more than we do, or as much and have not waited longer."""
    each = _each(theirs)
    count = max(0, int(-(-(bound - held) // each)))
    if held + count * each == bound and theirs.due_s <= mine.due_s:
        count += 1
    return min(count, theirs.due_chunks)
