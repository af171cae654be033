"""How a text is kept to be searched in, and what is searched."""

from __future__ import annotations

import unicodedata


def folded(text: str) -> str:
    """A text without what a search ignores: case, how letters are composed, and which white space there is."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())
