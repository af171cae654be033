"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import partial


class Severity(StrEnum):
    """How bad it is."""

    #: Nothing to do.
    OK = "ok"
    #: It works, with less than it could.
    WARN = "warn"
    #: Something will not work.
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One line of the report: what was examined, what was found, and what to do; no advice if there is nothing."""

    level: Severity
    about: str
    found: str
    advice: str = ""


ok, warn, fail = (partial(Finding, level) for level in Severity)
