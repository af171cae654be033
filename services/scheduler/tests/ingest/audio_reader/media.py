"""Media files in memory, encoded by PyAV from the labelled recordings or written by hand."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av

RECORDINGS = Path(__file__).parents[5] / "recordings"
#: Seconds of speech in every encoded file.
SECONDS = 4.0


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to encode a file."""

    format: str
    codec: str
    rate: int = 44_100
    layout: str = "stereo"
    #: Options of the container.
    options: dict[str, str] = field(default_factory=dict)
    #: A video codec, for files with pictures.
    video: str = ""
    #: Whether there is sound.
    sound: bool = True


FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "frag_duration": "500000"}

RECIPES = {
    "wav-u8-8k": Recipe(format="wav", codec="pcm_u8", rate=8_000, layout="mono"),
    "wav-mulaw-8k": Recipe(format="wav", codec="pcm_mulaw", rate=8_000, layout="mono"),
    "wav-s16-16k": Recipe(format="wav", codec="pcm_s16le", rate=16_000, layout="mono"),
    "wav-s16-192k-5.1": Recipe(format="wav", codec="pcm_s16le", rate=192_000, layout="5.1"),
    "wav-s24-48k": Recipe(format="wav", codec="pcm_s24le", rate=48_000),
    "wav-s32-44k": Recipe(format="wav", codec="pcm_s32le"),
    "wav-f32-96k": Recipe(format="wav", codec="pcm_f32le", rate=96_000),
    "mp3": Recipe(format="mp3", codec="libmp3lame"),
    "mp3-no-tag-mono": Recipe(
        format="mp3", codec="libmp3lame", rate=22_050, layout="mono", options={"write_xing": "0", "id3v2_version": "0"}
    ),
    "flac": Recipe(format="flac", codec="flac"),
    "ogg-opus": Recipe(format="ogg", codec="libopus", rate=48_000),
    "ogg-flac": Recipe(format="ogg", codec="flac"),
    "w64": Recipe(format="w64", codec="pcm_s16le"),
    "wav-rf64": Recipe(format="wav", codec="pcm_s16le", options={"rf64": "always"}),
    "webm-opus": Recipe(format="webm", codec="libopus", rate=48_000, layout="mono"),
    "webm-video": Recipe(format="webm", codec="libopus", rate=48_000, video="libvpx"),
    "m4a": Recipe(format="ipod", codec="aac"),
    "m4a-alac": Recipe(format="ipod", codec="alac"),
    "mp4-index-first": Recipe(format="mp4", codec="aac", options={"movflags": "faststart"}),
    "mp4-fragmented": Recipe(format="mp4", codec="aac", options=FRAGMENTED),
    "mp4-video": Recipe(format="mp4", codec="aac", rate=48_000, video="libx264"),
    "aac-adts": Recipe(format="adts", codec="aac"),
    "aiff": Recipe(format="aiff", codec="pcm_s16be"),
    "amr": Recipe(format="amr", codec="libopencore_amrnb", rate=8_000, layout="mono"),
    "au": Recipe(format="au", codec="pcm_mulaw", rate=8_000, layout="mono"),
    "avi": Recipe(format="avi", codec="libmp3lame", video="mpeg4"),
    "caf": Recipe(format="caf", codec="alac"),
    "caf-pcm": Recipe(format="caf", codec="pcm_s16le"),
    "flv": Recipe(format="flv", codec="aac", video="flv1"),
    "mkv-ac3": Recipe(format="matroska", codec="ac3", rate=48_000),
    "mpeg-ps": Recipe(format="mpeg", codec="mp2", rate=48_000, video="mpeg2video"),
    "mpeg-ts": Recipe(format="mpegts", codec="aac", rate=48_000, video="mpeg2video"),
    "wav-g722": Recipe(format="wav", codec="g722", rate=16_000, layout="mono"),
    "wav-g726": Recipe(format="wav", codec="g726", rate=8_000, layout="mono"),
    "wma": Recipe(format="asf", codec="wmav2"),
}


def speech(seconds: float = SECONDS) -> Iterator[Any]:
    """Frames of a recording, mono 16 kHz s16, exactly so long."""
    left = round(seconds * 16_000)
    with av.open(str(RECORDINGS / "en-8s.flac")) as container:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=16_000, frame_size=1_600)
        for decoded in container.decode(audio=0):
            for frame in resampler.resample(decoded):
                if left <= 0:
                    return
                frame.pts, frame.time_base = round(seconds * 16_000) - left, Fraction(1, 16_000)
                left -= frame.samples
                yield frame


@cache
def encoded(name: str, seconds: float = SECONDS) -> bytes:
    """The file of that recipe."""
    return encode(RECIPES[name], seconds)


def encode(recipe: Recipe, seconds: float = SECONDS) -> bytes:
    """A file by a recipe."""
    files: dict[str, io.BytesIO] = {"": _Kept()}

    def reopen(_url: str, _flags: int, _options: dict[str, str]) -> io.BytesIO:
        return io.BytesIO(files[""].getvalue())  # `faststart` reads what it has written

    with av.open(files[""], "w", format=recipe.format, options=recipe.options, io_open=reopen) as container:
        pictures = container.add_stream(recipe.video, rate=25) if recipe.video else None
        sound = container.add_stream(recipe.codec, rate=recipe.rate, layout=recipe.layout) if recipe.sound else None
        if pictures is not None:
            _add_pictures(container, pictures, seconds)
        if sound is not None:
            _add_sound(container, sound, seconds)
    return files[""].getvalue()


class _Kept(io.BytesIO):
    def close(self) -> None:
        """PyAV closes a file that it opened by `io_open`; its content is wanted afterwards."""


def _add_pictures(container: Any, stream: Any, seconds: float) -> None:
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    for index in range(round(seconds * 25)):
        picture = av.VideoFrame(64, 48, "yuv420p")
        for plane in picture.planes:
            plane.update(bytes(plane.buffer_size))
        picture.pts, picture.time_base = index, Fraction(1, 25)
        container.mux(stream.encode(picture))
    container.mux(stream.encode(None))


def _add_sound(container: Any, stream: Any, seconds: float) -> None:
    context = stream.codec_context
    if context.name == "wmav2":
        context.bit_rate = 128_000  # it has no default
    if not context.is_open:
        context.open()
    resampler = av.AudioResampler(
        format=context.format.name,
        layout=context.layout.name,
        rate=context.sample_rate,
        frame_size=context.frame_size or 1_024,
    )
    for frame in (*speech(seconds), None):
        for ready in resampler.resample(frame):
            if ready is not None:
                container.mux(stream.encode(ready))
    container.mux(stream.encode(None))


def wav(samples: bytes, *, rate: int = 16_000, channels: int = 1, declared: int | None = None) -> bytes:
    """A 16-bit WAV around `samples`, declaring `declared` bytes of them."""
    size = len(samples) if declared is None else declared
    fmt = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * 2 % 2**32, channels * 2 % 2**16, 16)
    return (
        struct.pack("<4sI4s", b"RIFF", (36 + size) % 2**32, b"WAVE")
        + struct.pack("<4sI", b"fmt ", len(fmt))
        + fmt
        + struct.pack("<4sI", b"data", size)
        + samples
    )
