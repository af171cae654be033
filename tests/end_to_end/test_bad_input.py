"""What a user can get wrong, through SDK and command line: a typed error in two languages, and a healthy suite."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import numpy as np
import pytest

from sayit.client import Client
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import JobState
from sayit.speech.options import Options
from tests.command import run_sayit

from .helper import RECORDINGS, RunningSuite, repeated, wav

SHORT = RECORDINGS / "ko-8s.flac"
UNKNOWN_ID = "0" * 32


def cli(suite: RunningSuite, *arguments: str, language: str = "en") -> subprocess.CompletedProcess[str]:
    """Runs the command line against a suite."""
    return run_sayit("--lang", language, *arguments, "--server", suite.address, environment=dict(os.environ))


@pytest.mark.parametrize(
    ("audio", "options", "kind"),
    [
        (b"", Options(), ErrorKind.FILE_REQUIRED),
        (b"only text, named .mp3\n" * 99, Options(), ErrorKind.INVALID_FORMAT),
        (random.Random(4).randbytes(5000), Options(), ErrorKind.INVALID_FORMAT),
        (SHORT.read_bytes(), Options(language="klingon"), ErrorKind.INVALID_LANGUAGE),
        # Whisper large-v3 knows Cantonese, this model does not: the first attempt says so.
        (SHORT.read_bytes(), Options(language="yue"), ErrorKind.INVALID_LANGUAGE),
        (SHORT.read_bytes(), Options(beam_size=77), ErrorKind.INVALID_OPTION),
        (SHORT.read_bytes(), Options(model="enormous"), ErrorKind.MODEL_NOT_AVAILABLE),
        (wav(np.zeros(400, np.int16), 1000), Options(), ErrorKind.UNSUPPORTED_AUDIO),
    ],
    ids=["nothing", "text", "noise", "language", "language of another model", "beam", "model", "too short"],
)
def test_bad_requests_have_typed_errors(suite: RunningSuite, audio: bytes, options: Options, kind: ErrorKind) -> None:
    """Each mistake has its code, an English and a Korean sentence; and the next request works."""
    with Client(suite.address) as client:
        with pytest.raises(SayItError) as error:
            client.transcribe(audio, options=options, filename="x.mp3")
        assert error.value.kind is kind
        assert error.value.message("en") != error.value.message("ko")
        assert client.transcribe(SHORT, options=Options(language="ko")).transcript.text


@pytest.mark.parametrize("seconds", [0.0125, 0.1, 0.5])
def test_very_short_audio_is_no_error(suite: RunningSuite, seconds: float) -> None:
    """A tenth of a second holds no word, and that is a result."""
    tone = (np.sin(np.arange(int(16_000 * seconds)) / 5) * 8000).astype(np.int16)
    with Client(suite.address) as client:
        result = client.transcribe(wav(tone))
    assert result.job.state is JobState.COMPLETED
    assert result.transcript.duration_s == pytest.approx(seconds, abs=0.01)


def test_unknown_and_ended_jobs_answer_clearly(suite: RunningSuite) -> None:
    """Every verb on an unknown id is JOB_NOT_FOUND; cancelling what has ended changes nothing."""
    with Client(suite.address) as client:
        for verb in (client.get, client.cancel, client.delete, client.transcript, lambda i: list(client.watch(i))):
            with pytest.raises(SayItError) as error:
                verb(UNKNOWN_ID)
            assert error.value.kind is ErrorKind.JOB_NOT_FOUND
        job = client.transcribe(SHORT).job
        assert client.cancel(job.id).state is JobState.COMPLETED
        assert client.cancel(job.id).state is JobState.COMPLETED
        with pytest.raises(SayItError) as error:
            list(client.watch(job.id, after_seq=99))
        assert error.value.kind is ErrorKind.INVALID_ARGUMENT


def test_delete_while_running_ends_it(suite: RunningSuite) -> None:
    """A running job can be deleted; it is gone at once."""
    with Client(suite.address) as client:
        job = client.create_job(repeated("ko-150s", 2))
        with pytest.raises(SayItError) as error:
            client.transcript(job.id)
        assert error.value.kind is ErrorKind.JOB_NOT_FINISHED
        client.delete(job.id)
        with pytest.raises(SayItError) as error:
            client.get(job.id)
        assert error.value.kind is ErrorKind.JOB_NOT_FOUND


@pytest.mark.parametrize(("language", "words"), [("en", "SayIt can read"), ("ko", "오디오나 동영상 파일이 아닙니다")])
def test_the_command_line_says_it_in_the_users_language(
    suite: RunningSuite, tmp_path: Path, language: str, words: str
) -> None:
    """One line per file with sentence and code on standard error, nothing on standard output, exit code 1."""
    bad = tmp_path / "speech.mp3"
    bad.write_text("not audio at all\n" * 50)
    done = cli(suite, "transcribe", str(bad), language=language)
    assert done.returncode == 1
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1
    assert words in lines[0]
    assert "INVALID_FORMAT" in lines[0]
    assert "Traceback" not in done.stderr


def test_one_bad_file_among_good_ones(suite: RunningSuite, tmp_path: Path) -> None:
    """The good file's text arrives, the missing and the empty one are named, the exit code says that some failed."""
    empty = tmp_path / "empty.wav"
    empty.touch()
    done = cli(suite, "transcribe", str(SHORT), str(empty), str(tmp_path / "missing.wav"), "--language", "ko")
    assert done.returncode == 1
    assert "안녕" in done.stdout or "숫자" in done.stdout
    assert "FILE_REQUIRED" in done.stderr
    assert "missing.wav" in done.stderr
