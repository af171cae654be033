"""What counts as the same word: the normalisers of OpenAI's Whisper, from the package whisper-normalizer (MIT)."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from enum import StrEnum
from functools import cache


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
    normal = _english() if english else _basic()
    # The English rules decompose letters, which takes Hangul syllables apart.
    return " ".join(unicodedata.normalize("NFC", normal(unicodedata.normalize("NFC", text))).split())


@cache
def _english() -> Callable[[str], str]:
    # Imported here, so that the command line can name the normalisers where the package is not installed.
    from whisper_normalizer.english import EnglishTextNormalizer  # noqa: PLC0415 - as said

    return EnglishTextNormalizer()  # type: ignore[no-any-return]  # the package has no types


@cache
def _basic() -> Callable[[str], str]:
    from whisper_normalizer.basic import BasicTextNormalizer  # noqa: PLC0415 - as above

    return BasicTextNormalizer()  # type: ignore[no-any-return]  # as above
