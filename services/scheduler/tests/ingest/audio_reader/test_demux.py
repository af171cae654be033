"""What the decoder makes of files, in this process; `test_pool` runs it where it belongs, in a child."""

from __future__ import annotations

import io
from typing import Any

import av
import numpy as np
import pytest

from sayit.scheduler.ingest.audio_reader.demux import BLOCK_BYTES, read_audio
from sayit.scheduler.ingest.audio_reader.limits import CORRUPT_PACKETS, TRUNCATED_AUDIO, AudioSummary, MediaLimits
from sayit.scheduler.ingest.audio_reader.mixing import Mixer
from sayit.speech.errors import ErrorKind, SayItError

from .media import RECIPES, RECORDINGS, SECONDS, Recipe, encode, encoded, speech, wav


def decoded(content: bytes, **limits: Any) -> tuple[AudioSummary, np.ndarray[Any, np.dtype[np.int16]]]:
    """The file's summary and samples, after a check of its blocks."""
    blocks: list[bytes] = []
    channels: list[int] = []
    summary = read_audio(io.BytesIO(content), MediaLimits(**limits), blocks.append, lambda _, n: channels.append(n))
    assert all(0 < len(block) <= BLOCK_BYTES for block in blocks)
    assert all(len(block) == BLOCK_BYTES for block in blocks[:-1])
    pcm = b"".join(blocks)
    samples = np.frombuffer(Mixer().mixed(pcm) if channels == [2] else pcm, dtype="<i2")
    assert len(samples) == summary.samples
    return summary, samples


def original() -> np.ndarray[Any, np.dtype[np.int16]]:
    """What was encoded."""
    return np.concatenate([frame.to_ndarray()[0] for frame in speech()])


def error_of(content: bytes, **limits: Any) -> ErrorKind:
    """The error that a file earns."""
    with pytest.raises(SayItError) as raised:
        decoded(content, **limits)
    return raised.value.kind


def likeness(heard: np.ndarray[Any, Any], spoken: np.ndarray[Any, Any]) -> float:
    """Correlation of the loudness in 20 ms steps: codecs change samples, not when something is said.

    Raw streams begin with the encoder's delay, so the best of some small shifts counts.
    """
    return max(_correlation(heard[shift:], spoken) for shift in range(0, 1_280, 160))


def _correlation(heard: np.ndarray[Any, Any], spoken: np.ndarray[Any, Any]) -> float:
    count = min(len(heard), len(spoken)) // 320 * 320
    loudness = [np.sqrt((x[:count].astype(float).reshape(-1, 320) ** 2).mean(axis=1)) for x in (heard, spoken)]
    return float(np.corrcoef(*loudness)[0, 1])


@pytest.mark.parametrize("name", RECIPES)
def test_every_format_decodes_to_what_was_said(name: str) -> None:
    """Each format gives the recording's audio back: as long, at the same times, without a warning."""
    recipe = RECIPES[name]
    summary, samples = decoded(encoded(name))
    assert (summary.sample_rate_hz, summary.warnings) == (recipe.rate, ())
    assert summary.channels == {"mono": 1, "stereo": 2, "5.1": 6}[recipe.layout]
    assert abs(len(samples) / 16_000 - SECONDS) < 0.1
    assert likeness(samples, original()) > 0.95


@pytest.mark.parametrize("name", ["jfk.mp3", "jfk.flac", "stereo-two-speakers.wav", "ko-8s.flac"])
def test_recordings_decode(name: str) -> None:
    """The bundled recordings decode without a warning."""
    summary, samples = decoded((RECORDINGS / name).read_bytes())
    assert summary.warnings == ()
    assert np.abs(samples).max() > 1_000


@pytest.mark.parametrize("channels", range(1, 9))
def test_channels_without_a_named_layout_decode(channels: int) -> None:
    """A WAV of up to eight channels that does not say where they stand is mixed down."""
    summary, samples = decoded(wav(bytes(2 * channels * 48_000), rate=48_000, channels=channels))
    assert (summary.channels, len(samples)) == (channels, 16_000)


def test_a_tenth_of_a_second_is_enough() -> None:
    """Very short files decode."""
    _, samples = decoded(wav(bytes(3_200)))
    assert len(samples) == 1_600


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", ErrorKind.INVALID_FORMAT),
        (b"The quick brown fox jumps over the lazy dog.\n" * 500, ErrorKind.INVALID_FORMAT),
        (bytes(100_000), ErrorKind.INVALID_FORMAT),
        (b"\xff\xfb\x90\x64" * 20_000, ErrorKind.INVALID_FORMAT),
        (wav(b""), ErrorKind.DAMAGED_FILE),
        (wav(bytes(40_000), rate=1), ErrorKind.UNSUPPORTED_AUDIO),
        (wav(bytes(40_000), rate=7_999), ErrorKind.UNSUPPORTED_AUDIO),
        (wav(bytes(40_000), rate=192_001), ErrorKind.UNSUPPORTED_AUDIO),
        (wav(bytes(90_000), channels=9), ErrorKind.UNSUPPORTED_AUDIO),
    ],
    ids=["empty", "text", "zeros", "mp3-headers", "no-samples", "1-Hz", "7999-Hz", "192001-Hz", "9-channels"],
)
def test_what_is_no_audio_is_refused(content: bytes, kind: ErrorKind) -> None:
    """What cannot be decoded, or is outside the limits, has its own error."""
    assert error_of(content) is kind


@pytest.mark.parametrize("recipe", [Recipe(format="mp4", codec="", video="libx264", sound=False)])
def test_a_silent_video_has_no_audio_track(recipe: Recipe) -> None:
    """A readable container without sound is told apart from rubbish."""
    assert error_of(encode(recipe)) is ErrorKind.NO_AUDIO_TRACK


def test_the_length_limit_counts_decoded_audio() -> None:
    """Audio beyond the limit is refused whatever the header says, and audio of exactly the limit is not."""
    assert error_of(wav(bytes(32_002), declared=100), max_audio_s=0.001) is ErrorKind.AUDIO_TOO_LONG
    assert error_of(wav(bytes(32_002)), max_audio_s=1.0) is ErrorKind.AUDIO_TOO_LONG
    assert decoded(wav(bytes(32_000)), max_audio_s=1.0)[0].samples == 16_000


@pytest.mark.parametrize(
    "name",
    [
        "wav-s16-16k",
        "wav-f32-96k",
        "mp3",
        "flac",
        "ogg-opus",
        "webm-opus",
        "mp4-index-first",
        "aac-adts",
        "caf-pcm",
        "w64",
        "avi",
    ],
)
def test_a_cut_file_decodes_to_its_cut_and_says_so(name: str) -> None:
    """A truncated file gives what is there, and the warning."""
    content = encoded(name)
    summary, samples = decoded(content[: len(content) * 6 // 10 + 1])
    assert TRUNCATED_AUDIO in summary.warnings
    assert 0.4 * SECONDS < len(samples) / 16_000 < 0.75 * SECONDS
    assert likeness(samples, original()) > 0.95


def test_an_index_that_was_cut_off_is_no_audio() -> None:
    """An m4a whose index at the end is missing cannot be decoded."""
    content = encoded("m4a")
    assert error_of(content[: len(content) // 2]) is ErrorKind.DAMAGED_FILE


def test_a_wav_written_to_a_pipe_is_not_cut() -> None:
    """A header that leaves the length open is not taken for a longer file."""
    summary, _ = decoded(wav(bytes(32_000), declared=0xFFFF_FFFF))
    assert (summary.samples, summary.warnings) == (16_000, ())


@pytest.mark.parametrize("name", ["m4a", "mp4-video", "ogg-opus", "flac"])
def test_damage_in_the_middle_moves_nothing(name: str) -> None:
    """Packets that cannot be decoded are skipped; what follows stays where it was."""
    content = bytearray(encoded(name))
    middle = len(content) // 2
    content[middle : middle + 3_000] = b"\xa5" * 3_000
    summary, samples = decoded(bytes(content))
    assert TRUNCATED_AUDIO not in summary.warnings
    assert abs(len(samples) / 16_000 - SECONDS) < 0.1
    last_second = slice(3 * 16_000, 4 * 16_000)
    assert likeness(samples[last_second], original()[last_second]) > 0.9


def test_damaged_packets_are_reported() -> None:
    """Skipped packets give a warning, rubbish behind the audio gives none."""
    content = bytearray(encoded("m4a"))
    content[len(content) // 2 : len(content) // 2 + 3_000] = b"\xa5" * 3_000
    assert decoded(bytes(content))[0].warnings == (CORRUPT_PACKETS,)
    assert decoded(encoded("mp3") + b"rubbish " * 100)[0].warnings == ()


def test_names_in_another_encoding_do_not_matter() -> None:
    """Tags that are no UTF-8, as in old Korean MP3 files, are no reason to refuse a file."""
    title = "노래".encode("cp949")
    tag = b"TAG" + title.ljust(125, b"\0")
    frame = b"TIT2" + (len(title) + 1).to_bytes(4, "big") + b"\0\0\0" + title
    header = b"ID3\x03\0\0" + len(frame).to_bytes(4, "big")
    assert decoded(header + frame + encoded("mp3") + tag)[0].warnings == ()


def test_a_rate_that_changes_on_the_way_is_followed() -> None:
    """MP3 streams joined end to end decode as one, whatever their rates and channels."""
    joined = encoded("mp3") + encoded("mp3-no-tag-mono")
    summary, samples = decoded(joined)
    assert summary.sample_rate_hz == 44_100
    assert abs(len(samples) / 16_000 - 2 * SECONDS) < 0.3


def test_a_pause_without_packets_is_silence() -> None:
    """Where packets are missing by their times, as in Opus pauses, silence keeps the times right."""
    cut = io.BytesIO()
    source: Any
    with av.open(io.BytesIO(encoded("webm-opus"))) as source, av.open(cut, "w", format="webm") as target:
        copy = target.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.dts is not None and not 1.0 <= float(packet.pts * packet.time_base) < 2.0:
                packet.stream = copy
                target.mux(packet)
    _, samples = decoded(cut.getvalue())
    assert abs(len(samples) / 16_000 - SECONDS) < 0.1
    assert np.abs(samples[int(1.2 * 16_000) : int(1.9 * 16_000)]).max() == 0
    assert likeness(samples[48_000:], original()[48_000:]) > 0.9
