"""What the engine makes of real speech with real weights: nothing twice, no loops, no half characters, any language."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from faster_whisper.audio import decode_audio

from sayit.scheduler.assemble.redecode.punctuation import punctuated
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.options import Options, resolve
from sayit.transcriber.engine import DecodedChunk, Engine
from sayit.transcriber.engine.pace import is_beyond_a_voice
from tests.end_to_end.helper import RECORDINGS, ROOT

pytestmark = [pytest.mark.real_weights, pytest.mark.xdist_group("real_weights"), pytest.mark.timeout(900)]

Samples = npt.NDArray[np.float32]
#: Recordings whose licences do not let them be part of the project.
REAL = ROOT.parent / "shared" / "real"
#: In jfk.flac: "ask not what your country can do for you".
ASK_NOT_S = (3.2, 7.9)


@pytest.fixture(scope="module")
def engine(base: Path) -> Iterator[Engine]:
    """Whisper base at work, on one thread."""
    engine = Engine.load(base, threads=1, compute_type="int8")
    engine.start()
    yield engine
    engine.close()


def run(engine: Engine, pcm: Samples, language: str = "en", *, prompt: str = "") -> DecodedChunk:
    """The text of one chunk, decoded as the language's preset says."""
    return engine.submit(pcm, resolve(Options(language=language, prompt=prompt).normalised())).future.result(300)


def said(text: DecodedChunk) -> str:
    """Its words in lower case, without punctuation."""
    return " ".join(re.findall(r"\w+", " ".join(segment.text for segment in text.segments).lower()))


def samples(path: Path) -> Samples:
    """A recording as models take it."""
    pcm: Samples = decode_audio(str(path))
    return pcm


def real(*patterns: str) -> list[Path]:
    """Recordings of other people; without them the test is skipped."""
    found = [path for pattern in patterns for path in sorted(REAL.glob(pattern)) if path.suffix != ".json"]
    if not found:
        pytest.skip(f"no recordings of other people here: {' or '.join(patterns)} in {REAL}")
    return found


def over_the_phone(pcm: Samples) -> Samples:
    """8 kHz, 8 bits by the µ-law."""
    narrow = np.convolve(pcm, [0.5, 0.5], "same")[::2]
    steps = np.round(np.sign(narrow) * np.log1p(255 * np.abs(narrow)) / np.log(256) * 127) / 127
    heard = np.sign(steps) * (256 ** np.abs(steps) - 1) / 255
    return np.interp(np.arange(len(pcm)) / 2, np.arange(len(heard)), heard).astype(np.float32)


@pytest.mark.parametrize("quiet_s", [0.3, 0.6, 1.0, 2.0])
def test_the_quiet_behind_a_sentence_does_not_say_it_again(engine: Engine, quiet_s: float) -> None:
    """A sentence on the phone and the silence behind it: however long that is, the sentence is there once."""
    sentence = samples(RECORDINGS / "jfk.flac")[int(ASK_NOT_S[0] * 16_000) : int(ASK_NOT_S[1] * 16_000)]
    noise = np.random.default_rng(0).normal(0, 1e-3, int(quiet_s * 16_000)).astype(np.float32)
    text = run(engine, over_the_phone(np.concatenate([sentence, noise])))
    assert text.windows == 1
    assert said(text) == "ask not what your country can do for you"


def test_short_calls_are_not_said_twice(engine: Engine) -> None:
    """Korean clips as a phone carries them: hardly any text has more letters than were said, and none is a loop."""
    labelled = [path for path in real("ko-clips/07[0-5].flac") if path.with_suffix(".json").exists()]
    longer = 0
    for path in labelled:
        pcm = over_the_phone(samples(path))
        text = re.sub(r"\W", "", said(run(engine, pcm, "ko")))
        assert not is_beyond_a_voice(text, len(pcm) / 16_000), path
        longer += len(text) > 1.3 * len(re.sub(r"\W", "", json.loads(path.with_suffix(".json").read_text())["text"]))
    assert longer <= 1


def test_a_phrase_that_is_really_repeated_stays(engine: Engine) -> None:
    """Four times the same sentence, half a second apart, is four times its text."""
    sentence = samples(RECORDINGS / "jfk.flac")[int(ASK_NOT_S[0] * 16_000) : int(ASK_NOT_S[1] * 16_000)]
    text = run(engine, np.concatenate([sentence, np.zeros(8_000, np.float32)] * 4))
    assert said(text).count("what your country can do for you") == 4
    assert text.suppressed == ()


def test_text_without_punctuation_gets_that_of_a_decode_that_has_some(engine: Engine) -> None:
    """Whisper goes on as its prompt is written: what it left out comes from another prompt, and every word stays."""
    pcm = samples(RECORDINGS / "jfk.flac")
    plain = run(engine, pcm, prompt="and so we went on and it was dark and they saw us so we ran and then we hid there")
    marked = run(engine, pcm, prompt="We go home. It is late. You stay here. They come back. Is it so?")
    assert plain.segments[0].text.startswith("and so")
    assert not re.search("[.?!]", " ".join(segment.text for segment in plain.segments))
    text = punctuated(plain.segments, marked.segments)
    assert text[0].text.startswith("And so my fellow Americans")
    assert text[-1].text.endswith("your country.")
    assert re.findall(r"\w+", " ".join(segment.text for segment in text).lower()) == said(plain).split()


def test_a_language_that_the_model_lacks_is_refused_at_once(engine: Engine) -> None:
    """Cantonese came with large-v3: base says so before it decodes anything."""
    with pytest.raises(SayItError, match="yue") as caught:
        run(engine, np.zeros(16_000, np.float32), "yue")
    assert caught.value.kind is ErrorKind.INVALID_LANGUAGE
