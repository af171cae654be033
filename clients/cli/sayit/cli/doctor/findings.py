"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is."""

    #: Nothing to do.
    OK = "ok"
    #: It works, with less than it could.
    WARN = "warn"
    #: Something will not work.
    FAIL = "fail"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the report."""

    #: What was examined.
    about: str
    level: Severity
    #: What was found.
    found: str
    #: What to do; empty if nothing.
    advice: str = ""


def ok(about: str, found: str) -> Finding:
    """Nothing to do."""
    return Finding(about=about, level=Severity.OK, found=found)


def warn(about: str, found: str, advice: str) -> Finding:
    """It works, with less than it could."""
    return Finding(about=about, level=Severity.WARN, found=found, advice=advice)


def fail(about: str, found: str, advice: str) -> Finding:
    """Something will not work."""
    return Finding(about=about, level=Severity.FAIL, found=found, advice=advice)
