"""The backlog's numbers, and what is counted when jobs end."""

from __future__ import annotations

import pytest
from prometheus_client import REGISTRY

from sayit.scheduler.dispatch.backlog_gauges import BacklogGauges
from sayit.scheduler.jobs.metrics import job_ended
from sayit.speech.jobs import JobState

from .helper import FAR, dispatched, output, prepared, stores


def sample(name: str, **labels: str) -> float:
    """A metric's value now; 0 where it has none yet."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


class _Registry:
    """A registry of one transcriber."""

    class _One:
        model, slots, busy = "micro", 2, 1

    async def online(self, *, fresh_s: float = 0.0) -> list[_One]:
        return [self._One()]


async def test_the_gauges_show_the_backlog_and_nothing_once_it_is_gone(database_url: str) -> None:
    """Chunks count as waiting, queued or running, with their audio; a cancelled job is counted, and leaves 0."""
    cancelled = sample("sayit_jobs_ended_total", model="micro", end="cancelled")
    async with stores(database_url) as s:
        gauges = BacklogGauges(store=s.transcribers, registry=_Registry(), expected=1)  # type: ignore[arg-type]  # a fake
        job = await prepared(s, 4)
        await gauges.read()
        waiting = {"model": "micro", "lane": "bulk", "state": "waiting"}
        assert sample("sayit_backlog_chunks", **waiting) == 4
        assert sample("sayit_backlog_oldest_seconds", model="micro") > 0
        first, second, *_ = await dispatched(s, job.id)
        for message in (first, second):
            claim = await s.chunks.claim(message.chunk_id, message.dispatch, "t1", lease_until_s=FAR)
            assert claim is not None
        await s.chunks.commit(claim, output("a"))
        await gauges.read()
        found = {state: sample("sayit_backlog_chunks", **waiting | {"state": state}) for state in ("queued", "running")}
        assert found == {"queued": 2, "running": 1}
        assert sample("sayit_backlog_audio_seconds", **waiting | {"state": "queued"}) == 200 / 16_000
        assert sample("sayit_jobs_active", model="micro", state="running") == 1
        assert sample("sayit_transcribers_slots", model="micro") == 2
        await s.jobs.cancel_job("t", job.id)
        await gauges.read()
        assert sample("sayit_backlog_chunks", **waiting | {"state": "queued"}) == 0
        assert sample("sayit_jobs_active", model="micro", state="running") == 0
    assert sample("sayit_jobs_ended_total", model="micro", end="cancelled") == cancelled + 1


@pytest.mark.parametrize(("seconds", "length"), [(30, "30s"), (31, "2m"), (600, "10m"), (3600, "1h"), (3601, "longer")])
def test_a_jobs_duration_is_kept_by_its_length(seconds: int, length: str) -> None:
    """A bucket per length; what the cache answered and what failed would make it look better than it is."""
    before = sample("sayit_job_duration_seconds_count", length=length)
    audio = sample("sayit_job_audio_seconds_total", model="m")
    job_ended(JobState.COMPLETED, model="m", seconds=2.0, samples=seconds * 16_000, cached=False)
    job_ended(JobState.COMPLETED, model="m", seconds=0.1, samples=seconds * 16_000, cached=True)
    job_ended(JobState.FAILED, model="m", seconds=9.0, samples=None, cached=False, error_code="ENGINE_FAILED")
    assert sample("sayit_job_duration_seconds_count", length=length) == before + 1
    assert sample("sayit_job_audio_seconds_total", model="m") == audio + 2 * seconds
    assert sample("sayit_job_failures_total", code="ENGINE_FAILED") > 0
