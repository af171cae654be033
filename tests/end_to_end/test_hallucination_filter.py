"""The guard against what the bundled model really writes where nobody speaks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest
import soundfile

from sayit.scheduler.assemble.hallucination import HallucinationFilter, load_phrases
from sayit.speech.options import Guard, Options, resolve
from sayit.transcriber.engine import Engine
from sayit.transcriber.models import bundled

from .helper import RECORDINGS

RATE = 16_000
TIME_S = np.arange(25 * RATE) / RATE


def recording(name: str) -> np.ndarray:
    """The first 25 s of one of ours."""
    samples, _ = soundfile.read(RECORDINGS / f"{name}.flac", dtype="float32")
    return samples[: len(TIME_S)]


def hiss() -> np.ndarray:
    """Loud white noise."""
    return (np.random.default_rng(1).standard_normal(len(TIME_S)) * 0.2).clip(-1, 1).astype(np.float32)


def chords() -> np.ndarray:
    """A chord each second: something like music."""
    tones = sum(np.sin(2 * np.pi * pitch * TIME_S) for pitch in (262, 330, 392))
    return (0.05 * tones * (np.sin(np.pi * TIME_S) > 0)).astype(np.float32)


#: Sounds, and whether the model writes something about them: the test would say nothing if it never did. None: it
#: depends on the processor, because the bundled model is as good as undecided.
SOUNDS = {
    "silence": (recording("silence-60s"), False),
    "noise": (recording("noise-60s"), None),
    "hiss": (hiss(), True),
    "chords": (chords(), True),
}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """The bundled model in the suite's engine."""
    engine = Engine.load(bundled().path, threads=1, compute_type="int8")
    engine.start()
    with closing(engine):
        yield engine


@pytest.mark.parametrize("sound", SOUNDS)
def test_nothing_is_left_of_what_nobody_said(engine: Engine, sound: str) -> None:
    """As if voice activity detection had let the sound through: without it the model invents, and all of it goes."""
    audio, invents = SOUNDS[sound]
    options = resolve(Options(language="ko").normalised())
    written = engine.submit(audio, options).future.result(60).segments
    assert invents is None or bool(written) == invents
    (kept,), removed = HallucinationFilter(load_phrases()).recording([written], Guard.STANDARD, speech=())
    assert kept == ()
    assert " ".join(one.text for one in removed).split() == " ".join(one.text for one in written).split()
