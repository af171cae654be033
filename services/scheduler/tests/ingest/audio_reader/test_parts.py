"""Sizes that are too small, containers joined end to end, several tracks, channels that cancel, late sound."""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from sayit.scheduler.ingest.audio_reader.limits import (
    CHANNELS_CANCEL,
    OTHER_TRACK,
    TRACKS_LEFT_OUT,
    TRUNCATED_AUDIO,
    UNREAD_DATA,
)
from sayit.scheduler.ingest.audio_reader.pool import AudioReaderPool
from sayit.speech.errors import ErrorKind, SayItError

from .media import SECONDS, Recipe, encode, encoded, speech, wav
from .test_demux import decoded, error_of, likeness, original

SPOKEN = original()
SILENT = np.zeros_like(SPOKEN)
NOISE = np.random.default_rng(1).integers(-4_000, 4_000, len(SPOKEN)).astype(np.int16)


def pcm(samples: NDArray[np.int16]) -> bytes:
    """A WAV of one channel."""
    return wav(samples.astype("<i2").tobytes())


@pytest.mark.parametrize(
    ("pieces", "seconds"),
    [
        (("wav-s16-16k", "wav-s16-16k"), 2 * SECONDS),
        (("m4a", "m4a"), 2 * SECONDS),
        (("m4a", "mp4-fragmented"), 2 * SECONDS),
        (("webm-opus", "webm-opus"), 2 * SECONDS),
        (("ogg-opus", "ogg-opus"), 2 * SECONDS),
        ((wav(SPOKEN.tobytes(), declared=32_000),), SECONDS),
        ((wav(SPOKEN.tobytes(), declared=0),), SECONDS),
        (("wav-s16-16k", b"LIST\x04\0\0\0abcd", "wav-s16-16k"), 2 * SECONDS),
        (("ogg-opus", "ogg-flac"), 2 * SECONDS),
        (("ogg-flac", "ogg-flac", "ogg-flac"), 3 * SECONDS),
        (("wav-rf64", "wav-rf64"), 2 * SECONDS),
        (("aiff", "aiff"), 2 * SECONDS),
        (("caf", "caf"), 2 * SECONDS),
        (("w64", "w64"), 2 * SECONDS),
        (("amr", "amr"), 2 * SECONDS),
        (("flv", "flv"), 2 * SECONDS),
        (("wav-s16-16k", "mp3"), 2 * SECONDS),
        (("m4a", "wav-s16-16k"), 2 * SECONDS),
        (("mp3", "m4a"), 2 * SECONDS),
        (("flac", "wav-s16-16k"), 2 * SECONDS),
        (("webm-opus", "ogg-opus"), 2 * SECONDS),
        ((b"ID3\x03\0\0\0\0\0\x0a" + bytes(10), "flac"), SECONDS),
        ((b"ID3\x03\0\0\0\0\0\x0a" + bytes(10), "wav-s16-16k"), SECONDS),
    ],
)
def test_nothing_behind_a_declared_end_is_lost(pieces: tuple[str | bytes, ...], seconds: float) -> None:
    """What was joined or is longer than its header says is decoded to the file's end, without a warning."""
    content = b"".join(encoded(piece) if isinstance(piece, str) else piece for piece in pieces)
    summary, samples = decoded(content)
    assert summary.warnings == ()
    assert len(samples) / 16_000 == pytest.approx(seconds, abs=0.2)
    assert likeness(samples, SPOKEN) > 0.95
    assert likeness(samples[round((seconds - SECONDS) * 16_000) :], SPOKEN) > 0.9


@pytest.mark.parametrize("name", ["wav-s16-16k", "m4a"])
def test_what_follows_and_is_no_audio_gives_a_warning(name: str) -> None:
    """The container is decoded; what lies behind it is named, and nothing was cut off."""
    behind = {"wav-s16-16k": b"RIFF\xff\xff\0\0WAVE" + bytes(9_000), "m4a": b"\xa5" * 20_000}[name]
    summary, samples = decoded(encoded(name) + behind)
    assert (summary.warnings, len(samples) / 16_000) == ((UNREAD_DATA,), pytest.approx(SECONDS, abs=0.1))


def test_only_what_is_missing_counts_as_cut() -> None:
    """A RIFF size that is too large cuts nothing off where the data is whole; half the data does."""
    whole = bytearray(encoded("wav-s16-16k"))
    whole[4:8] = struct.pack("<I", 2 * len(whole))
    assert decoded(bytes(whole))[0].warnings == ()
    assert decoded(bytes(whole[: len(whole) // 2]))[0].warnings == (TRUNCATED_AUDIO,)


def test_errors_tell_container_codec_and_damage_apart() -> None:
    """What to do about it differs: another file, another export, the original once more."""
    unknown_codec = bytearray(encoded("wav-s16-16k"))
    unknown_codec[20:22] = struct.pack("<H", 0x0270)  # ATRAC3
    assert error_of(b"\x00\x01\x02\x03 nothing that FFmpeg knows" * 200) is ErrorKind.INVALID_FORMAT
    assert error_of(bytes(unknown_codec)) is ErrorKind.UNSUPPORTED_CODEC
    assert error_of(encoded("m4a")[:2_000]) is ErrorKind.DAMAGED_FILE


@pytest.mark.parametrize("tag", [0x00FF, 0x1610])
def test_aac_in_a_wav_is_read_where_its_packets_have_headers(tag: int) -> None:
    """ADTS is; packets whose lengths the WAV does not say are refused by name, and are no damage."""
    layout = struct.pack("<HHIIHHH", tag, 2, 44_100, 16_000, 1, 16, 0)
    sound = encoded("aac-adts")
    header = b"WAVEfmt " + struct.pack("<I", len(layout)) + layout + b"data" + struct.pack("<I", len(sound))
    summary, samples = decoded(b"RIFF" + struct.pack("<I", len(header) + len(sound)) + header + sound)
    assert (summary.container, summary.codec, summary.warnings) == ("wav", "aac", ())
    assert likeness(samples, SPOKEN) > 0.95
    raw = bytearray(encode(Recipe(format="wav", codec="aac")))
    raw[20:22] = struct.pack("<H", tag)
    with pytest.raises(SayItError) as raised:
        decoded(bytes(raw))
    assert raised.value.kind is ErrorKind.UNSUPPORTED_CODEC
    assert "raw aac (wav)" in raised.value.message("en")
    assert "raw aac (wav)" in raised.value.message("ko")


def tracks(*channels: NDArray[np.int16], container: str = "matroska") -> bytes:
    """A file with a track for each of them."""
    content = io.BytesIO()
    with av.open(content, "w", format=container) as out:
        streams = [out.add_stream("mp2", rate=16_000, layout="mono") for _ in channels]
        packets = []
        for stream, samples in zip(streams, channels, strict=True):
            context: Any = stream.codec_context
            context.open()
            for at in range(0, len(samples) - context.frame_size + 1, context.frame_size):
                frame = av.AudioFrame.from_ndarray(samples[None, at : at + context.frame_size], "s16", "mono")
                frame.sample_rate, frame.pts, frame.time_base = 16_000, at, Fraction(1, 16_000)
                packets += stream.encode(frame)
            packets += stream.encode(None)
        for packet in sorted(packets, key=lambda one: one.dts * one.time_base):
            out.mux(packet)
    return content.getvalue()


@pytest.mark.parametrize("container", ["matroska", "mpegts"])
@pytest.mark.parametrize(
    ("others", "warnings"),
    [
        ((SILENT, SPOKEN), (OTHER_TRACK,)),
        ((NOISE, SILENT, SPOKEN), (OTHER_TRACK, TRACKS_LEFT_OUT)),
        ((SPOKEN, SILENT), ()),
        ((SPOKEN, NOISE), (TRACKS_LEFT_OUT,)),
    ],
    ids=["silent-first", "noise-first", "silent-second", "noise-second"],
)
def test_the_track_with_speech_is_transcribed(
    container: str, others: tuple[NDArray[np.int16], ...], warnings: tuple[str, ...]
) -> None:
    """Wherever it stands; what else has sound is named."""
    summary, samples = decoded(tracks(*others, container=container))
    assert summary.warnings == warnings
    assert likeness(samples, SPOKEN) > 0.95


async def test_channels_that_cancel_are_not_mixed(tmp_path: Path) -> None:
    """Reversed polarity in one channel leaves the speech as it is, with a warning; two speakers are mixed as ever."""
    path = tmp_path / "stereo.wav"
    stereo = {
        CHANNELS_CANCEL: np.stack([SPOKEN, -SPOKEN], axis=1),
        "": np.stack([SPOKEN, np.roll(SPOKEN, 24_000)], axis=1),
    }
    async with AudioReaderPool() as pool:
        for warning, samples in stereo.items():
            path.write_bytes(wav(samples.astype("<i2").tobytes(), channels=2))
            async with pool.read(path) as decoding:
                heard = np.frombuffer(b"".join([block async for block in decoding]), "<i2")
                assert decoding.summary.warnings == ((warning,) if warning else ())
            if warning:
                assert np.abs(heard).max() == np.abs(SPOKEN).max()
            else:
                assert np.abs(heard - samples.mean(axis=1)).max() <= 1


@pytest.mark.parametrize("late", ["sound", "pictures", "neither"])
@pytest.mark.parametrize(
    ("container", "codec"),
    [(name, "libx264") for name in ("matroska", "mp4", "mpegts", "flv", "avi", "asf")] + [("asf", "wmv2")],
)
def test_sound_keeps_its_place_beside_pictures(container: str, codec: str, late: str) -> None:
    """H.264 with frames out of order (not in AVI), or WMV, sound or pictures that begin later: within 0.1 s."""
    offset_s = 1.5 if late == "sound" else 0.0
    content = io.BytesIO()
    with av.open(content, "w", format=container) as out:
        options = {"bf": "0" if container == "avi" else "3", "preset": "ultrafast"} if codec == "libx264" else {}
        pictures: Any = out.add_stream(codec, rate=25, options=options)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        sound: Any = out.add_stream("aac", rate=44_100, layout="mono")
        sound.codec_context.open()
        packets = []
        for index in range(50):
            picture = av.VideoFrame(64, 48, "yuv420p")
            picture.pts, picture.time_base = index + (38 if late == "pictures" else 0), Fraction(1, 25)
            packets += pictures.encode(picture)
        packets += pictures.encode(None)
        resampler = av.AudioResampler("fltp", "mono", 44_100, frame_size=sound.codec_context.frame_size)
        for frame in [*(one for said in speech() for one in resampler.resample(said)), *resampler.resample(None)]:
            frame.pts += round(offset_s / float(frame.time_base))
            packets += sound.encode(frame)
        packets += sound.encode(None)
        for packet in sorted(packets, key=lambda one: one.dts * one.time_base):
            out.mux(packet)
    summary, samples = decoded(content.getvalue())
    assert TRUNCATED_AUDIO not in summary.warnings
    lead = round(offset_s * 16_000)
    assert np.abs(samples[: max(lead - 1_600, 0)]).max(initial=0) < 100
    shifts = range(-1_600, 1_601, 160)
    place = max(shifts, key=lambda shift: likeness_at(samples, lead + shift))
    assert abs(place) <= 1_600 - 160
    assert likeness_at(samples, lead + place) > 0.95


def test_the_start_that_an_avi_names_is_kept() -> None:
    """A stream's header says how late it begins, in units of its own."""
    content = bytearray(encoded("avi"))
    header = content.index(b"auds")
    scale, rate = struct.unpack_from("<II", content, header + 20)
    struct.pack_into("<I", content, header + 28, round(1.5 * rate / scale))
    _, samples = decoded(bytes(content))
    assert np.abs(samples[: 16_000 * 14 // 10]).max() < 100
    assert max(likeness_at(samples, 24_000 + shift) for shift in range(0, 1_601, 160)) > 0.95


def likeness_at(samples: NDArray[np.int16], start: int) -> float:
    """How alike what begins there is to what was said."""
    heard = samples[max(start, 0) :]
    spoken = SPOKEN[max(-start, 0) :]
    count = min(len(heard), len(spoken)) // 320 * 320
    loudness = [np.sqrt((x[:count].astype(float).reshape(-1, 320) ** 2).mean(axis=1)) for x in (heard, spoken)]
    return float(np.corrcoef(*loudness)[0, 1])


def test_an_unreadable_container_keeps_its_error() -> None:
    """A single broken container is an error, not a warning."""
    with pytest.raises(SayItError):
        decoded(encoded("wav-s16-16k")[:30])
