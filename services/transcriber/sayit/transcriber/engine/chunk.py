"""One chunk on its way through the engine: what it wants from the model next, and what the answers make of it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sayit.speech.audio import SAMPLE_RATE_HZ
from sayit.speech.options import DecodeOptions, Task
from sayit.transcriber.engine.changes import Stretch, stretches
from sayit.transcriber.engine.decoding import FRAMES_PER_SECOND, ChunkDecoding, Passage, Window
from sayit.transcriber.engine.fallback import Attempt, Fallback, Generated
from sayit.transcriber.engine.language import Candidate, allowed, contenders, shares
from sayit.transcriber.engine.result import ChunkText, joined
from sayit.transcriber.engine.tagging import tagged
from sayit.transcriber.engine.trial import Trial

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
        self._features: npt.NDArray[np.float32]
        self._padded: npt.NDArray[np.float32]
        #: What it may be in; one language where that is fixed.
        self._languages: tuple[str, ...] = ()
        #: Stretches whose decoding has not begun; None while nobody has listened for changes of the language.
        self._stretches: deque[Stretch] | None = None
        #: What a closer look said of the stretch being decoded.
        self._hint = ""
        self._decoding: ChunkDecoding
        self._finished: list[ChunkText] = []
        #: Windows that were encoded only to be cut at a change of language.
        self._cut_windows = 0
        self._spoken: Candidate | None = None
        #: The languages that its window may be in; empty once the stretch's is known.
        self._heard: Sequence[Candidate] = ()
        self._vocabulary: WhisperVocabulary
        self._window: Window | None = None
        self._encoding: Encoding = None
        self._trial: Trial
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
        text = joined([*self._finished, self._decoding.text(self.compute_s)])
        return replace(text, windows=text.windows + self._cut_windows)

    def prepare(self, whisper: Whisper) -> None:
        """Samples and features: all that needs no model.

        Raises:
            SayItError: INVALID_LANGUAGE where the model knows none of the languages.
        """
        self._languages = allowed(self._options, whisper.languages)
        samples = _samples(self._pcm)
        self._pcm = b""
        self._features = whisper.features(samples)
        self._duration_s = len(samples) / SAMPLE_RATE_HZ
        if len(self._languages) == 1:
            self._stretches = deque()
        self._begin(Stretch(start_frame=0, end_frame=self._frames, language=""), whisper)

    def encode(self, whisper: Whisper) -> None:
        """Encodes its window. On the first one of a stretch it detects the language if that is to be detected.

        On the chunk's first window it also listens for changes of the language. Where it finds one, the window's
        encoding is of no further use: the chunk is cut, and its stretches are encoded by themselves.
        """
        self._encoding = whisper.encode(self._padded)
        if self._stretches is None and self._is_cut(whisper):
            return
        if self._spoken is None:
            self._heard = shares(whisper.language_probabilities(self._encoding), self._languages)
            fallbacks = [(each, self._speak(each, whisper)) for each in contenders(self._heard, self._hint)]
        else:
            self._heard = []
            fallbacks = [(self._spoken, self._decoding.fallback())]
        self._trial = Trial(fallbacks, self._scripts, self._options.compression_ratio_threshold)
        self._attempt_next(whisper)

    def take(self, generated: Generated, whisper: Whisper) -> None:
        """Takes the decoder's answer to its attempt; its window may be done then."""
        self.singly = False
        self._trial.take(generated)
        self._attempt_next(whisper)

    def align(self, whisper: Whisper) -> None:
        """Gives its window's passages words; its window is done then."""
        assert self._window is not None
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

    @property
    def _scripts(self) -> tuple[str, ...]:
        """The languages that a text's script may tell; none where it is translated."""
        return self._languages if self._options.task is Task.TRANSCRIBE else ()

    @property
    def _frames(self) -> int:
        """Frames of audio in the features; one more pads them."""
        return int(self._features.shape[-1]) - 1

    def _begin(self, stretch: Stretch, whisper: Whisper) -> None:
        """Decodes this stretch from now on."""
        ends = stretch.end_frame >= self._frames
        self._decoding = ChunkDecoding(
            duration_s=self._duration_s if ends else stretch.end_frame / FRAMES_PER_SECOND,
            frames=stretch.end_frame,
            options=self._options,
            start_frame=stretch.start_frame,
        )
        self._spoken, self._hint = None, stretch.language
        if len(self._languages) == 1:
            self._speak(Candidate(language=self._languages[0], probability=1.0), whisper)
        self._go_on(whisper)

    def _speak(self, candidate: Candidate, whisper: Whisper) -> Fallback:
        """The attempts at its window in this language, which is the stretch's from now on."""
        self._spoken = candidate
        self._vocabulary = whisper.vocabulary(candidate.language, self._options.task)
        self._decoding.speak(candidate.language, candidate.probability, self._vocabulary)
        return self._decoding.fallback()

    def _is_cut(self, whisper: Whisper) -> bool:
        """Listens for changes of the language; whether there was one, and the chunk is cut there."""
        assert self._window is not None
        found = deque(
            stretches(
                lambda places: whisper.languages_within(self._encoding, places),
                self._features[:, : self._window.frames],
                self._languages,
            )
        )
        self._stretches = found
        if len(found) == 1:
            self._hint = found.pop().language
            return False
        # What lies behind the first window, in a chunk longer than any of ours, is the last stretch's.
        found.append(replace(found.pop(), end_frame=self._frames))
        self._cut_windows, self._encoding = 1, None
        self._begin(found.popleft(), whisper)
        return True

    def _attempt_next(self, whisper: Whisper) -> None:
        attempt = self._trial.next_attempt()
        rivals = [each for each in self._heard if attempt is None and each.language == self._trial.script]
        if rivals:
            # Detection was sure, and the text is in another language's script all the same.
            self._trial.add(rivals[0], self._speak(rivals[0], whisper))
            attempt = self._trial.next_attempt()
        if attempt is not None:
            self.attempt = attempt
            self.wait_for(Step.DECODE)
            return
        candidate, outcome = self._trial.verdict
        if candidate != self._spoken:
            self._speak(candidate, whisper)
        self._passages = self._decoding.judge(outcome)
        if self._passages and self._options.word_timestamps:
            self.wait_for(Step.ALIGN)
        else:
            self._keep(self._passages, whisper)

    def _keep(self, passages: tuple[Passage, ...], whisper: Whisper) -> None:
        assert self._window is not None
        if len(self._scripts) > 1:
            passages = tagged(
                passages,
                self._window,
                self._decoding.language,
                self._scripts,
                read=self._vocabulary.text,
                hear=lambda places: whisper.languages_within(self._encoding, places),
            )
        self._decoding.keep(passages)
        self._passages, self._encoding = (), None
        self.windows += 1
        self._go_on(whisper)

    def _go_on(self, whisper: Whisper) -> None:
        """Cuts the next window out, if there is one."""
        self._window = self._decoding.next_window()
        if self._window is not None:
            self._padded = whisper.padded(self._features, self._window)
            self.wait_for(Step.ENCODE)
        elif self._stretches:
            self._finished.append(self._decoding.text(self.compute_s))
            self._begin(self._stretches.popleft(), whisper)
        else:
            self.step = None


def _unheard(_: object) -> None:
    """Nobody listens any more."""


def _samples(pcm: Samples | bytes | bytearray) -> Samples:
    """float32[n]; the only copy of s16le bytes is the conversion."""
    if isinstance(pcm, np.ndarray):
        return pcm
    samples: Samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
    samples *= np.float32(1.0 / 32768.0)
    return samples
