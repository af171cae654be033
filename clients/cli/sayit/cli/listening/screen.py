"""Live text on a terminal: what is final stays, what is spoken stands below it, its uncertain end dim."""

from __future__ import annotations

from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from sayit.cli.listening.display import Utterances
from sayit.speech.live import LiveEvent, LiveText


class Screen(Utterances):
    """Shows the utterance that is spoken while it grows."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._spoken: dict[int, Text] = {}
        self._live = Live(console=self._console, get_renderable=self._render, refresh_per_second=8, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, event: LiveEvent) -> None:
        """Takes an event."""
        if not isinstance(event, LiveText):
            return
        if not event.is_final:
            self._spoken[event.utterance] = Text.assemble(event.committed, (event.tentative, "dim"))
            return
        self._spoken.pop(event.utterance, None)
        if event.committed:
            self._console.print(Text(event.committed), soft_wrap=True)

    def _render(self) -> Text:
        return Text("\n").join(text for text in self._spoken.values() if text)
