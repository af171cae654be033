"""The text of a job from its events so far: finals, corrections, and partials where nothing is final yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sayit.speech.jobs import ChunkText, EventBody, PartialText, Progress, Refinement
from sayit.speech.transcript import Segment


@dataclass(frozen=True, kw_only=True)
class Piece:
    """The text of one chunk, or of several that were corrected together."""

    start_s: float
    text: str
    #: Whether its chunk is finished.
    final: bool


class LiveTranscript:
    """Collects one job's events."""

    def __init__(self) -> None:
        #: The newest progress.
        self.progress = Progress()
        self._finals: dict[int, tuple[Segment, ...]] = {}
        self._partials: dict[int, tuple[Segment, ...]] = {}

    def take(self, body: EventBody) -> Piece | None:
        """Takes an event; returns what it finished, if anything."""
        if isinstance(body, Progress):
            self.progress = body
        elif isinstance(body, PartialText):
            if body.chunk_index not in self._finals:
                self._partials[body.chunk_index] = body.segments
        elif isinstance(body, ChunkText):
            self._finals[body.chunk_index] = body.segments
            self._partials.pop(body.chunk_index, None)
            return _piece(body.segments, final=True)
        elif isinstance(body, Refinement):
            first, *others = body.chunk_indexes
            self._finals[first] = body.segments
            for index in others:
                self._finals[index] = ()
        return None

    def pieces(self) -> list[Piece]:
        """All text so far, in order of time."""
        found = [
            *(_piece(segments, final=True) for segments in self._finals.values()),
            *(_piece(segments, final=False) for segments in self._partials.values()),
        ]
        return sorted((piece for piece in found if piece is not None), key=lambda piece: piece.start_s)


def _piece(segments: Sequence[Segment], *, final: bool) -> Piece | None:
    text = " ".join(segment.text for segment in segments if segment.text)
    return Piece(start_s=segments[0].start_s, text=text, final=final) if text else None
