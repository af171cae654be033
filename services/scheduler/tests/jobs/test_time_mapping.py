"""Text of chunks that leave pauses out."""

from __future__ import annotations

import pytest

from sayit.scheduler.jobs.time_mapping import TimeMapping, has_wide_pauses
from sayit.speech.transcript import Segment, Suppressed, SuppressionReason, Word

RATE = 16_000
#: 10–15 s and 20–25 s of the recording: the chunk's audio is 10 s long, and 5 s were left out in its middle.
WIDE = ((10 * RATE, 15 * RATE), (20 * RATE, 25 * RATE))
NARROW = ((10 * RATE, 15 * RATE), (15 * RATE + RATE // 2, 20 * RATE))


def segment(start_s: float, end_s: float, *words: tuple[str, float, float]) -> Segment:
    """A segment of these words."""
    return Segment(
        id=7,
        start_s=start_s,
        end_s=end_s,
        text="".join(text for text, _, _ in words).strip() or "안녕",
        language="ko",
        words=tuple(Word(text=text, start_s=start, end_s=end, probability=0.5) for text, start, end in words),
    )


def test_one_piece_only_moves() -> None:
    """Without pauses left out, all times are later by the chunk's start."""
    placed = TimeMapping(((16_000, 160_000),)).segments([segment(0.5, 2.0, (" a", 0.5, 1.0), (" b", 1.0, 2.0))])
    assert [(s.id, s.start_s, s.end_s) for s in placed] == [(0, 1.5, 3.0)]
    assert [(w.start_s, w.end_s) for w in placed[0].words] == [(1.5, 2.0), (2.0, 3.0)]


def test_a_segment_is_cut_at_a_wide_pause() -> None:
    """Its words tell where; both parts have the times at which they were said."""
    said = segment(3.0, 7.0, (" one", 3.0, 3.5), (" two", 4.0, 4.4), (" three", 5.6, 7.0))
    placed = TimeMapping(WIDE).segments([said])
    assert [(s.id, s.text, s.start_s, s.end_s) for s in placed] == [
        (0, "one two", 13.0, pytest.approx(14.4)),
        (1, "three", pytest.approx(20.6), 22.0),
    ]


def test_a_segment_goes_on_across_a_narrow_pause() -> None:
    """Half a second that was left out only makes it longer."""
    placed = TimeMapping(NARROW).segments([segment(3.0, 7.0, (" one", 3.0, 4.0), (" two", 6.0, 7.0))])
    assert [(s.text, s.start_s, s.end_s) for s in placed] == [("one two", 13.0, 17.5)]


def test_without_words_a_segment_is_not_cut() -> None:
    """It spans the pause then, in the right order all the same."""
    placed = TimeMapping(WIDE).segments([segment(3.0, 7.0)])
    assert [(s.start_s, s.end_s) for s in placed] == [(13.0, 22.0)]


def test_times_at_a_joint_stay_on_their_side() -> None:
    """What ends where a pause was left out ends in front of it, and what begins there begins behind it."""
    placed = TimeMapping(WIDE).segments([segment(3.0, 5.0), segment(5.0, 6.0)])
    assert [(s.start_s, s.end_s) for s in placed] == [(13.0, 15.0), (20.0, 21.0)]


def test_removed_text_moves_too() -> None:
    """Suppressed text has the recording's time as well."""
    removed = Suppressed(text="x", reason=SuppressionReason.NO_SPEECH, start_s=4.0, end_s=6.0)
    placed = TimeMapping(WIDE).suppressed(removed)
    assert (placed.start_s, placed.end_s) == (14.0, 21.0)


def test_only_wide_pauses_need_words() -> None:
    """Less than a second left out does not."""
    assert has_wide_pauses(WIDE)
    assert not has_wide_pauses(NARROW)
    assert not has_wide_pauses(WIDE[:1])
