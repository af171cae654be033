"""When requests come and what they ask for, decided before the first one is sent; pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

#: Share of Korean; the rest is English.
KOREAN = 0.85


@dataclass(frozen=True, kw_only=True)
class Band:
    """A range of lengths."""

    share: float
    #: Shortest and longest, in seconds; uniform between them.
    seconds: tuple[float, float]


#: Most files are about 90 s long; some are short enough to be answered in the same call, a few are long.
MIX = (
    Band(share=0.35, seconds=(3.0, 30.0)),
    Band(share=0.55, seconds=(60.0, 120.0)),
    Band(share=0.10, seconds=(120.0, 300.0)),
)


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """One request."""

    #: Seconds from the beginning of the load.
    at_s: float
    language: str
    #: Length of its recording.
    audio_s: float
    #: Makes its recording differ from all others.
    seed: int


def arrivals(
    *, rate: float, duration_s: float, seed: int, mix: Sequence[Band] = MIX, shrink: float = 1.0
) -> list[Arrival]:
    """A Poisson process: the times between requests are exponential and owe nothing to how fast they are answered.

    Args:
        rate: requests per second in the mean, above 0.
        duration_s: no request comes later than this.
        seed: the same seed gives the same load.
        mix: lengths.
        shrink: factor for all lengths, for slow machines and short runs.
    """
    generator = random.Random(seed)
    found = []
    at_s = generator.expovariate(rate)
    while at_s < duration_s:
        found.append(_arrival(generator, at_s, seed * 1_000_000 + len(found), mix, shrink))
        at_s += generator.expovariate(rate)
    return found


#: How much is asked for in each hour of a working day, against its mean: two peaks of 60 % more.
DAY = (
    *(0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.6, 0.9, 1.2, 1.6, 1.6, 1.3),
    *(1.1, 1.4, 1.6, 1.6, 1.4, 1.3, 1.2, 1.1, 1.0, 1.0, 0.9, 0.8),
)


def day(*, requests: int, duration_s: float, seed: int, shrink: float = 1.0) -> list[Arrival]:
    """A day of so many requests in `duration_s`: exactly so many, at random times that follow the hours of `DAY`."""
    generator = random.Random(seed)
    hours = generator.choices(range(len(DAY)), DAY, k=requests)
    times = sorted((hour + generator.random()) * duration_s / len(DAY) for hour in hours)
    return [_arrival(generator, at_s, seed * 1_000_000 + number, MIX, shrink) for number, at_s in enumerate(times)]


def at_once(number: int, *, seed: int, shrink: float = 1.0) -> list[Arrival]:
    """So many requests at the same moment."""
    generator = random.Random(seed)
    return [_arrival(generator, 0.0, seed * 1_000_000 + each, MIX, shrink) for each in range(number)]


def _arrival(generator: random.Random, at_s: float, seed: int, mix: Sequence[Band], shrink: float) -> Arrival:
    [band] = generator.choices(mix, [each.share for each in mix])
    return Arrival(
        at_s=at_s,
        language="ko" if generator.random() < KOREAN else "en",
        audio_s=max(1.0, generator.uniform(*band.seconds) * shrink),
        seed=seed,
    )
