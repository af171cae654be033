"""Uniform spaces and punctuation."""

from __future__ import annotations

import re
import unicodedata

#: Languages that write full-width punctuation and no spaces.
_FULL_WIDTH = frozenset({"zh", "ja", "yue"})
#: Typographic signs as keyboards have them; Whisper writes both.
_PLAIN = str.maketrans(
    {"“": '"', "”": '"', "‘": "'", "’": "'", "，": ",", "．": ".", "。": ".", "？": "?", "！": "!", "：": ":"}
)
_WIDE = {",": "，", "?": "？", "!": "！"}
_NARROW_AFTER_WIDE = re.compile(r"(?<=[\u3040-\u30ff\u3400-\u9fff])\s*([,?!])")
_BEFORE = re.compile(r"\s+([,.?!;:%)\]}…])(?![0-9A-Za-z])")
_AFTER_BRACKET = re.compile(r"([(\[{])\s+")
#: Dots are left alone but between Hangul: they stand in numbers, abbreviations and addresses.
_GLUED = re.compile(r"([,?!;])(?=[^\W\d_])|(?<=[가-힣])(\.)(?=[가-힣])")
_DOTS = re.compile(r"\.{3,}|…{2,}")
_AGAIN = re.compile(r"([,?!;:])\1+")
_BETWEEN_WIDE = re.compile(
    r"(?<=[\u3000-\u30ff\u3400-\u9fff\uff00-\uffef])\s+(?=[\u3000-\u30ff\u3400-\u9fff\uff00-\uffef])"
)


def tidy(text: str, language: str) -> str:
    """The text in composed Unicode with single spaces, none before punctuation, one after it, each sign once."""
    text = " ".join(unicodedata.normalize("NFC", text).split())
    if language in _FULL_WIDTH:
        return _BETWEEN_WIDE.sub("", _NARROW_AFTER_WIDE.sub(lambda found: _WIDE[found[1]], text))
    text = _AGAIN.sub(r"\1", _DOTS.sub("…", text.translate(_PLAIN)))
    text = _AFTER_BRACKET.sub(r"\1", _BEFORE.sub(r"\1", text))
    return _GLUED.sub(lambda found: f"{found[0]} ", text)
