"""JSON that a client sends, as values that can be written again."""

from __future__ import annotations

import json
from typing import Any


def parsed(text: str | bytes) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is none, is nested too deeply, or has half a surrogate pair, which no message can carry.
    """
    if isinstance(text, bytes):
        # Not json's own decoding, which guesses the encoding and lets surrogates pass.
        text = text.decode("utf-8-sig")
    try:
        value = json.loads(text)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return value
