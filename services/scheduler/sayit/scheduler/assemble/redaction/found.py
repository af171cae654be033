"""What is found in a text."""

from __future__ import annotations

from dataclasses import dataclass

from sayit.speech.redaction import RedactedKind


@dataclass(frozen=True, kw_only=True)
class Found:
    """A stretch of characters that is to be redacted."""

    start: int
    end: int
    kind: RedactedKind
    #: What it says, in one form however it was said.
    value: str
