"""`sayit capacity`: whether the transcribers that are there suffice for the traffic that was, and for more of it."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sayit.cli import printer
from sayit.cli.connection import SuiteConnection
from sayit.speech.jobs import Job
from sayit.speech.system import TranscriberStatus

_HOUR_S = 3600.0
#: Jobs that are read at most, the newest.
_MOST = 20_000
#: Above this share of use, short files begin to wait for long ones.
_USED_AT_MOST = 0.7


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What one model's transcribers have to do."""

    model: str
    jobs: int
    #: Audio that was decoded in the time that was looked at, without answers from the cache.
    audio_s: float
    #: The same in its busiest hour.
    busiest_hour_s: float
    transcribers: int
    #: Seconds of audio per second of all of them together; 0 while none has been measured.
    speed: float
    #: Share of them that the busiest hour takes, with the growth; None without a speed.
    used: float | None
    #: Transcribers of this speed that keep that below 70 %; None without a speed.
    needed: int | None


def forecast(jobs: Sequence[Job], transcribers: Sequence[TranscriberStatus], *, growth: float) -> list[Forecast]:
    """A forecast for each model.

    Args:
        jobs: what was accepted in the time that is looked at.
        transcribers: what is there now.
        growth: 0.6 for 60 % more than there was.
    """
    by_hour: defaultdict[str, defaultdict[int, float]] = defaultdict(lambda: defaultdict(float))
    counts: defaultdict[str, int] = defaultdict(int)
    for job in jobs:
        counts[job.model] += 1
        if not job.cached:
            by_hour[job.model][int(job.created_at_s // _HOUR_S)] += job.progress.audio_total_s or 0.0
    found = []
    for model in sorted({*counts, *(each.model for each in transcribers)}):
        own = [each for each in transcribers if each.model == model]
        measured = [each.speed for each in own if each.speed > 0]
        each_speed = sum(measured) / len(measured) if measured else 0.0
        busiest_s = max(by_hour[model].values(), default=0.0)
        asked = busiest_s * (1 + growth) / _HOUR_S
        found.append(
            Forecast(
                model=model,
                jobs=counts[model],
                audio_s=sum(by_hour[model].values()),
                busiest_hour_s=busiest_s,
                transcribers=len(own),
                speed=each_speed * len(own),
                used=asked / (each_speed * len(own)) if each_speed else None,
                needed=max(1, math.ceil(asked / each_speed / _USED_AT_MOST)) if each_speed else None,
            )
        )
    return found


def show(connection: SuiteConnection, *, hours: float, growth: float, as_json: bool) -> None:
    """Prints the forecasts from the jobs that the caller may see and that are still kept."""
    since_s = time.time() - hours * _HOUR_S
    jobs = connection.call(lambda client: client.list(created_after_s=since_s, limit=_MOST))
    status = connection.call(lambda client: client.status())
    printer.table_or_json(
        forecast(jobs, status.transcribers, growth=growth),
        ("MODEL", "JOBS", "AUDIO", "BUSIEST HOUR", "TRANSCRIBERS", "SPEED", "USED THEN", "NEEDED"),
        lambda one: (
            one.model,
            str(one.jobs),
            printer.seconds(one.audio_s),
            printer.seconds(one.busiest_hour_s),
            str(one.transcribers),
            f"{one.speed:.1f} ×" if one.speed else "-",
            "-" if one.used is None else f"{one.used:.0%}",
            "-" if one.needed is None else str(one.needed),
        ),
        as_json=as_json,
    )
