"""A job's events as a text that only grows: chunks end in any order, and are given out in the recording's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sayit.speech.jobs import ChunkText, JobEvent, Refinement
from sayit.speech.transcript import Segment, Transcript


@dataclass(frozen=True, kw_only=True)
class Delta:
    """Text that follows what was given before."""

    #: With the space that separates it from the text before.
    text: str
    #: What it was made of.
    segments: tuple[Segment, ...]
    #: How many segments were given before.
    first_number: int


class Deltas:
    """Gives out the text of chunks as soon as all chunks before them are final.

    Text that was given out cannot be taken back when a refinement comes for its chunk: then the joined deltas differ
    from the transcript at that boundary, and the transcript is right.
    """

    def __init__(self) -> None:
        #: All text given out so far.
        self.text = ""
        self._waiting: dict[int, tuple[Segment, ...]] = {}
        self._next = 0
        self._segments = 0

    def take(self, event: JobEvent) -> Sequence[Delta]:
        """What can be given out now."""
        body = event.body
        if isinstance(body, ChunkText):
            self._waiting[body.chunk_index] = body.segments
        elif isinstance(body, Refinement):
            self._refine(body)
        deltas = []
        while self._next in self._waiting:
            segments = self._waiting.pop(self._next)
            self._next += 1
            if delta := self._given(segments):
                deltas.append(delta)
        return deltas

    def rest(self, transcript: Transcript) -> Delta | None:
        """What the transcript has beyond the text given out; None if nothing, or if the two differ."""
        whole = transcript.text
        if not whole.startswith(self.text) or whole == self.text:
            return None
        given, self.text = self.text, whole
        # Where the text given out ends, in the text of all segments with a space before each.
        end, segments = 0, []
        for segment in transcript.segments:
            end += len(segment.text) + 1
            if end > len(given) + 1:
                segments.append(segment)
        return self._delta(whole[len(given) :], tuple(segments))

    def _refine(self, refinement: Refinement) -> None:
        waiting = [index for index in refinement.chunk_indexes if index in self._waiting]
        if len(waiting) == len(refinement.chunk_indexes):
            first, *others = waiting
            self._waiting[first] = refinement.segments
            self._waiting.update(dict.fromkeys(others, ()))

    def _given(self, segments: tuple[Segment, ...]) -> Delta | None:
        said = " ".join(segment.text for segment in segments if segment.text)
        if not said:
            return None
        text = f" {said}" if self.text else said
        self.text += text
        return self._delta(text, segments)

    def _delta(self, text: str, segments: tuple[Segment, ...]) -> Delta:
        first_number = self._segments
        self._segments += len(segments)
        return Delta(text=text, segments=segments, first_number=first_number)
