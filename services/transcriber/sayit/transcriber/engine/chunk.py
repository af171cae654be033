"""One chunk on its way through the engine: what it wants from the model next, and what the answers make of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sayit.speech.audio import SAMPLE_RATE_HZ
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.options import AUTO, DecodeOptions
from sayit.transcriber.engine.decoding import ChunkDecoding, Passage, Window
from sayit.transcriber.engine.fallback import Attempt, Fallback, Generated
from sayit.transcriber.engine.language import most_likely
from sayit.transcriber.engine.result import ChunkText

if TYPE_CHECKING:
    from sayit.transcriber.engine.whisper import Encoding, Whisper, WhisperVocabulary

#: float32[n], mono 16 kHz, -1 to 1.
Samples = npt.NDArray[np.float32]
#: Told that a chunk's first call is near, with what to call once whoever must know it does.
OnTurn = Callable[[Callable[[], None]], None]
#: Told the text so far.
OnWindow = Callable[[ChunkText], None]


class Step(Enum):
    """A call of the model that a chunk is ready for."""

    ENCODE = "encode"
    DECODE = "decode"
    ALIGN = "align"


class HeldChunk:
    """A chunk that the engine holds, from `submit` until its future is done.

    `prepare` runs in one thread, before anything else; everything after it belongs to the engine's thread.

    Args:
        pcm: float32[n] in -1 to 1 or s16le bytes, mono 16 kHz.
        options: how to decode it.
        interactive: it goes before bulk work.
        alone: nothing else is on the engine while it is.
        on_turn: see `Engine.submit`.
        on_window: see `Engine.submit`.
        give_up: what `cancel` does.
    """

    def __init__(
        self,
        pcm: Samples | bytes | bytearray,
        options: DecodeOptions,
        *,
        interactive: bool,
        alone: bool,
        on_turn: OnTurn,
        on_window: OnWindow,
        give_up: Callable[[HeldChunk], None],
    ) -> None:
        self.interactive = interactive
        self.alone = alone
        self.on_turn = on_turn
        #: The text; EngineCancelled, or what went wrong.
        self.future: Future[ChunkText] = Future()
        self.future.set_running_or_notify_cancel()
        #: Seconds of the engine's time that went into it; calls for several chunks are shared evenly.
        self.compute_s = 0.0
        #: Windows that are done.
        self.windows = 0
        #: What it is ready for; None while it is not.
        self.step: Step | None = None
        #: Since when it has been ready for that; monotonic seconds.
        self.since_s = time.monotonic()
        #: Whether its features are there; the engine sets it.
        self.prepared = False
        #: Whether it may use the model: it is on the table, and whoever must know it does.
        self.going = False
        #: Whether it must be decoded in calls of its own, because a call for several failed.
        self.singly = False
        #: Whether it was given up.
        self.cancelled = False
        #: Whether the engine has let go of it.
        self.ended = False
        self._pcm: Samples | bytes | bytearray = pcm
        self._options = options
        self._on_window = on_window
        self._give_up = give_up
        self._vocabulary: WhisperVocabulary | None = None
        self._features: npt.NDArray[np.float32]
        self._padded: npt.NDArray[np.float32]
        self._decoding: ChunkDecoding
        self._window: Window | None = None
        self._encoding: Encoding = None
        self._fallback: Fallback
        self._passages: tuple[Passage, ...] = ()
        #: The attempt that `Step.DECODE` is about.
        self.attempt: Attempt

    def cancel(self) -> None:
        """Begins no further call; its future ends with EngineCancelled, at once unless a call for it is running."""
        self._give_up(self)

    @property
    def encoding(self) -> Encoding:
        """The encoder's output for its window."""
        return self._encoding

    @property
    def done(self) -> bool:
        """Whether nothing is left to decode."""
        return self._window is None

    def text(self) -> ChunkText:
        """The text so far."""
        return self._decoding.text(self.compute_s)

    def prepare(self, whisper: Whisper) -> None:
        """Samples and features: all that needs no model.

        Raises:
            SayItError: INVALID_LANGUAGE for a language that the model lacks.
        """
        language = _fixed_language(self._options, whisper)
        samples = _samples(self._pcm)
        self._pcm = b""
        features = whisper.features(samples)
        self._features = features
        self._decoding = ChunkDecoding(
            duration_s=len(samples) / SAMPLE_RATE_HZ, frames=features.shape[-1] - 1, options=self._options
        )
        if language:
            self._vocabulary = whisper.vocabulary(language, self._options.task)
            self._decoding.speak(language, 1.0, self._vocabulary)
        self._go_on(whisper)

    def encode(self, whisper: Whisper) -> None:
        """Encodes its window, and detects the language on the first one if it is to be detected."""
        self._encoding = whisper.encode(self._padded)
        if self._vocabulary is None:
            language, probability = most_likely(whisper.language_probabilities(self._encoding))
            self._vocabulary = whisper.vocabulary(language, self._options.task)
            self._decoding.speak(language, probability, self._vocabulary)
        self._fallback = self._decoding.fallback()
        self._attempt_next(whisper)

    def take(self, generated: Generated, whisper: Whisper) -> None:
        """Takes the decoder's answer to its attempt; its window may be done then."""
        self.singly = False
        self._fallback.take(generated)
        self._attempt_next(whisper)

    def align(self, whisper: Whisper) -> None:
        """Gives its window's passages words; its window is done then."""
        assert self._window is not None
        assert self._vocabulary is not None
        last_s = self._decoding.last_word_end_s
        self._keep(whisper.align(self._encoding, self._window, self._passages, self._vocabulary, last_s), whisper)

    def tell(self) -> None:
        """Says what the windows so far said."""
        self._on_window(self.text())

    def let_go(self) -> None:
        """Drops what is large, and what leads back to whoever submitted it; only its text is left.

        Whoever submitted it mostly holds it, so they hold each other. Such a cycle waits for the garbage collector's
        rarest round, in a busy transcriber for hundreds of chunks, and each of them had megabytes of features.
        """
        self._pcm, self._encoding = b"", None
        self._features = self._padded = np.empty((0, 0), np.float32)
        self.on_turn, self._on_window = _unheard, _unheard

    def wait_for(self, step: Step) -> None:
        """It is ready for this from now on."""
        self.step, self.since_s = step, time.monotonic()

    def _attempt_next(self, whisper: Whisper) -> None:
        attempt = self._fallback.next_attempt()
        if attempt is not None:
            self.attempt = attempt
            self.wait_for(Step.DECODE)
            return
        self._passages = self._decoding.judge(self._fallback.outcome)
        if self._passages and self._options.word_timestamps:
            self.wait_for(Step.ALIGN)
        else:
            self._keep(self._passages, whisper)

    def _keep(self, passages: tuple[Passage, ...], whisper: Whisper) -> None:
        self._decoding.keep(passages)
        self._passages, self._encoding = (), None
        self.windows += 1
        self._go_on(whisper)

    def _go_on(self, whisper: Whisper) -> None:
        """Cuts the next window out, if there is one."""
        self._window = self._decoding.next_window()
        if self._window is None:
            self.step = None
        else:
            self._padded = whisper.padded(self._features, self._window)
            self.wait_for(Step.ENCODE)


def _fixed_language(options: DecodeOptions, whisper: Whisper) -> str:
    """The language to decode in; empty where the model is to detect it."""
    if whisper.multilingual:
        return "" if options.language == AUTO else options.language
    if options.language not in {AUTO, whisper.only_language}:
        raise SayItError(ErrorKind.INVALID_LANGUAGE, field="language", language=options.language)
    return whisper.only_language


def _unheard(_: object) -> None:
    """Nobody listens any more."""


def _samples(pcm: Samples | bytes | bytearray) -> Samples:
    """float32[n]; the only copy of s16le bytes is the conversion."""
    if isinstance(pcm, np.ndarray):
        return pcm
    samples: Samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
    samples *= np.float32(1.0 / 32768.0)
    return samples
