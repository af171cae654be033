"""What one chunk is decoded with in place of what its job asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sayit.speech.options import DecodeOptions, Options, resolve
from sayit.speech.presets import Presets
from sayit.speech.transcript import Segment

#: Most characters of the text before a chunk that it is decoded with; a model keeps about as much of a prompt.
_PRECEDING = 200


@dataclass(frozen=True, kw_only=True)
class ChunkOverrides:
    """Decode options of one chunk; None and empty leave the job's. Stored in `chunks.decoding`."""

    #: The language to decode in, with its preset.
    language: str | None = None
    #: Tried in order, see `DecodeOptions`.
    temperatures: tuple[float, ...] | None = None
    #: Beams; 1 for the likeliest token each time.
    beam_size: int | None = None
    #: In place of the request's prompt.
    prompt: str | None = None
    #: What was said before the chunk; it follows the prompt.
    preceding: str = ""
    #: Whether words are aligned.
    word_timestamps: bool | None = None
    #: Whether windows are decoded with the text of earlier ones.
    within_chunk_context: bool | None = None

    def applied(self, options: Options, presets: Presets) -> DecodeOptions:
        """How to decode a chunk of a job with these options."""
        if self.language is not None:
            options = replace(options, language=self.language, languages=())
        names = ("temperatures", "beam_size", "prompt", "word_timestamps", "within_chunk_context")
        given: dict[str, Any] = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        resolved = replace(resolve(options, presets), **given)
        return replace(resolved, prompt=f"{resolved.prompt} {self.preceding}".strip())


#: Nothing is changed.
NO_OVERRIDES = ChunkOverrides()


def end_of_text(segments: Sequence[Segment]) -> str:
    """The last words of a text, whole ones, up to 200 characters."""
    words: list[str] = []
    left = _PRECEDING
    for word in reversed(" ".join(segment.text for segment in segments).split()):
        left -= len(word) + 1
        if left < -1:
            break
        words.append(word)
    return " ".join(reversed(words))
