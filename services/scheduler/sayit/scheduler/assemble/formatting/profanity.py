"""Swear words behind asterisks."""

from __future__ import annotations

import re
from importlib import resources

#: Letters of a word in which a Latin swear word may stand: nothing before it, an ending behind it.
_ENDINGS = "(?:s|es|ed|er|ers|ing|in|y|ty|head|heads|hole|holes)?"


def masked(text: str) -> str:
    """The text with all but the first letter of each swear word as asterisks; Korean and English, in any language."""
    return _PATTERN.sub(
        lambda found: found[0] if found["keep"] else found["swear"][0] + "*" * (len(found["swear"]) - 1), text
    )


def _pattern() -> re.Pattern[str]:
    latin: list[str] = []
    hangul: list[str] = []
    innocent: list[str] = []
    for name in ("en", "ko"):
        file = resources.files(__package__).joinpath(f"data/profanity.{name}.txt")
        for line in file.read_text(encoding="utf-8").splitlines():
            word = line.strip()
            if not word or word.startswith("#"):
                continue
            if word.startswith("-"):
                innocent.append(re.escape(word[1:]))
            else:
                (latin if word.isascii() else hangul).append(re.escape(word))
    # A Korean word goes on with particles and endings; it begins where no other letter stands before it.
    swear = rf"\b(?:{'|'.join(latin)}){_ENDINGS}\b|(?<![가-힣])(?:{'|'.join(hangul)})"
    return re.compile(rf"(?P<keep>\b(?:{'|'.join(innocent)}))|(?P<swear>{swear})", re.IGNORECASE)


_PATTERN = _pattern()
