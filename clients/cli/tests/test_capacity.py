"""`sayit capacity`."""

from __future__ import annotations

import pytest

from sayit.cli.capacity import forecast
from sayit.speech.jobs import Job, JobState, Progress
from sayit.speech.options import Options
from sayit.speech.system import TranscriberStatus


def _job(hour: int, audio_s: float, *, cached: bool = False) -> Job:
    return Job(
        id="j",
        state=JobState.COMPLETED,
        options=Options(),
        progress=Progress(audio_total_s=audio_s),
        filename="",
        created_at_s=hour * 3600.0,
        model="small",
        cached=cached,
    )


def test_the_busiest_hour_decides() -> None:
    """Two hours of audio in an hour with 60 % more, at 2 seconds a second each: 80 % of two, so three are needed."""
    jobs = [_job(1, 600), _job(2, 3600), _job(2, 3600), _job(2, 9000, cached=True)]
    there = [
        TranscriberStatus(id=name, model="small", slots=2, busy=0, speed=speed)
        for name, speed in (("a", 2), ("b", 2), ("c", 0))
    ]
    (found,) = forecast(jobs, there[:2], growth=0.6)
    assert (found.jobs, found.audio_s, found.busiest_hour_s, found.speed) == (4, 7800, 7200, 4)
    assert found.used == pytest.approx(0.8)
    assert found.needed == 3
    (with_a_new_one,) = forecast(jobs, there, growth=0.6)
    assert with_a_new_one.speed == 6, "one that was not measured yet counts as the others"


def test_nothing_is_invented_without_a_measured_speed() -> None:
    """A model without transcribers, and transcribers without jobs."""
    (found,) = forecast([_job(1, 600)], [], growth=0.0)
    assert (found.used, found.needed, found.transcribers) == (None, None, 0)
