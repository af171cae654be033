"""Pauses whose middle is left out of chunks, and the pieces that chunks hold."""

from __future__ import annotations

from bisect import bisect_left

from sayit.scheduler.jobs.records import SampleSpan


class ShortenedPauses:
    """Stretches of a recording that are left out where a chunk goes on beyond them.

    Positions are samples from the recording's start. A stretch that a chunk begins or ends in is not left out of it:
    a chunk has all the real audio around its speech that it asks for.
    """

    def __init__(self) -> None:
        self._left_out: list[SampleSpan] = []

    def leave_out(self, start: int, end: int) -> None:
        """Leaves `[start, end)` out; behind everything left out so far."""
        self._left_out.append((start, end))

    def pieces(self, start: int, end: int) -> tuple[SampleSpan, ...]:
        """What a chunk `[start, end)` holds, in order."""
        inside = [span for span in self._from(start) if span[1] <= end]
        edges = [start, *(edge for span in inside for edge in span), end]
        return tuple((a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b)

    def length(self, start: int, end: int) -> int:
        """Samples that a chunk `[start, end)` holds."""
        return sum(b - a for a, b in self.pieces(start, end))

    def after(self, start: int, length: int) -> int:
        """The position where a chunk that begins at `start` holds `length` samples."""
        position = start
        for first, last in self._from(start):
            if position + length <= first:
                break
            length -= first - position
            position = last
        return position + length

    def forget(self, before: int) -> None:
        """Drops stretches before a position; it is not asked about any more."""
        del self._left_out[: bisect_left(self._left_out, (before, before))]

    def _from(self, start: int) -> list[SampleSpan]:
        return self._left_out[bisect_left(self._left_out, (start, start)) :]
