"""The protocol between parent and child, as its parent reads it."""

from __future__ import annotations

import json
import math
import struct

import pytest

from sayit.scheduler.ingest.audio_reader import frames
from sayit.scheduler.ingest.audio_reader.limits import CORRUPT_PACKETS, AudioSummary
from sayit.speech.errors import ErrorKind

SUMMARY = AudioSummary(
    samples=16_000, container="wav", codec="pcm_s16le", sample_rate_hz=16_000, channels=1, warnings=(CORRUPT_PACKETS,)
)


def payload_of(frame: bytes) -> bytes:
    """A frame's payload, read as its receiver reads it."""
    kind, length = frames.unpack_header(frame[: frames.HEADER_BYTES])
    assert kind == frame[:1]
    payload = frame[frames.HEADER_BYTES :]
    assert len(payload) == length
    return payload


def test_a_summary_survives_the_way() -> None:
    """What the child says about a file arrives."""
    assert frames.unpack_summary(payload_of(frames.pack_summary(SUMMARY)), samples=16_000) == SUMMARY


@pytest.mark.parametrize(("declared_s", "channels"), [(3_600.5, 2), (None, 1)])
def test_the_beginning_survives_the_way(declared_s: float | None, channels: int) -> None:
    """How long a file says it is, and how many channels come, arrive."""
    payload = payload_of(frames.pack_begin(declared_s, channels))
    assert frames.unpack_begin(payload, most_channels=8) == (declared_s, channels)


@pytest.mark.parametrize("length", [0.0, -1.0, math.inf, math.nan, "1", True])
def test_a_length_that_cannot_be_is_refused(length: object) -> None:
    """Nonsense and endless lengths are refused."""
    with pytest.raises(frames.BrokenFrameError):
        frames.unpack_begin(json.dumps({"declared_s": length, "channels": 1}).encode(), most_channels=8)


@pytest.mark.parametrize("payload", [b"", b"[]", b'{"declared_s": 1}', b'{"declared_s": 1, "channels": 9}', b"[" * 128])
def test_channels_that_cannot_be_are_refused(payload: bytes) -> None:
    """None, no number, and more than a file may have."""
    with pytest.raises(frames.BrokenFrameError):
        frames.unpack_begin(payload, most_channels=8)


def test_an_error_survives_the_way() -> None:
    """An error arrives with its kind, its cause for the log and the value its sentence needs."""
    error = frames.unpack_error(payload_of(frames.pack_error(ErrorKind.AUDIO_TOO_LONG, "x")), limit_minutes="240")
    assert (error.kind, error.cause, error.message("en")) == (
        ErrorKind.AUDIO_TOO_LONG,
        "x",
        "The audio is longer than 240 minutes.",
    )


def test_what_cannot_be_decoded_is_named() -> None:
    """Codec and container are in the sentence, in words of no more than a line, and nothing that is no name."""
    named_by = {"raw aac (wav)": "raw aac (wav)", "x" * 300: "x" * 80, "<b>\u202e{a}\n'é'": "ba", "_-./,": "_-./,"}
    for cause, named in named_by.items():
        error = frames.unpack_error(
            payload_of(frames.pack_error(ErrorKind.UNSUPPORTED_CODEC, cause)), limit_minutes="240"
        )
        assert error.message("en") == f"The file's audio is in a codec that SayIt does not decode: {named}."


@pytest.mark.parametrize(
    "header",
    [
        struct.pack("!cI", b"X", 0),
        struct.pack("!cI", frames.AUDIO, 0),
        struct.pack("!cI", frames.AUDIO, 31_999),
        struct.pack("!cI", frames.AUDIO, 32_002),
        struct.pack("!cI", frames.SUMMARY, 2**32 - 1),
        struct.pack("!cI", frames.BEGIN, 129),
    ],
)
def test_a_frame_that_cannot_be_is_refused(header: bytes) -> None:
    """Unknown kinds and lengths beyond their kind's are refused before anything is read."""
    with pytest.raises(frames.BrokenFrameError):
        frames.unpack_header(header)


@pytest.mark.parametrize(
    "change",
    [{"samples": 15_999}, {"warnings": ["<script>"]}, {"channels": "many"}, {"warnings": None}, {"codec": ...}],
)
def test_a_summary_that_does_not_fit_is_refused(change: dict[str, object]) -> None:
    """A summary must be whole, agree with the audio that came, and use known warnings."""
    fields = json.loads(payload_of(frames.pack_summary(SUMMARY))) | change
    payload = json.dumps({name: value for name, value in fields.items() if value is not ...}).encode()
    with pytest.raises(frames.BrokenFrameError):
        frames.unpack_summary(payload, samples=16_000)


@pytest.mark.parametrize("payload", [b"", b"[]", b"\xff", b'{"code": "UNAUTHENTICATED", "cause": ""}', b'{"code": 1}'])
def test_an_error_that_no_file_can_earn_is_refused(payload: bytes) -> None:
    """Only the errors of files pass; a child cannot make up others."""
    with pytest.raises(frames.BrokenFrameError):
        frames.unpack_error(payload, limit_minutes="1")


def test_text_for_the_log_is_harmless() -> None:
    """Control characters and endless text of a hostile child do not reach the log."""
    frame = frames.pack_error(ErrorKind.INVALID_FORMAT, "a\n\x1b[31m" + "b" * 5_000)
    cause = frames.unpack_error(payload_of(frame), limit_minutes="1").cause
    assert cause.startswith("a��[31mb")
    assert len(cause) <= 500
