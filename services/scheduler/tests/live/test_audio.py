"""A client's audio becomes 16 kHz mono, sample for sample as much as it was, however it is cut into messages."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from sayit.scheduler.live.audio import LiveAudio
from sayit.speech.live import LiveEncoding, LiveOptions

RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


def tone(rate_hz: int, seconds: float = 1.0, *, hertz: float = 440.0) -> NDArray[np.int16]:
    """A tone of 10,000 steps."""
    places = np.arange(round(rate_hz * seconds)) / rate_hz
    return np.asarray(np.rint(10_000 * np.sin(2 * np.pi * hertz * places)), np.int16)


def converted(options: LiveOptions, data: bytes, *, cut: int) -> NDArray[np.int16]:
    """What comes out of audio that arrives in pieces of this many bytes."""
    audio = LiveAudio(options)
    pieces = [audio.convert(data[start : start + cut]) for start in range(0, len(data), cut)]
    return np.frombuffer(b"".join([*pieces, audio.flush()]), "<i2")


@pytest.mark.parametrize("rate_hz", RATES)
def test_every_rate_is_resampled_exactly(rate_hz: int) -> None:
    """A tone stays that tone, 75 dB above what is wrong with it; 40 ms are 640 samples; odd pieces change nothing."""
    options = LiveOptions(sample_rate_hz=rate_hz)
    sent = tone(rate_hz).tobytes()
    found = converted(options, sent, cut=333)
    assert found.tobytes() == converted(options, sent, cut=len(sent)).tobytes()
    assert len(found) == 16_000
    assert len(converted(options, sent[: rate_hz // 25 * 2], cut=7)) == 640
    wrong = (found - tone(16_000).astype(float))[100:-100]
    assert np.sqrt(np.mean(wrong**2)) < 7_071 * 10 ** (-75 / 20)


def test_what_16_khz_cannot_hold_is_filtered_out() -> None:
    """A tone above 8 kHz does not come back as another one."""
    found = converted(LiveOptions(sample_rate_hz=48_000), tone(48_000, hertz=11_000).tobytes(), cut=4_800)
    assert np.abs(found[100:-100]).max() <= 2


def test_two_channels_are_mixed() -> None:
    """Interleaved samples are averaged, also where a message ends between the two."""
    both = np.stack([tone(16_000), -tone(16_000) // 2], axis=1)
    found = converted(LiveOptions(channels=2), both.astype("<i2").tobytes(), cut=3)
    assert np.abs(found - both.mean(axis=1)).max() <= 1


@pytest.mark.parametrize(("encoding", "codec"), [(LiveEncoding.MULAW, "pcm_mulaw"), (LiveEncoding.ALAW, "pcm_alaw")])
def test_g711_is_what_ffmpeg_makes_of_it(encoding: LiveEncoding, codec: str) -> None:
    """Every byte stands for the same sample."""
    decoder: Any = av.CodecContext.create(codec, "r")
    decoder.sample_rate, decoder.layout = 16_000, "mono"
    every = bytes(range(256))
    (frame,) = decoder.decode(av.Packet(every))
    found = converted(LiveOptions(encoding=encoding, sample_rate_hz=16_000), every, cut=256)
    assert (found == frame.to_ndarray().ravel()).all()
    assert len(converted(LiveOptions(encoding=encoding), bytes(8_000), cut=160)) == 16_000
