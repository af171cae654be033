"""Real recordings in every format decode and finish; their text means nothing to the bundled model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import pytest

from sayit.client import Client
from sayit.speech.errors import ErrorKind, SayItError

from .helper import RECORDINGS, RunningSuite

#: Name, container, codec, options of the container.
FORMATS = [
    ("wav", "wav", "pcm_s16le", {}),
    ("mp3", "mp3", "libmp3lame", {}),
    ("m4a with its index at the end", "ipod", "aac", {}),
    ("m4a with its index in front", "mp4", "aac", {"movflags": "faststart"}),
    ("fragmented mp4", "mp4", "aac", {"movflags": "frag_keyframe+empty_moov"}),
    ("aac", "adts", "aac", {}),
    ("flac", "flac", "flac", {}),
    ("ogg with opus", "ogg", "libopus", {}),
    ("webm with opus", "webm", "libopus", {}),
]


def encoded(path: Path, container: str, codec: str, options: dict[str, str], *, rate: int = 48_000) -> bytes:
    """The speech of 1961, transcoded by way of a file: an index in front is written last."""
    with av.open(str(RECORDINGS / "jfk.flac")) as source, av.open(path, "w", format=container, options=options) as out:
        stream: Any = out.add_stream(codec, rate=rate, layout="stereo")
        size = stream.frame_size or 0
        resampler = av.AudioResampler(format=stream.format, layout="stereo", rate=rate, frame_size=size)
        for frame in [*source.decode(audio=0), None]:
            for resampled in resampler.resample(frame):
                out.mux(stream.encode(resampled))
        out.mux(stream.encode(None))
    return path.read_bytes()


#: Of these each commit sends three.
_OF_A_COMMIT = {"mp3", "m4a with its index at the end", "webm with opus"}
_OTHER = pytest.mark.thorough("the scheduler decodes them all, and more, in test_demux.py, without a suite")


@pytest.mark.parametrize(
    ("name", "container", "codec", "options"),
    [pytest.param(*each, marks=() if each[0] in _OF_A_COMMIT else _OTHER) for each in FORMATS],
    ids=[each[0] for each in FORMATS],
)
def test_every_format_decodes_and_finishes(
    suite: RunningSuite, tmp_path: Path, name: str, container: str, codec: str, options: dict[str, str]
) -> None:
    """The file is accepted, decoded to its whole length, and completed."""
    with Client(suite.address) as client:
        result = client.transcribe(encoded(tmp_path / "speech", container, codec, options), filename=name)
    assert result.transcript.duration_s == pytest.approx(11.0, abs=0.2)
    assert result.transcript.coverage.speech_detected_s > 5
    assert result.job.warnings == ()


def test_stereo_with_a_speaker_on_each_channel_is_mixed(suite: RunningSuite) -> None:
    """Both channels are heard."""
    with Client(suite.address) as client:
        result = client.transcribe(RECORDINGS / "stereo-two-speakers.wav")
    assert result.transcript.duration_s == pytest.approx(5.0, abs=5.0)
    assert result.transcript.coverage.speech_detected_s > 0


def test_a_truncated_file_gives_what_is_there_and_says_so(suite: RunningSuite, tmp_path: Path) -> None:
    """Half a file is half a transcript with a warning, not an error."""
    whole = encoded(tmp_path / "speech.wav", "wav", "pcm_s16le", {})
    with Client(suite.address) as client:
        result = client.transcribe(whole[: len(whole) // 2])
    assert result.transcript.duration_s == pytest.approx(5.5, abs=0.2)
    assert "TRUNCATED_AUDIO" in result.job.warnings


def test_a_video_without_sound_is_refused(suite: RunningSuite, tmp_path: Path) -> None:
    """A file without an audio track fails with its own code."""
    path = tmp_path / "mute.mp4"
    with av.open(path, "w", format="mp4") as out:
        stream: Any = out.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(5):
            out.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        out.mux(stream.encode(None))
    with Client(suite.address) as client, pytest.raises(SayItError) as error:
        client.transcribe(path)
    assert error.value.kind is ErrorKind.NO_AUDIO_TRACK
