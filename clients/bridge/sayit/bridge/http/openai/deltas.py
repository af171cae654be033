"""A job's events as a text that only grows: chunks end in any order, and are given out in the recording's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sayit.speech.jobs import ChunkText, JobEvent, PartialText, Refinement
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

    Of the first chunk that is not final it gives out what is decoded.
    Text that was given out cannot be taken back when a refinement comes for its chunk, or a partial text was not the
    final one: then the joined deltas differ from the transcript there, and the transcript is right.
    """

    def __init__(self, *, partials: bool = True) -> None:
        self._partials = partials
        #: What was given out of the chunk that is not final yet.
        self._begun = ""
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
        elif isinstance(body, PartialText) and self._partials and body.chunk_index == self._next:
            said = _joined(body.segments)
            if not said.startswith(self._begun) or said == self._begun:
                return []  # a new attempt that is not as far yet
            delta = self._continued(said, ())
            self._begun = said
            return [delta] if delta else []
        deltas = []
        while self._next in self._waiting:
            segments = self._waiting.pop(self._next)
            self._next += 1
            if delta := self._given(segments):
                deltas.append(delta)
            self._begun = ""
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
        return self._continued(_joined(segments), segments)

    def _continued(self, said: str, segments: tuple[Segment, ...]) -> Delta | None:
        """The text of the first chunk that is not final, without what was given out of it."""
        rest = said.removeprefix(self._begun)
        if not said.startswith(self._begun):  # the final text is another: go on after as many words
            rest = "".join(f" {word}" for word in said.split()[len(self._begun.split()) :])
        if not rest:
            return None
        text = f" {rest}" if self.text and not self._begun else rest
        self.text += text
        return self._delta(text, segments)

    def _delta(self, text: str, segments: tuple[Segment, ...]) -> Delta:
        first_number = self._segments
        self._segments += len(segments)
        return Delta(text=text, segments=segments, first_number=first_number)


def _joined(segments: Sequence[Segment]) -> str:
    return " ".join(segment.text for segment in segments if segment.text)
