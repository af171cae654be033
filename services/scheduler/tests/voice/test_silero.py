"""The Silero adapter against faster-whisper's own use of the same network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from numpy.typing import NDArray

from sayit.scheduler.splitting import VoiceDetector
from sayit.scheduler.voice import SileroDetector

RECORDINGS = Path(__file__).parents[4] / "recordings"


@pytest.fixture(scope="module")
def speech() -> NDArray[np.int16]:
    """Some 7 s of speech, whole frames."""
    samples, _ = sf.read(RECORDINGS / "ko-8s.flac", dtype="int16")
    return np.asarray(samples[: len(samples) // 512 * 512])


def test_block_by_block_is_bit_identical_to_one_call(speech: NDArray[np.int16]) -> None:
    """State and context are carried: however the recording is cut into calls, every bit is the same."""
    whole = SileroDetector().probabilities(speech)
    assert whole.shape == (len(speech) // 512,)
    for frames in (1, 7, 31):
        detector: VoiceDetector = SileroDetector()
        step = frames * 512
        parts = [detector.probabilities(speech[at : at + step]) for at in range(0, len(speech), step)]
        assert np.array_equal(np.concatenate(parts), whole)


def test_it_finds_speech_and_silence(speech: NDArray[np.int16]) -> None:
    """Speech is likely in a spoken recording, and nowhere in silence."""
    assert (SileroDetector().probabilities(speech) > 0.5).mean() > 0.5
    assert SileroDetector().probabilities(np.zeros(512 * 50, np.int16)).max() < 0.2


def test_it_agrees_with_faster_whisper(speech: NDArray[np.int16]) -> None:
    """The same network gives the same probabilities in faster-whisper's wrapper, which knows the whole recording."""
    from faster_whisper.vad import get_vad_model  # noqa: PLC0415 - only this test loads CTranslate2

    theirs = get_vad_model()(speech.astype(np.float32) / 32768)
    # Their wrapper blanks the last 64 samples of what it is given, so the very last frame differs.
    assert np.allclose(SileroDetector().probabilities(speech)[:-1], theirs.reshape(-1)[:-1], atol=1e-5)


def test_nothing_in_nothing_out() -> None:
    """No samples give no probabilities, and leave the state alone; parts of frames are refused."""
    detector = SileroDetector()
    assert len(detector.probabilities(np.zeros(0, np.int16))) == 0
    with pytest.raises(ValueError, match="whole frames"):
        detector.probabilities(np.zeros(100, np.int16))


def test_the_scheduler_does_not_load_ctranslate2() -> None:
    """The network's file is located without importing faster-whisper."""
    code = (
        "import sys, numpy; from sayit.scheduler.voice import SileroDetector; "
        "SileroDetector().probabilities(numpy.zeros(512, numpy.int16)); "
        "sys.exit('ctranslate2' in sys.modules or 'faster_whisper' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
