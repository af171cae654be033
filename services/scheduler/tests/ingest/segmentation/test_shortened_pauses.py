"""Pauses that are left out of chunks."""

from __future__ import annotations

from sayit.scheduler.ingest.segmentation.pauses import ShortenedPauses


def shortened() -> ShortenedPauses:
    """[100, 150) and [200, 300) are left out."""
    pauses = ShortenedPauses()
    pauses.leave_out(100, 150)
    pauses.leave_out(200, 300)
    return pauses


def test_a_chunk_leaves_out_what_lies_inside_it() -> None:
    """And keeps what it begins or ends in: there it has the audio it asks for."""
    pauses = shortened()
    assert pauses.pieces(0, 400) == ((0, 100), (150, 200), (300, 400))
    assert pauses.pieces(120, 250) == ((120, 250),)
    assert pauses.pieces(0, 150) == ((0, 100),)
    assert pauses.pieces(350, 400) == ((350, 400),)
    assert pauses.length(0, 400) == 250


def test_positions_are_found_back() -> None:
    """`after` is where a chunk of that length ends."""
    pauses = shortened()
    assert pauses.after(0, 100) == 100
    assert pauses.after(0, 101) == 151
    assert pauses.after(0, 160) == 310
    assert all(pauses.length(0, pauses.after(0, length)) == length for length in range(1, 250))


def test_what_is_behind_is_forgotten() -> None:
    """Nobody asks about it any more."""
    pauses = shortened()
    pauses.forget(160)
    assert pauses.pieces(160, 400) == ((160, 200), (300, 400))
