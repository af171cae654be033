"""The engine of a transcriber process: one warm model that decodes one chunk after the other."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sayit.speech.audio import SAMPLE_RATE_HZ
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.options import AUTO, DecodeOptions, Task
from sayit.transcriber.engine.decoding import WINDOW_FRAMES, ChunkDecoding, Passage, Window
from sayit.transcriber.engine.fallback import Attempt
from sayit.transcriber.engine.language import most_likely
from sayit.transcriber.engine.result import ChunkText, EngineCancelled
from sayit.transcriber.models import ModelNotAvailableError, check_folder

if TYPE_CHECKING:
    from sayit.transcriber.engine.whisper import Encoding, Whisper, WhisperVocabulary

#: The only language of a model that is not multilingual.
ENGLISH = "en"


class Engine:
    """One model, loaded; get one with `Engine.load`.

    Calls block and compute, so they belong in a thread. Two at once are safe, but take turns inside the model, call by
    call: give it one chunk at a time.
    """

    def __init__(self, whisper: Whisper) -> None:
        self._whisper = whisper

    @classmethod
    def load(cls, folder: Path, *, threads: int, compute_type: str = "default") -> Engine:
        """Loads a CTranslate2 Whisper folder into memory; blocks for as long as that takes.

        The numeric libraries read their thread count when they are first imported. This sets OMP_NUM_THREADS for
        CTranslate2 unless the process already did; NumPy's BLAS is in memory by now and obeys only the environment
        that the process was started with.

        Args:
            folder: a folder with model.bin, config.json, tokenizer.json and a vocabulary.
            threads: threads of each call of the model, at least 1; processes × threads ≤ physical cores.
            compute_type: CTranslate2's, such as "int8"; "default" takes what the weights are stored in.

        Raises:
            ModelNotAvailableError: the folder is incomplete, or CTranslate2 cannot load it.
        """
        check_folder(folder)
        os.environ.setdefault("OMP_NUM_THREADS", str(threads))
        from sayit.transcriber.engine.whisper import Whisper  # noqa: PLC0415 - after the thread count is known

        try:
            return cls(Whisper(folder, threads=max(1, threads), compute_type=compute_type))
        except (RuntimeError, ValueError, OSError) as error:
            raise ModelNotAvailableError(folder.name, f"it cannot be loaded ({error})") from error

    def warm_up(self) -> None:
        """Runs every kind of call once at full size, so that the first chunk meets no first time."""
        whisper = self._whisper
        noise = np.random.default_rng(0).normal(0, 1e-3, WINDOW_FRAMES * 160).astype(np.float32)
        window = Window(start_frame=0, frames=WINDOW_FRAMES)
        encoding = whisper.encode(whisper.features(noise), window)
        if whisper.multilingual:
            whisper.language_probabilities(encoding)
        vocabulary = whisper.vocabulary(ENGLISH, Task.TRANSCRIBE)
        for temperature in (0.0, 1.0):
            attempt = Attempt(
                prompt=vocabulary.start_sequence,
                temperature=temperature,
                beam_size=5,
                patience=2.0,
                best_of=3,
                max_new_tokens=8,
            )
            whisper.generate(encoding, attempt, vocabulary)
        passage = Passage(start_s=0.0, end_s=1.0, tokens=vocabulary.encode(" one two"))
        whisper.align(encoding, window, (passage,), vocabulary, 0.0)

    def transcribe(
        self,
        pcm: npt.NDArray[np.float32],
        options: DecodeOptions,
        *,
        on_window: Callable[[ChunkText], None],
        cancelled: Callable[[], bool],
    ) -> ChunkText:
        """The text of one chunk.

        Args:
            pcm: float32[n] mono at 16 kHz, in -1 to 1; of any length, made for at most about 31 s.
            options: how to decode it.
            on_window: called with the text so far after every window but the last, in this thread.
            cancelled: asked before every window and every attempt at it.

        Raises:
            EngineCancelled: `cancelled` said so.
            SayItError: INVALID_LANGUAGE for a language that the model lacks, ENGINE_FAILED if the model fails.
        """
        started = time.perf_counter()
        whisper = self._whisper
        language = self._fixed_language(options)
        with _model_at_work():
            features = whisper.features(pcm)
        decoding = ChunkDecoding(duration_s=len(pcm) / SAMPLE_RATE_HZ, frames=features.shape[-1] - 1, options=options)
        vocabulary: WhisperVocabulary | None = None
        probability = 1.0
        if language:
            vocabulary = whisper.vocabulary(language, options.task)
            decoding.speak(language, probability, vocabulary)
        window = decoding.next_window()
        while window is not None:
            _go_on(cancelled)
            with _model_at_work():
                encoding = whisper.encode(features, window)
                if vocabulary is None:
                    language, probability = most_likely(whisper.language_probabilities(encoding))
            if vocabulary is None:
                vocabulary = whisper.vocabulary(language, options.task)
                decoding.speak(language, probability, vocabulary)
            self._decode(decoding, window, encoding, vocabulary, options, cancelled)
            window = decoding.next_window()
            if window is not None:
                on_window(decoding.text(time.perf_counter() - started))
        return decoding.text(time.perf_counter() - started)

    def _decode(
        self,
        decoding: ChunkDecoding,
        window: Window,
        encoding: Encoding,
        vocabulary: WhisperVocabulary,
        options: DecodeOptions,
        cancelled: Callable[[], bool],
    ) -> None:
        """Attempts at one window until one passes, then words where they are wanted."""
        fallback = decoding.fallback()
        while (attempt := fallback.next_attempt()) is not None:
            _go_on(cancelled)
            with _model_at_work():
                generated = self._whisper.generate(encoding, attempt, vocabulary)
            fallback.take(generated)
        passages = decoding.judge(fallback.outcome)
        if passages and options.word_timestamps:
            with _model_at_work():
                passages = self._whisper.align(encoding, window, passages, vocabulary, decoding.last_word_end_s)
        decoding.keep(passages)

    def _fixed_language(self, options: DecodeOptions) -> str:
        """The language to decode in; empty where the model is to detect it."""
        if self._whisper.multilingual:
            return "" if options.language == AUTO else options.language
        if options.language not in {AUTO, ENGLISH}:
            raise SayItError(ErrorKind.INVALID_LANGUAGE, field="language", language=options.language)
        return ENGLISH


@contextmanager
def _model_at_work() -> Iterator[None]:
    """Whatever the model's libraries raise is one error of ours; the caller's callbacks stay outside."""
    try:
        yield
    except (RuntimeError, ValueError, IndexError) as error:
        raise SayItError(ErrorKind.ENGINE_FAILED, cause=f"{type(error).__name__}: {error}") from error


def _go_on(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise EngineCancelled
