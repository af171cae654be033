"""One chunk that the engine holds, from `submit` until its future is done."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import IntEnum

from sayit.transcriber.engine.decode_session import DecodeSession
from sayit.transcriber.engine.result import DecodedChunk

#: Called when a chunk is admitted, with a function that allows its first call of the model.
OnTurn = Callable[[Callable[[], None]], None]
#: Called with the text so far.
OnWindow = Callable[[DecodedChunk], None]


class Lane(IntEnum):
    """How urgent a chunk is: the higher goes first."""

    #: Long recordings.
    BULK = 0
    #: Short ones, and what comes first of the others.
    INTERACTIVE = 1
    #: Speech that goes on; its text is soon replaced.
    INTERIM = 2
    #: Speech that is over; a person waits for its text.
    FINAL = 3


def _running() -> Future[DecodedChunk]:
    future: Future[DecodedChunk] = Future()
    future.set_running_or_notify_cancel()
    return future


@dataclass(eq=False, kw_only=True)
class EngineRequest:
    """A chunk's lane, callbacks and future, and how far the engine is with it; its decoding is the `session`."""

    session: DecodeSession
    lane: Lane
    #: Nothing else is on the engine while it is.
    alone: bool
    #: See `Engine.submit`.
    on_turn: OnTurn
    #: See `Engine.submit`.
    on_window: OnWindow
    #: What `cancel` does.
    give_up: Callable[[EngineRequest], None]
    #: The text; EngineCancelled, or what went wrong.
    future: Future[DecodedChunk] = field(default_factory=_running)
    #: Seconds of the engine's time that went into it; calls for several chunks are shared evenly.
    compute_s: float = 0.0
    #: Whether its features are there.
    prepared: bool = False
    #: Whether it may use the model: it is admitted, and the function that `on_turn` got was called.
    going: bool = False
    #: Whether it must be decoded in calls of its own, because a call for several failed.
    singly: bool = False
    #: Whether it was cancelled.
    cancelled: bool = False
    #: Whether the engine is done with it.
    ended: bool = False

    @property
    def interactive(self) -> bool:
        """Whether it goes before bulk work."""
        return self.lane is not Lane.BULK

    def cancel(self) -> None:
        """Begins no further call; its future ends with EngineCancelled, at once unless a call for it is running."""
        self.give_up(self)

    def text(self) -> DecodedChunk:
        """The text so far."""
        return self.session.text(self.compute_s)

    def let_go(self) -> None:
        """Drops audio, features and the callbacks; only its text is left.

        The caller holds the request, and the callbacks hold the caller. Such a cycle waits for the garbage collector's
        oldest generation, in a busy transcriber for hundreds of chunks, and each of them had megabytes of features.
        """
        self.session.let_go()
        self.on_turn = self.on_window = _unheard


def _unheard(_: object) -> None:
    """Replaces a callback that was dropped."""
