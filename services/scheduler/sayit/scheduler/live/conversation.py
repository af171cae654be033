"""One live session, without input or output: audio goes in, requests for text and text come out.

It knows no clock, no transcriber and no client. The caller carries out what it returns, in order, and tells it what
came of it. Positions are samples at 16 kHz from the session's beginning, times are seconds from there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sayit.scheduler.jobs.records import ChunkOutput, SampleSpan
from sayit.speech.transcript import Word

#: Voice probabilities `float32[n]` of the next `int16[n * 512]` samples; it carries its state from call to call.
Voices: TypeAlias = Callable[[NDArray[np.int16]], NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class TurnConfig:
    """How utterances are found."""

    #: Only `commit` and `finish` end one, and its length.
    off: bool = False
    #: A frame with this voice probability is speech.
    threshold: float = 0.5
    #: Silence that ends an utterance.
    silence_s: float = 0.5


@dataclass(frozen=True, kw_only=True)
class SessionState:
    """What a session needs to go on in another process: audio from `start_sample` on is then fed again."""

    #: The utterance that is going on, or the next one.
    utterance: int = 0
    #: Where that began; where nothing of it is committed, behind the one before.
    start_sample: int = 0
    #: Its words that were given out as committed.
    committed: tuple[Word, ...] = ()
    #: The language that the session has settled on; empty before.
    language: str = ""


@dataclass(frozen=True, kw_only=True)
class Decode:
    """A stretch is to be decoded, with words; its text goes to `decoded`, or a call of `failed` follows."""

    request_id: int
    start_sample: int
    end_sample: int
    #: Mono 16 kHz s16le of the stretch.
    pcm: bytes
    #: Whether the utterance's last text is wanted: as the job asks; interim text is decoded greedily, once.
    final: bool
    #: Text in front of the stretch; it goes behind the job's prompt.
    prompt: str
    #: The language, where the session has settled on one and the job asks for none; else empty.
    language: str


@dataclass(frozen=True, kw_only=True)
class Cancel:
    """A request's text is no longer wanted; what still comes of it may be passed on, and is ignored."""

    request_id: int


@dataclass(frozen=True, kw_only=True)
class SpeechBegan:
    """An utterance begins."""

    utterance: int
    at_sample: int


@dataclass(frozen=True, kw_only=True)
class SpeechEnded:
    """An utterance is over; its final text follows."""

    utterance: int
    at_sample: int


@dataclass(frozen=True, kw_only=True)
class Text:
    """Text of an utterance that is going on."""

    utterance: int
    start_sample: int
    #: The audio up to here was heard for it.
    end_sample: int
    #: Words that will not change any more, from the utterance's beginning.
    committed: tuple[Word, ...]
    #: Words behind them that may.
    tentative: tuple[Word, ...]
    #: The committed share of all letters, 0 to 1.
    stability: float
    language: str
    #: What must be stored before `committed` is given out.
    state: SessionState


@dataclass(frozen=True, kw_only=True)
class Final:
    """An utterance's last text; finals come in the order of the utterances."""

    utterance: int
    start_sample: int
    end_sample: int
    #: Detected speech in it.
    speech: tuple[SampleSpan, ...]
    #: Mono 16 kHz s16le of `[start_sample, end_sample)`.
    pcm: bytes
    #: Its segments, all with words; no segments where nothing was understood.
    output: ChunkOutput
    #: What must be stored together with it.
    state: SessionState


Action: TypeAlias = Decode | Cancel | SpeechBegan | SpeechEnded | Text | Final


class Conversation:
    """One session.

    Args:
        voices: of this session alone.
        config: how utterances are found.
        state: where to go on; the next audio fed is that from `state.start_sample` on.
        interim: whether text is wanted before an utterance is over.
    """

    def __init__(
        self,
        voices: Voices,
        config: TurnConfig = TurnConfig(),
        state: SessionState = SessionState(),
        *,
        interim: bool = True,
    ) -> None:
        raise NotImplementedError

    @property
    def position(self) -> int:
        """Samples fed, those before the state's among them."""
        raise NotImplementedError

    @property
    def settled(self) -> int:
        """Up to here all speech has its committed text; silence needs none."""
        raise NotImplementedError

    @property
    def busy(self) -> bool:
        """Whether an utterance is going on or waits for its final text."""
        raise NotImplementedError

    def feed(self, pcm: bytes) -> list[Action]:
        """Takes the next audio: mono 16 kHz s16le, whole samples, of any length.

        Raises:
            ValueError: half a sample.
        """
        raise NotImplementedError

    def decoded(self, request_id: int, output: ChunkOutput) -> list[Action]:
        """Takes the text of a request; times in `output` are seconds from the beginning of its stretch.

        A text that was not asked for, was cancelled or came before is ignored.
        """
        raise NotImplementedError

    def failed(self, request_id: int, *, retry: bool) -> list[Action]:
        """A request has no text: the engine reported an error. Lost transcribers need no call: ask another one.

        Args:
            request_id: as in `Decode`.
            retry: whether another attempt is worth it; else the utterance keeps the words that are there.
        """
        raise NotImplementedError

    def commit(self) -> list[Action]:
        """The utterance that is going on ends here."""
        raise NotImplementedError

    def finish(self) -> list[Action]:
        """All audio was fed: what is going on ends here."""
        raise NotImplementedError
