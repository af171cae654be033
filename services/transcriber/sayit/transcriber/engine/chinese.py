"""Chinese in one script. Whisper writes simplified and traditional characters, and changes from window to window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING

from sayit.speech.options import DecodeOptions, Script, Task
from sayit.speech.transcript import Word

if TYPE_CHECKING:
    from opencc import OpenCC

_MANDARIN, _CANTONESE = "zh", "yue"
#: OpenCC's conversions.
_CONVERSIONS = {Script.SIMPLIFIED: "t2s", Script.TRADITIONAL: "s2tw"}


class ChineseWriting:
    """Writes what is said in Chinese with the characters that a request's options ask for.

    Args:
        options: of the request.
    """

    def __init__(self, options: DecodeOptions) -> None:
        self._options = options

    def written(self, text: str, words: Sequence[Word], language: str) -> tuple[str, tuple[Word, ...]]:
        """A segment's text and words in one script; as they are where they are in another language than Chinese."""
        if language not in {_MANDARIN, _CANTONESE} or self._options.task is not Task.TRANSCRIBE:
            return text, tuple(words)
        converter = _converter(self._script(language))
        # A character's form hangs on its neighbours (头发: 頭髮), so words are cut out of the whole; its length stays.
        characters = iter(converter.convert("".join(word.text for word in words)))
        return converter.convert(text), tuple(
            replace(word, text="".join(islice(characters, len(word.text)))) for word in words
        )

    def _script(self, language: str) -> Script:
        if self._options.script is not Script.AUTO:
            return self._options.script
        asked = self._options.prompt + self._options.hotwords
        foreign = [script for script in _CONVERSIONS if asked and _converter(script).convert(asked) != asked]
        if len(foreign) == 1:  # it has characters of the other script only
            return Script.TRADITIONAL if foreign[0] is Script.SIMPLIFIED else Script.SIMPLIFIED
        return Script.TRADITIONAL if language == _CANTONESE else Script.SIMPLIFIED


@cache
def _converter(script: Script) -> OpenCC:
    from opencc import OpenCC  # noqa: PLC0415 - most transcribers never hear Chinese

    return OpenCC(_CONVERSIONS[script])
