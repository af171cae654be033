"""Where frames belong in time."""

from __future__ import annotations

from sayit.scheduler.ingest.audio_reader.timeline import MAX_GAP_S, Timeline


def placed(*starts_s: float | None, origin_s: float | None = 0.0) -> list[float]:
    """The silences before frames of one second each."""
    timeline = Timeline(origin_s)
    following = (*starts_s[1:], None)
    return [round(timeline.place(start, 1.0, after), 6) for start, after in zip(starts_s, following, strict=True)]


def test_frames_in_order_need_nothing() -> None:
    """Frames that follow each other are placed as they come, small deviations included."""
    assert placed(0.0, 1.0, 2.05, 2.97, 4.0) == [0, 0, 0, 0, 0]


def test_a_gap_becomes_silence() -> None:
    """A jump ahead that the next frame confirms is filled."""
    assert placed(0.0, 3.0, 4.0) == [0, 2, 0]


def test_sound_that_starts_later_than_the_picture_waits() -> None:
    """The first frame is placed by the container's start."""
    assert placed(2.5, 3.5, origin_s=0.0) == [2.5, 0]
    assert placed(2.5, 3.5, origin_s=None) == [0, 0]


def test_frames_far_apart_are_each_preceded_by_silence() -> None:
    """Pauses in a row, as discontinuous transmission makes them, are all filled."""
    assert placed(0.0, 1.0, 4.0, 8.0, 9.0) == [0, 0, 2, 3, 0]


def test_one_wild_timestamp_is_ignored() -> None:
    """A frame whose time disagrees with the frames on both sides moves nothing."""
    assert placed(0.0, 1.0, 500.0, 3.0, 4.0) == [0, 0, 0, 0, 0]
    assert placed(50.0, 51.0, 2.0, 53.0, 54.0, origin_s=50.0) == [0, 0, 0, 0, 0]


def test_a_clock_that_starts_anew_goes_on() -> None:
    """Streams joined end to end begin at zero again; nothing is dropped and later gaps are still seen."""
    assert placed(0.0, 1.0, 0.0, 1.0, 5.0, 6.0) == [0, 0, 0, 0, 3, 0]


def test_a_jump_beyond_all_reason_is_a_new_clock() -> None:
    """A gap longer than any pause is not filled, and what follows is judged by the new times."""
    far_s = MAX_GAP_S + 10
    assert placed(0.0, far_s, far_s + 1, far_s + 4, far_s + 5) == [0, 0, 0, 2, 0]


def test_frames_without_times_follow_each_other() -> None:
    """Without timestamps only the samples count."""
    assert placed(None, None, 2.0, 3.0, None) == [0, 0, 0, 0, 0]
