"""How fast transcribers are taken to be."""

from __future__ import annotations

import pytest

from sayit.scheduler.job.fleet import TranscriberRecord
from sayit.scheduler.job.rules import cost
from sayit.scheduler.scheduling.speeds import Speeds


def report(name: str, audio_s: float, compute_s: float, *, slots: int = 2) -> TranscriberRecord:
    """What a transcriber says of itself."""
    return TranscriberRecord(
        id=name, model="m", slots=slots, busy=0, audio_s=audio_s, compute_s=compute_s, draining=False, seen_s=0.0
    )


def test_what_was_done_lately_counts_most() -> None:
    """A transcriber that became slower is slower, however fast it was for hours; a repeated report changes nothing."""
    speeds = Speeds()
    for reported in (report("t", 10_000, 1_000), report("t", 10_400, 1_100), report("t", 11_200, 1_300)):
        speeds.reported(reported)
        speeds.reported(reported)
    per_s = speeds.capacity([reported], [reported]).cost_per_s["t"] / 16_000
    # Audio counts twice, as full chunks do until some were measured.
    assert per_s / 2 == pytest.approx(4.0, rel=0.1)


def test_a_new_transcriber_counts_as_the_mean_of_all() -> None:
    """Before its first chunk it is taken for one like the others, those that are gone included; nobody: no speed."""
    speeds = Speeds()
    gone, fresh, empty = report("gone", 80, 10), report("fresh", 0, 0), report("empty", 0, 0, slots=0)
    speeds.reported(gone)
    assert speeds.capacity([fresh, empty], [fresh, gone]).cost_per_s == {"fresh": pytest.approx(8.0 * 2 * 16_000)}
    assert speeds.capacity([fresh], [fresh]).total == 0.0


def test_short_chunks_cost_more_per_second_of_audio() -> None:
    """The speed in cost follows what was committed: a second of audio in short chunks is more work."""
    speeds = Speeds()
    transcriber = report("t", 50, 10)
    for _ in range(10):
        speeds.committed(5 * 16_000, 1.0)
    per_s = speeds.capacity([transcriber], [transcriber]).total
    assert cost(1, 5 * 16_000) / per_s == pytest.approx(1.0)
