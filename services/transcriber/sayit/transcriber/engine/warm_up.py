"""Runs every kind of call before the first chunk, because the first time of each is slower."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from sayit.speech.options import Task
from sayit.transcriber.engine.cost_model import CostModel
from sayit.transcriber.engine.fallback import FallbackStep
from sayit.transcriber.engine.language import ENGLISH
from sayit.transcriber.engine.language_segmentation import CELL_FRAMES
from sayit.transcriber.engine.window import WINDOW_FRAMES, WINDOW_LENGTHS, Passage, Window

if TYPE_CHECKING:
    from sayit.transcriber.engine.model import Whisper

#: Windows and new tokens of the calls that warm up: small, both ends of the batch, and different lengths, so that the
#: cost of a step, of a row and of a window can be told apart.
_FEW_TOKENS, _MORE_TOKENS = 2, 12


def warm_up(whisper: Whisper, cost: CostModel, batch: int) -> None:
    """Runs every kind of call once with full windows, alone and as the largest batch.

    Memory is then about what it will be, and the cost model has a first idea of this machine.
    """
    noise = np.random.default_rng(0).normal(0, 1e-3, WINDOW_FRAMES * 160).astype(np.float32)
    features = whisper.features(noise)
    window = Window(start_frame=0, frames=WINDOW_FRAMES)
    encoding = whisper.encode(whisper.padded(features, window))
    shortest = Window(start_frame=0, frames=CELL_FRAMES, padded_frames=WINDOW_LENGTHS[0])
    brief = whisper.encode(whisper.padded(features, shortest))
    if whisper.multilingual:
        whisper.language_probabilities(encoding)
        whisper.languages_within(encoding, [(0, CELL_FRAMES)] * (WINDOW_FRAMES // CELL_FRAMES))
    vocabulary = whisper.vocabulary(ENGLISH, Task.TRANSCRIBE)

    def decode(windows: int, tokens: int, *, temperature: float = 0.0, beam_size: int = 5, short: bool = False) -> None:
        fallback_step = FallbackStep(
            prompt=vocabulary.start_sequence,
            temperature=temperature,
            beam_size=beam_size,
            patience=2.0,
            best_of=3,
            max_new_tokens=tokens,
            padded_frames=WINDOW_LENGTHS[0] if short else WINDOW_FRAMES,
        )
        began_s = time.monotonic()
        answers = whisper.generate([(brief if short else encoding, fallback_step)] * windows)
        seconds = time.monotonic() - began_s
        longest = max(1, *(len(answer.tokens) for answer in answers))
        cost.decoded(seconds, fallback_step, windows=windows, tokens=longest, typical=False)

    decode(1, _FEW_TOKENS)
    decode(batch, _FEW_TOKENS)
    decode(1, _MORE_TOKENS)
    decode(1, _MORE_TOKENS, beam_size=1, short=True)
    decode(1, _FEW_TOKENS, temperature=1.0)
    passage = Passage(start_s=0.0, end_s=1.0, tokens=vocabulary.encode(" one two"))
    whisper.align(encoding, window, (passage,), vocabulary, 0.0)
