"""Which settings are tried, and which of the measured ones is the best; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sayit.cli.local_suite.tuned import Figures, Goal, Setting

#: Windows that may be decoded together.
BATCHES = (8, 4, 1)
#: Compute types that CPUs may have, most promising first.
COMPUTE_TYPES = ("int8", "int8_float32", "int8_bfloat16", "bfloat16", "float32")
#: Values this near to the best count as equal; then the other figure, and after it memory, decides.
_AS_GOOD = 0.03


@dataclass(frozen=True, kw_only=True)
class MeasuredSetting:
    """A setting and its result."""

    setting: Setting
    #: None where it was not measured.
    figures: Figures | None = None
    #: Why not.
    reason: str = ""


def compute_candidates(cores: int, supported: Iterable[str]) -> list[Setting]:
    """One setting for each compute type that this processor has, alike in everything else."""
    known = set(supported)
    types = [each for each in COMPUTE_TYPES if each in known] or ["default"]
    return [Setting(transcribers=cores, threads=1, batch=1, compute_type=each) for each in types]


def shape_candidates(cores: int, compute_type: str) -> list[Setting]:
    """Every batch with every division of the cores into transcribers of equal size."""
    found = []
    threads = 1
    while threads <= cores:
        found += [
            Setting(transcribers=cores // threads, threads=threads, batch=batch, compute_type=compute_type)
            for batch in BATCHES
        ]
        threads *= 2
    return found


def memory_mb(setting: Setting, model_bytes: int, measured: Sequence[MeasuredSetting]) -> float:
    """What all transcribers of a setting take together: from the most similar measured one, else a cautious guess."""
    known = [
        measured
        for measured in measured
        if measured.figures is not None and measured.setting.compute_type == setting.compute_type
    ]
    if known:
        likest = min(known, key=lambda measured: abs(measured.setting.batch - setting.batch))
        assert likest.figures is not None
        more = max(0, setting.batch - likest.setting.batch)
        one = likest.figures.rss_mb * (1 + 0.05 * more)
    else:
        # Files hold int8 or float16; read and converted, the weights may be there twice for a moment.
        wide = 4 if setting.compute_type in {"float32", "default"} else 2 if "int8" not in setting.compute_type else 1
        one = 500 + 2.0 * wide * model_bytes / 1e6 + 30 * setting.batch
    return one * setting.transcribers


def best(trials: Iterable[MeasuredSetting], goal: Goal) -> MeasuredSetting | None:
    """The best of the measured ones for the goal; None if none was measured.

    Among those as good as the best, the one that is better for the other goal; among those, the one of least memory.
    """
    pairs = [(measured, measured.figures) for measured in trials if measured.figures is not None]
    if not pairs:
        return None

    def cost(figures: Figures, of: Goal) -> float:
        return figures.latency_s if of is Goal.LATENCY else 1 / figures.speed

    other = Goal.THROUGHPUT if goal is Goal.LATENCY else Goal.LATENCY
    for each in (goal, other):
        least = min(cost(figures, each) for _, figures in pairs)
        pairs = [(measured, figures) for measured, figures in pairs if cost(figures, each) <= least * (1 + _AS_GOOD)]
    return min(pairs, key=lambda pair: pair[1].rss_mb * pair[0].setting.transcribers)[0]
