"""Channels side by side: what the decoder delivers of them, also through a child."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sayit.scheduler.ingest.audio_reader.demux import BLOCK_BYTES, read_audio
from sayit.scheduler.ingest.audio_reader.limits import CHANNELS_CHANGED, AudioSummary, MediaLimits
from sayit.scheduler.ingest.audio_reader.pool import AudioReaderPool
from sayit.speech.errors import ErrorKind, SayItError

from .media import RECIPES, RECORDINGS, encoded, wav


def split(content: bytes) -> tuple[AudioSummary, NDArray[np.int16]]:
    """The file's summary and samples, `int16[samples, channels]`, after a check of the blocks."""
    blocks: list[bytes] = []
    channels: list[int] = []
    summary = read_audio(io.BytesIO(content), MediaLimits(), blocks.append, lambda _, n: channels.append(n), split=True)
    (count,) = channels
    assert all(0 < len(block) <= BLOCK_BYTES and len(block) % (2 * count) == 0 for block in blocks)
    return summary, np.frombuffer(b"".join(blocks), "<i2").reshape(-1, count)


@pytest.mark.parametrize("channels", range(1, 9))
@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_every_channel_is_its_own(channels: int, rate: int) -> None:
    """One to eight channels, with and without another rate, come out one beside the other, and none is mixed in."""
    levels = np.arange(1, channels + 1) * 1_000
    summary, samples = split(wav(np.tile(levels, (rate, 1)).astype("<i2").tobytes(), rate=rate, channels=channels))
    assert (summary.samples, summary.channels, summary.warnings) == (16_000, channels, ())
    assert samples[8_000].tolist() == levels.tolist()


@pytest.mark.parametrize("name", ["flac", "mp3", "ogg-opus", "m4a", "wav-s16-192k-5.1", "webm-opus"])
def test_every_format_has_its_channels(name: str) -> None:
    """Stereo, surround and mono files of several codecs have as many channels as their layout names."""
    summary, samples = split(encoded(name))
    assert samples.shape == (summary.samples, {"mono": 1, "stereo": 2, "5.1": 6}[RECIPES[name].layout])


@pytest.mark.parametrize(("first", "then"), [("mp3", "mp3-no-tag-mono"), ("mp3-no-tag-mono", "mp3")])
def test_other_channels_on_the_way_go_into_the_first(first: str, then: str) -> None:
    """A file whose number of channels changes keeps the number it began with; nothing is lost, and a warning tells."""
    summary, samples = split(encoded(first) + encoded(then))
    alone = split(encoded(first))[0]
    assert summary.channels == samples.shape[1] == alone.channels
    assert CHANNELS_CHANGED in summary.warnings
    assert CHANNELS_CHANGED not in alone.warnings
    later = samples[alone.samples + 8_000 :]
    assert np.abs(later[:, 0]).max() > 1_000
    assert np.abs(later[:, 1:]).max(initial=0) == 0


def test_a_pause_without_packets_is_silent_in_all_channels() -> None:
    """Damage in the middle of a stereo file leaves what follows in its place, in both channels."""
    content = bytearray(encoded("ogg-opus"))
    middle = len(content) // 2
    content[middle : middle + 3_000] = b"\xa5" * 3_000
    _, samples = split(bytes(content))
    _, whole = split(encoded("ogg-opus"))
    assert samples.shape == whole.shape
    assert np.corrcoef(samples[-16_000:, 1], whole[-16_000:, 1])[0, 1] > 0.9


async def test_channels_pass_through_a_child(tmp_path: Path) -> None:
    """The child says how many channels there are before their audio; asked to mix, the next one mixes."""
    path = RECORDINGS / "stereo-two-speakers.wav"
    async with AudioReaderPool() as pool:
        async with pool.read(path, split=True) as decoding:
            pcm = b"".join([block async for block in decoding])
            assert decoding.channels == 2
            assert decoding.summary.samples == len(pcm) // 4
        async with pool.read(path) as mixing:
            mixed = b"".join([block async for block in mixing])
            assert mixing.channels == 1
    _, expected = split(path.read_bytes())
    assert pcm == expected.tobytes()
    assert len(mixed) == len(pcm) // 2


async def test_the_length_limit_is_the_recordings(tmp_path: Path) -> None:
    """Two channels of a second are a second; a longer recording is refused by the same limit."""
    path = tmp_path / "stereo.wav"
    path.write_bytes(wav(bytes(64_000), channels=2))
    async with AudioReaderPool(MediaLimits(max_audio_s=1.0)) as pool:
        async with pool.read(path, split=True) as decoding:
            assert sum([len(block) async for block in decoding]) == 64_000
        path.write_bytes(wav(bytes(64_004), channels=2))
        with pytest.raises(SayItError) as error:
            async with pool.read(path, split=True) as decoding:
                _ = [block async for block in decoding]
    assert error.value.kind is ErrorKind.AUDIO_TOO_LONG
