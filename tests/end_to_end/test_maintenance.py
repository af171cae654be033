"""Keeping an installation: wedged parts, parts that are told to end, backup and restore."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from sayit.client import Client
from sayit.scheduler.db.migrations import upgrade
from sayit.speech.jobs import ChunkText
from sayit.speech.options import Options

from .helper import RECORDINGS, RunningSuite, eventually, repeated, running_suite

SHORT = RECORDINGS / "ko-8s.flac"
OPTIONS = Options(language="ko", temperature=0.0, beam_size=1)


def healthy_again(suite: RunningSuite, part: str, before: int) -> bool:
    """Whether another process has taken a part's place and works."""
    (now,) = [each for each in suite.ready["parts"] if each["name"] == part]
    return bool(now["healthy"] and now["pid"] not in {None, before})


@pytest.mark.thorough("test_a_stopped_part_is_killed_and_started_again, and jobs that outlive kills in tests/faults")
def test_stopped_parts_are_replaced_and_the_job_ends(mortal_suite: RunningSuite) -> None:
    """SIGSTOP of a transcriber and of the gateway: both are killed and started again, and the text is complete."""
    pids = {part: mortal_suite.pid(part) for part in ("transcriber-1", "gateway")}
    before = len(mortal_suite.said)
    with Client(mortal_suite.address) as client:
        job = client.create_job(repeated("ko-8s", 20, gain=0.9), options=OPTIONS)
        for pid in pids.values():
            os.kill(pid, signal.SIGSTOP)
        eventually(lambda: all(healthy_again(mortal_suite, part, pid) for part, pid in pids.items()))
        for _ in client.watch(job.id):
            pass
        assert client.transcript(job.id).text
    for part in pids:
        assert f"{part} has not worked for 20 s; killing it." in mortal_suite.said[before:]


@pytest.mark.thorough("test_rolling_restart tells each part to end, and test_draining.py says what becomes of its work")
def test_parts_that_are_told_to_end_lose_nothing(mortal_suite: RunningSuite) -> None:
    """SIGTERM to each part in the middle of a file: exit status 0, no attempt crashed, a begun upload arrives."""
    audio = repeated("ko-8s", 30)
    before, chunks_before = len(mortal_suite.said), len(mortal_suite.log_lines("scheduler", "chunk"))
    with Client(mortal_suite.address) as client:
        going, told = threading.Event(), threading.Event()

        def slowly() -> Iterator[bytes]:
            yield audio[: len(audio) // 2]
            going.set()
            assert told.wait(60)  # the gateway has to take the rest while it ends
            yield audio[len(audio) // 2 :]

        slow: list[str] = []
        uploading = threading.Thread(target=lambda: slow.append(client.create_job(slowly(), options=OPTIONS).id))
        job = client.create_job(audio, options=OPTIONS)
        uploading.start()
        assert going.wait(30)
        to_end = ["gateway", "transcriber-1", "scheduler", "transcriber-2"]
        for event in client.watch(job.id):
            if isinstance(event.body, ChunkText) and to_end:
                part = to_end.pop(0)
                pid = mortal_suite.pid(part)
                os.kill(pid, signal.SIGTERM)
                told.set()
                eventually(lambda part=part, pid=pid: healthy_again(mortal_suite, part, pid))
        uploading.join(60)
        for _ in client.watch(slow[0]):
            pass
        assert to_end == []
        assert client.transcript(slow[0]).text == client.transcript(job.id).text
        outcomes = {str(line["outcome"]) for line in mortal_suite.log_lines("scheduler", "chunk")[chunks_before:]}
    assert outcomes <= {"committed", "interrupted"}
    for part in ("gateway", "transcriber-1", "scheduler", "transcriber-2"):
        assert f"{part} ended: exit status 0." in mortal_suite.said[before:]


def sayit(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the command."""
    command = [sys.executable, "-m", "sayit.cli", *arguments]
    settings = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=settings)


@pytest.mark.thorough("test_a_job_that_ran_is_finished_after_the_restore does so with schedulers alone")
def test_a_backup_of_a_running_suite_is_finished_by_another(mortal_suite: RunningSuite, tmp_path: Path) -> None:
    """Saved while a job runs, restored into a new folder: the suite there ends the job with the same text."""
    backups = tmp_path / "backups"
    backups.mkdir()
    with Client(mortal_suite.address) as client:
        done = client.transcribe(SHORT, options=OPTIONS)
        job = client.create_job(repeated("ko-150s", 2, gain=0.9), options=OPTIONS)
        for event in client.watch(job.id):
            if isinstance(event.body, ChunkText):
                saved = sayit("backup", str(backups), "--data", str(mortal_suite.data), "--keep", "1")
                assert saved.returncode == 0, saved.stderr
                archive = str(next(backups.iterdir()))
                running = sayit("restore", archive, "--data", str(mortal_suite.data), "--replace")
                assert running.returncode == 1
                assert "already running" in running.stderr
                break
        for _ in client.watch(job.id):
            pass
        expected = client.transcript(job.id).text
    restored = sayit("restore", archive, "--data", str(tmp_path / "data"))
    assert restored.returncode == 0, restored.stderr
    with running_suite(tmp_path) as suite, Client(suite.address) as client:
        seqs = [event.seq for event in client.watch(job.id) if event.seq]
        assert seqs == list(range(1, len(seqs) + 1))
        assert client.transcript(job.id).text == expected
        assert client.transcript(done.job.id).text == done.transcript.text


def test_backups_on_a_schedule_take_turns(tmp_path: Path, postgres_url: str) -> None:
    """Every second a new archive, and the oldest go; one that fails is said, and the next is made at its time.

    A signal ends it in good order, and what is left can be restored, on PostgreSQL as well.
    """
    data, backups, said = tmp_path / "data", tmp_path / "backups", tmp_path / "said"
    data.mkdir()
    backups.mkdir()
    asyncio.run(upgrade(make_url(f"sqlite:///{data / 'sayit.db'}")))
    command = [sys.executable, "-m", "sayit.cli", "backup", str(backups), "--data", str(data)]
    with said.open("w") as err:
        process = subprocess.Popen([*command, "--every", "1s", "--keep", "2"], stdout=subprocess.PIPE, stderr=err)
    try:
        eventually(lambda: said.read_text().count("is old and deleted") >= 2)
        (data / "sayit.db").rename(data / "away")
        eventually(lambda: "There is no database" in said.read_text())
        (data / "away").rename(data / "sayit.db")
        deleted = said.read_text().count("is old and deleted")
        eventually(lambda: said.read_text().count("is old and deleted") > deleted)
    finally:
        process.send_signal(signal.SIGTERM)
        out = process.communicate(timeout=60)[0].decode()
    assert process.returncode == 0, said.read_text()
    made = [line.partition(":")[0] for line in out.splitlines()]
    left = sorted(str(path) for path in backups.iterdir())
    assert left == made[-2:]
    assert said.read_text().count("is old and deleted") == len(made) - 2
    assert list((data / "scratch").iterdir()) == []
    restored = sayit("restore", left[-1], "--data", str(tmp_path / "other"), SAYIT_DATABASE_URL=postgres_url)
    assert restored.returncode == 0, restored.stderr
    assert "into postgresql" in restored.stdout
    again = sayit("backup", str(tmp_path / "again.tar.gz"), "--data", str(data), SAYIT_DATABASE_URL=postgres_url)
    assert again.returncode == 0, again.stderr
    assert "0 jobs" in again.stdout
