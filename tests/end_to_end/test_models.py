"""Two models in one suite, and what each transcriber was asked: work goes to who has the model, and once only."""

from __future__ import annotations

import io
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import httpx
import numpy as np
import pytest
import soundfile

from sayit.client import Client
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import ChunkText, JobState
from sayit.speech.options import Options
from sayit.transcriber import models

from .helper import RECORDINGS, RunningSuite, repeated, running_suite, wav

if TYPE_CHECKING:
    from conftest import WithGroup

SHORT = RECORDINGS / "ko-8s.flac"


@pytest.fixture(scope="session")
def two_models(with_group: WithGroup[RunningSuite], tmp_path_factory: pytest.TempPathFactory) -> RunningSuite:
    """The bundled model, and the same under another name, with one transcriber each."""
    folder = tmp_path_factory.mktemp("models")
    shutil.copytree(models.bundled().path, folder / "echo")
    arguments = ("--transcribers", "1", "--model", "micro", "--model", f"{folder / 'echo'}=1")
    return with_group("two models", running_suite(folder, *arguments))


def attempts(suite: RunningSuite, job_id: str) -> list[str]:
    """The model of each transcriber that took a chunk of the job, attempt by attempt; second looks left out."""
    statement = (
        "SELECT transcribers.model FROM attempts JOIN chunks ON chunks.id = chunk_id "
        "JOIN transcribers ON transcribers.id = transcriber_id WHERE job_id = ? AND look = ''"
    )
    with closing(sqlite3.connect(suite.data / "sayit.db")) as database:
        return [model for (model,) in database.execute(statement, [job_id])]


def test_work_goes_to_who_has_the_model(two_models: RunningSuite) -> None:
    """Each job to its own transcriber; short jobs of one model do not wait for a long one of the other."""
    with Client(two_models.address) as client:
        assert [(each.name, each.default) for each in client.models()] == [("echo", False), ("micro", True)]
        long = client.create_job(repeated("ko-150s", 4), options=Options(language="ko"))
        short = [client.transcribe(SHORT, options=Options(language="ko", model="echo", prompt=p)) for p in ("", "가")]
        assert not client.get(long.id).state.terminal, "the long job ended before the short ones: nothing was shown"
        client.cancel(long.id)
        assert [each.transcript.model for each in short] == ["echo", "echo"]
        for job_id, model in ((long.id, "micro"), *((each.job.id, "echo") for each in short)):
            assert set(attempts(two_models, job_id)) == {model}


def test_an_unknown_model_is_answered_with_the_list(two_models: RunningSuite) -> None:
    """Over gRPC, REST and the command line, in both languages, at once."""
    with Client(two_models.address) as client, pytest.raises(SayItError) as error:
        client.create_job(SHORT.read_bytes(), options=Options(model="medium"))
    assert error.value.kind is ErrorKind.MODEL_NOT_AVAILABLE
    english, korean = (error.value.message(language) for language in ("en", "ko"))
    assert "'medium'" in english
    assert english.endswith("available: echo, micro.")
    assert korean.endswith("사용 가능한 모델: echo, micro.")
    with httpx.Client(base_url=two_models.rest, timeout=60.0, trust_env=False) as rest:
        listed = [each["id"] for each in rest.get("/v1/models").json()["data"]]
        assert {"echo", "micro"} <= set(listed)
        answer = rest.post(
            "/v1/audio/transcriptions", data={"model": "medium"}, files={"file": ("a.flac", SHORT.read_bytes())}
        )
        assert answer.status_code == 404
        assert "echo" in answer.text
        assert "micro" in answer.text
        served = rest.post(
            "/v1/audio/transcriptions", data={"model": "echo"}, files={"file": ("a.flac", SHORT.read_bytes())}
        )
        assert served.status_code == 200
    for language, sentence in (("en", english), ("ko", korean)):
        command = [sys.executable, "-m", "sayit.cli", "--lang", language, "transcribe", str(SHORT)]
        done = subprocess.run(
            [*command, "--model", "medium", "--server", two_models.address], capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert sentence in done.stderr


@pytest.mark.thorough("test_a_model_that_is_away_is_waited_for; kills: test_killed_parts_change_nothing_in_the_text")
def test_a_model_whose_only_transcriber_was_killed_finishes_its_jobs(two_models: RunningSuite) -> None:
    """After kill -9 in the middle of a job, what was accepted is finished after the restart, by the same model."""
    options = Options(language="ko", model="echo", temperature=0.0, beam_size=1)
    with Client(two_models.address) as client:
        job = client.create_job(repeated("ko-150s", 2), options=options)
        killed = False
        for event in client.watch(job.id):
            if isinstance(event.body, ChunkText) and not killed:
                two_models.kill("transcriber-2")
                killed = True
                meanwhile = client.create_job(SHORT.read_bytes(), options=options)
        assert killed
        for job_id in (job.id, meanwhile.id):
            list(client.watch(job_id))
            assert client.get(job_id).state is JobState.COMPLETED
            assert set(attempts(two_models, job_id)) == {"echo"}


@pytest.mark.thorough("test_an_edited_file_decodes_only_what_changed, and the rest of test_chunk_cache.py")
def test_an_edited_recording_is_decoded_where_it_changed(two_models: RunningSuite) -> None:
    """The same samples in another file take no engine; a longer one takes it for its tail; the text is the same."""
    samples, _ = soundfile.read(RECORDINGS / "ko-en-180s.flac", dtype="int16")
    samples = samples[: 90 * 16_000]
    tail, _ = soundfile.read(RECORDINGS / "en-8s.flac", dtype="int16")
    longer = wav(np.concatenate([samples, np.zeros(8_000, np.int16), tail]))
    packed = io.BytesIO()
    soundfile.write(packed, samples, 16_000, format="FLAC")
    options = Options(temperature=0.0, beam_size=1)
    with Client(two_models.address) as client:
        first = client.transcribe(wav(samples), options=options)
        again = client.transcribe(packed.getvalue(), options=options)
        edited = client.transcribe(longer, options=options)
        other = client.transcribe(longer, options=Options(temperature=0.0, model="echo"))
    counts = [len(attempts(two_models, each.job.id)) for each in (first, again, edited, other)]
    chunks = [each.job.progress.chunks_total for each in (first, again, edited, other)]
    assert counts[0] == chunks[0]
    assert counts[1] == 0
    assert again.transcript.segments == first.transcript.segments
    assert again.transcript.usage.compute_s == 0.0
    assert 0 < counts[2] < (chunks[2] or 0)
    assert edited.transcript.usage.compute_s > 0
    # What came from the cache is what the engine says: the other model is the same one, and was asked for everything.
    assert counts[3] == chunks[3]
    assert [each.text for each in edited.transcript.segments] == [each.text for each in other.transcript.segments]
