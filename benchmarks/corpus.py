"""What benchmarks say: speech of any length, cut from the labelled recordings and put together with pauses."""

from __future__ import annotations

import functools
import io
import json
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

RECORDINGS = Path(__file__).parents[1] / "recordings"
RATE_HZ = 16_000
#: By language, the recordings whose phrases are used; between them there were pauses, so that they are whole.
_SOURCES = {"ko": ("ko-150s", "ko-8s"), "en": ("en-90s", "en-8s")}
#: Kept around a phrase, as labels are a little tight, in seconds.
_MARGIN_S = 0.05

#: Length of an utterance at least, and the gaps between its phrases, in seconds.
_UTTERANCE_S = (3.0, 8.0)
_WITHIN_S = (0.02, 0.1)

Samples = NDArray[np.int16]


@functools.cache
def phrases(language: str) -> tuple[Samples, ...]:
    """The phrases of a language, "ko" or "en", at 16 kHz."""
    found = []
    for name in _SOURCES[language]:
        samples, rate = soundfile.read(RECORDINGS / f"{name}.flac", dtype="int16")
        assert rate == RATE_HZ, name
        for segment in json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))["segments"]:
            start = max(0, int((segment["start"] - _MARGIN_S) * rate))
            found.append(samples[start : int((segment["end"] + _MARGIN_S) * rate)])
    return tuple(found)


def speech(seconds: float, *, seed: int, language: str = "ko", pauses_s: tuple[float, float] = (0.3, 1.0)) -> Samples:
    """Utterances of 3 to 8 s, `int16[seconds * 16000]`, with faintly noisy pauses, uniform in `pauses_s`.

    An utterance is made of phrases in random order, which follow one another more closely than any pause.
    The same arguments give the same samples; another seed never gives the same file, so that no cache answers.
    """
    generator = np.random.default_rng(seed)
    wanted = int(seconds * RATE_HZ)
    pieces: list[Samples] = []
    length = 0
    known = phrases(language)
    while length < wanted:
        utterance = generator.uniform(*_UTTERANCE_S) * RATE_HZ
        begun = length
        while length - begun < utterance:
            pieces += [known[int(generator.integers(len(known)))], _quiet(generator, *_WITHIN_S)]
            length += len(pieces[-1]) + len(pieces[-2])
        pieces.append(_quiet(generator, *pauses_s))
        length += len(pieces[-1])
    return np.concatenate(pieces)[:wanted]


def _quiet(generator: np.random.Generator, least_s: float, most_s: float) -> Samples:
    return generator.normal(0, 3, int(generator.uniform(least_s, most_s) * RATE_HZ)).astype(np.int16)


def encoded(samples: Samples, form: str = "WAV") -> bytes:
    """The samples as a file; "FLAC" is what fits long recordings under the upload limit."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, RATE_HZ, format=form)
    return buffer.getvalue()
