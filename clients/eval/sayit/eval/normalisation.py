"""What counts as the same word: the normalisers of OpenAI's Whisper, from the package whisper-normalizer (MIT)."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from enum import StrEnum
from functools import cache

from whisper_normalizer.basic import BasicTextNormalizer
from whisper_normalizer.english import EnglishTextNormalizer


class Normaliser(StrEnum):
    """How texts are made comparable before words are counted."""

    #: English as Whisper's authors do: numbers as digits, contractions written out, American spelling; other languages
    #: as `basic`.
    STANDARD = "standard"
    #: Lower case, no punctuation, nothing in brackets; numbers stay as they are spoken.
    BASIC = "basic"


def normalise(text: str, languages: tuple[str, ...], normaliser: Normaliser) -> str:
    """The text's words, with single spaces between them.

    A recording in several languages takes the English rules if English is among them: they change Latin letters only.
    """
    english = normaliser is Normaliser.STANDARD and "en" in languages
    normal = _normal(EnglishTextNormalizer if english else BasicTextNormalizer)
    # The English rules decompose letters, which takes Hangul syllables apart.
    return " ".join(unicodedata.normalize("NFC", normal(unicodedata.normalize("NFC", text))).split())


@cache
def _normal(rules: Callable[[], Callable[[str], str]]) -> Callable[[str], str]:
    return rules()
