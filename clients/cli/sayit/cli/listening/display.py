"""What `sayit listen` shows: text that grows on a terminal, a line for each utterance in a pipe, or JSON."""

from __future__ import annotations

import sys
from typing import Self

from sayit.cli import printer
from sayit.speech.live import LiveEvent, LiveText


class Utterances:
    """Prints each utterance when it is final; a context manager around a session."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, event: LiveEvent) -> None:
        """Takes an event."""
        if isinstance(event, LiveText) and event.is_final and event.committed:
            print(event.committed, flush=True)


class JsonEvents(Utterances):
    """Prints every event as one line of JSON."""

    def show(self, event: LiveEvent) -> None:
        """Takes an event."""
        printer.json_line({"type": type(event).__name__, "body": event})


def utterances(*, as_json: bool) -> Utterances:
    """The display for standard output."""
    if as_json:
        return JsonEvents()
    if not sys.stdout.isatty():
        return Utterances()
    from sayit.cli.listening.screen import Screen  # noqa: PLC0415 - rich takes a while to import

    return Screen()
