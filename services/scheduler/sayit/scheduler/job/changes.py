"""What one chunk is decoded with in place of what its job asks for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sayit.speech.options import DecodeOptions, Options, resolve
from sayit.speech.presets import Presets


@dataclass(frozen=True, kw_only=True)
class DecodeChanges:
    """Decode options of one chunk; None and empty leave the job's. Stored in `chunks.decoding`."""

    #: The language to decode in, with its preset.
    language: str | None = None
    #: Tried in order, see `DecodeOptions`.
    temperatures: tuple[float, ...] | None = None
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
        names = ("temperatures", "prompt", "word_timestamps", "within_chunk_context")
        given: dict[str, Any] = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        resolved = replace(resolve(options, presets), **given)
        return replace(resolved, prompt=f"{resolved.prompt} {self.preceding}".strip())


#: Nothing is changed.
UNCHANGED = DecodeChanges()
