"""One chunk's decoding with the model: which call it is ready for next, and what follows from the answers."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sayit.speech.audio import SAMPLE_RATE_HZ
from sayit.speech.options import DecodeOptions
from sayit.transcriber.engine import loudness
from sayit.transcriber.engine.fallback import PLAIN_POLICY, DecodePolicy, Effort, Fallback, FallbackStep, Generated
from sayit.transcriber.engine.language import Candidate
from sayit.transcriber.engine.language_search import LanguageCandidates, LanguageSearch
from sayit.transcriber.engine.language_segmentation import LanguageSpan
from sayit.transcriber.engine.result import DecodedChunk, joined
from sayit.transcriber.engine.window import FRAMES_PER_SECOND, Passage, Window
from sayit.transcriber.engine.windows import ChunkDecoding

if TYPE_CHECKING:
    from sayit.transcriber.engine.model import Encoding, Whisper

#: float32[n], mono 16 kHz, -1 to 1.
Samples = npt.NDArray[np.float32]


class Step(Enum):
    """A call of the model that a chunk is ready for."""

    ENCODE = "encode"
    DECODE = "decode"
    ALIGN = "align"


class DecodeSession:
    """`prepare` runs in one thread, before anything else; everything after it belongs to the engine's thread.

    Args:
        whisper: the model.
        pcm: float32[n] in -1 to 1 or s16le bytes, mono 16 kHz.
        options: how to decode it.
        policy: what an operator decides.
        effort: how much is tried for each window.
    """

    def __init__(
        self,
        whisper: Whisper,
        pcm: Samples | bytes | bytearray,
        options: DecodeOptions,
        policy: DecodePolicy = PLAIN_POLICY,
        *,
        effort: Effort = Effort.FULL,
    ) -> None:
        #: What it is ready for; None while it is not, and once nothing is left to decode.
        self.step: Step | None = None
        #: Since when it has been ready for that; monotonic seconds.
        self.since_s = time.monotonic()
        #: Windows that are done.
        self.windows = 0
        #: The fallback step that `Step.DECODE` runs.
        self.fallback_step: FallbackStep
        #: The encoder's output for its window.
        self.encoding: Encoding = None
        self._whisper = whisper
        self._pcm: Samples | bytes | bytearray = pcm
        self._options = options
        self._policy = policy
        self._effort = effort
        self._once = effort is Effort.ONCE
        self._features: npt.NDArray[np.float32]
        self._padded: npt.NDArray[np.float32]
        self._languages: LanguageSearch
        #: Stretches whose decoding has not begun; None until the chunk was searched for changes of language.
        self._stretches: deque[LanguageSpan] | None = None
        #: The language that the segmentation found for the stretch being decoded; empty for none.
        self._hint = ""
        self._decoding: ChunkDecoding
        self._finished: list[DecodedChunk] = []
        #: Windows encoded so far, those among them that were cut or widened afterwards.
        self._encoded = 0
        self._window: Window | None = None
        self._candidates: LanguageCandidates
        self._passages: tuple[Passage, ...] = ()

    @property
    def done(self) -> bool:
        """Whether nothing is left to decode."""
        return self._window is None

    def text(self, compute_s: float) -> DecodedChunk:
        """The text so far; `compute_s` is the engine time it took."""
        text = joined([*self._finished, self._decoding.text(compute_s)])
        return replace(text, windows=self._encoded, unlisted=self._languages.unlisted)

    def prepare(self) -> None:
        """Samples and features: all that needs no model.

        Raises:
            SayItError: INVALID_LANGUAGE where the model knows none of the languages.
        """
        self._languages = LanguageSearch(self._whisper, self._options, self._policy.languages)
        samples = _samples(self._pcm)
        self._pcm = b""
        self._features = self._whisper.features(samples)
        self._loud = loudness.loud(loudness.levels(self._features[:, : self._frames])) if self._frames > 0 else None
        self._duration_s = len(samples) / SAMPLE_RATE_HZ
        if self._languages.only or self._once:
            self._stretches = deque()
        self._begin(LanguageSpan(start_frame=0, end_frame=self._frames, language=""))

    def encode(self) -> None:
        """Encodes its window. On the first one of a stretch it detects the language if that is to be detected.

        On the chunk's first window it also searches for changes of the language. Where it finds one, it drops the
        window's encoding: the chunk is cut, and its stretches are encoded by themselves.
        """
        self.encoding = self._whisper.encode(self._padded)
        self._encoded += 1
        if self._stretches is None and self._is_cut():
            return
        spoken = self._decoding.spoken
        if spoken is None or not (self._languages.only or self._decoding.begun):
            candidates = self._languages.candidates(self.encoding, self._hint)
            if self._once:
                candidates = candidates[:1]
            fallbacks = [(each, self._attempts(each, of_several=len(candidates) > 1)) for each in candidates]
        else:
            if self._encoded == 1:
                self._languages.check(self.encoding)
            self._languages.settle()
            fallbacks = [(spoken, self._decoding.fallback())]
        self._candidates = LanguageCandidates(fallbacks, by_script=self._languages.by_script)
        self._next_fallback_step()

    def take(self, generated: Generated) -> None:
        """Takes the decoder's answer to its fallback step; its window may be done then.

        A short window whose text fails is encoded again with 30 s, before anything else is tried, if that may be.
        """
        self._candidates.take(generated)
        if self._candidates.needs_full_window:
            self._window = self._decoding.widen()
            self._encode_next()
        else:
            self._next_fallback_step()

    def align(self) -> None:
        """Gives its window's passages words; its window is done then."""
        assert self._window is not None
        decoding = self._decoding
        self._keep(
            self._whisper.align(
                self.encoding, self._window, self._passages, decoding.vocabulary, decoding.last_word_end_s
            )
        )

    def let_go(self) -> None:
        """Drops audio, features and encoding; only its text is left."""
        self._pcm, self.encoding, self._loud = b"", None, None
        self._features = self._padded = np.empty((0, 0), np.float32)

    @property
    def _frames(self) -> int:
        """Frames of audio in the features; one more pads them."""
        return int(self._features.shape[-1]) - 1

    def _begin(self, stretch: LanguageSpan) -> None:
        """Decodes this stretch from now on."""
        ends = stretch.end_frame >= self._frames
        self._decoding = ChunkDecoding(
            duration_s=self._duration_s if ends else stretch.end_frame / FRAMES_PER_SECOND,
            frames=stretch.end_frame,
            options=self._options,
            start_frame=stretch.start_frame,
            loud=self._loud,
            policy=self._policy,
            effort=self._effort,
        )
        self._hint = stretch.language
        if self._languages.only:
            self._speak(self._languages.only)
        self._go_on()

    def _speak(self, candidate: Candidate) -> None:
        """The stretch is in this language from now on."""
        self._decoding.speak(candidate, self._whisper.vocabulary(candidate.language, self._options.task))

    def _attempts(self, candidate: Candidate, *, of_several: bool) -> Fallback:
        """The fallback steps of its window in this language, which is the stretch's from now on."""
        self._speak(candidate)
        return self._decoding.fallback(of_several=of_several)

    def _is_cut(self) -> bool:
        """Searches for changes of the language; whether there was one, and the chunk is cut there."""
        assert self._window is not None
        found = deque(self._languages.stretches(self.encoding, self._features[:, : self._window.frames]))
        self._stretches = found
        if len(found) == 1:
            self._hint = found.pop().language
            return False
        # Audio behind the first window, in a chunk longer than the scheduler makes, belongs to the last stretch.
        found.append(replace(found.pop(), end_frame=self._frames))
        self.encoding = None
        self._begin(found.popleft())
        return True

    def _next_fallback_step(self) -> None:
        fallback_step = self._candidates.next_step()
        if fallback_step is None and not self._once and (rival := self._languages.rival(self._candidates)) is not None:
            # Detection was sure, and the text is in another language's script all the same.
            self._candidates.add(rival, self._attempts(rival, of_several=True))
            fallback_step = self._candidates.next_step()
        if fallback_step is not None:
            self.fallback_step = fallback_step
            self._wait_for(Step.DECODE)
            return
        candidate, outcome = self._candidates.verdict
        if candidate != self._decoding.spoken:
            self._speak(candidate)
        self._passages = self._decoding.judge(outcome)
        if self._passages and self._options.word_timestamps:
            self._wait_for(Step.ALIGN)
        else:
            self._keep(self._passages)

    def _keep(self, passages: tuple[Passage, ...]) -> None:
        assert self._window is not None
        self._decoding.keep(self._languages.tagged(passages, self._window, self.encoding, self._decoding))
        self._passages, self.encoding = (), None
        self.windows += 1
        self._go_on()

    def _go_on(self) -> None:
        """Cuts the next window out, if there is one."""
        self._window = self._decoding.next_window()
        if self._window is not None:
            self._encode_next()
        elif self._stretches:
            self._finished.append(self._decoding.text(0.0))
            self._begin(self._stretches.popleft())
        else:
            self.step = None

    def _encode_next(self) -> None:
        assert self._window is not None
        self._padded = self._whisper.padded(self._features, self._window)
        self._wait_for(Step.ENCODE)

    def _wait_for(self, step: Step) -> None:
        """It is ready for this from now on."""
        self.step, self.since_s = step, time.monotonic()


def _samples(pcm: Samples | bytes | bytearray) -> Samples:
    """float32[n]; the only copy of s16le bytes is the conversion."""
    if isinstance(pcm, np.ndarray):
        return pcm
    samples: Samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
    samples *= np.float32(1.0 / 32768.0)
    return samples
