"""The command line with a real suite: Valkey, scheduler, gateway, two transcribers, the bundled model."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

from sayit.cli.local_suite import suite_file
from tests.command import run_sayit
from tests.end_to_end.helper import RunningSuite

from .helper import alive, eventually, kill

RECORDINGS = Path(__file__).parents[3] / "recordings"
SHORT = str(RECORDINGS / "en-8s.flac")
LONG = str(RECORDINGS / "ko-150s.flac")


def _environment(**changes: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("SAYIT_", "LC_", "LANG"))}
    return clean | {"COLUMNS": "200", "PYTHONUNBUFFERED": "1"} | changes


def sayit(suite: RunningSuite, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a command that finds the suite by its data folder."""
    return run_sayit(*arguments, environment=_environment(SAYIT_DATA_DIR=str(suite.data)))


def jobs(suite: RunningSuite, filename: str) -> list[dict[str, object]]:
    """What `sayit jobs list --json` says about the jobs of a file."""
    listed = json.loads(sayit(suite, "jobs", "list", "--limit", "1000", "--json").stdout)
    return [job for job in listed if job["filename"] == filename]


def described(suite: RunningSuite) -> suite_file.Ready:
    """How the suite is now."""
    found = suite_file.read(suite.ready_file)
    assert found is not None
    return found


def test_labelled_recordings_are_measured(suite: RunningSuite, tmp_path: Path) -> None:
    """A folder through a running suite: nothing wrong with the short one, nothing invented in a minute of silence."""
    for name in ("en-8s", "silence-60s"):
        for suffix in ("flac", "json"):
            shutil.copy(RECORDINGS / f"{name}.{suffix}", tmp_path)
    report = tmp_path / "report.json"
    call = (
        "eval",
        str(tmp_path),
        "--normaliser",
        "basic",
        "--json",
        "--output",
        str(report),
        "--versus",
        "language=ko",
        "--decoding",
        "best_of=4",  # no other test of the suite asks for it: an answer from the cache says nothing of boundaries
    )
    done = sayit(suite, *call)
    assert done.returncode == 0, done.stderr
    first, second = json.loads(done.stdout)["reports"]
    assert json.loads(report.read_text())["recordings"] == first["recordings"]
    spoken, silent = first["recordings"]
    assert (spoken["words"], spoken["word_errors"], spoken["boundaries"]) == (16, 0, 0)
    assert (silent["words"], silent["invented"], silent["silence_s"]) == (0, 0, 60.0)
    assert second["configuration"]["language"] == "ko"
    compared = sayit(suite, "eval", "--compare", str(report), str(tmp_path / "report-versus.json"))
    assert compared.returncode == 0, compared.stderr
    assert "language en" in compared.stdout
    assert sayit(suite, "eval", str(tmp_path / "nowhere")).returncode == 2
    assert "Name a folder" in sayit(suite, "eval").stderr


def test_the_ready_file_says_where_everything_is(suite: RunningSuite) -> None:
    """Addresses, process ids and metrics of six parts; `sayit up` says the rest."""
    assert "SayIt is up: model micro, 2 transcribers" in suite.said
    found = described(suite)
    assert [part.name for part in found.parts] == [
        "valkey",
        "scheduler",
        "gateway",
        "transcriber-1",
        "transcriber-2",
        "bridge",
    ]
    assert all(part.pid and alive(part.pid) and part.healthy for part in found.parts)
    assert set(found.metrics) == {"scheduler", "gateway", "transcriber-1", "transcriber-2", "bridge"}


def test_a_second_suite_on_the_same_data_says_so(suite: RunningSuite) -> None:
    """One line, with the process that is in the way; nothing is restored below it either."""
    for command in (["up"], ["restore", "of-yesterday.tar.gz", "--replace"]):
        answer = sayit(suite, *command, "--data", str(suite.data))
        assert answer.returncode == 1
        assert answer.stderr == (
            f"A suite is already running on {suite.data} "
            f"(process {described(suite).pid}, gateway at {described(suite).gateway}).\n"
        )


def test_a_second_suite_on_the_same_address_says_so(suite: RunningSuite, tmp_path: Path) -> None:
    """One line, before anything is started."""
    gateway = described(suite).gateway
    answer = sayit(suite, "up", "--data", str(tmp_path), "--listen", gateway, "--rest", "none")
    assert answer.returncode == 1
    assert answer.stderr == f"cannot listen on {gateway}: address already in use\n"


def test_a_file_becomes_text_and_nothing_else(suite: RunningSuite) -> None:
    """In a pipe: the result on standard output, silence on standard error; in every format."""
    plain = sayit(suite, "transcribe", SHORT, "--language", "en")
    assert (plain.returncode, plain.stderr) == (0, "")
    assert len(plain.stdout.split()) >= 10
    value = json.loads(sayit(suite, "transcribe", SHORT, "-l", "en", "-f", "json", "--words").stdout)
    assert value["text"].split() == plain.stdout.split()
    assert value["segments"][0]["words"]
    assert sayit(suite, "transcribe", SHORT, "-l", "en", "-f", "vtt").stdout.startswith("WEBVTT\n")


def test_standard_input_is_a_file_too(suite: RunningSuite) -> None:
    """`-` reads it."""
    with Path(SHORT).open("rb") as audio:
        answer = subprocess.run(
            [sys.executable, "-m", "sayit.cli", "transcribe", "-", "--server", described(suite).gateway],
            stdin=audio,
            capture_output=True,
            text=True,
            env=_environment(),
            timeout=60,
            check=False,
        )
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.strip()


def test_several_files_have_an_outcome_each(suite: RunningSuite, tmp_path: Path) -> None:
    """Good ones are transcribed, bad ones are told with their code; the exit status says that some failed."""
    (tmp_path / "text.mp3").write_text("this is no audio\n" * 100)
    (tmp_path / "empty.wav").touch()
    names = [str(tmp_path / "text.mp3"), SHORT, str(tmp_path / "empty.wav"), str(tmp_path / "none.wav")]
    answer = sayit(suite, "transcribe", *names, "--output", str(tmp_path / "out"))
    assert answer.returncode == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["en-8s.txt"]
    assert sorted(line.rpartition(" ")[2] for line in answer.stderr.splitlines()) == [
        "[FILE_NOT_FOUND]",
        "[FILE_REQUIRED]",
        "[INVALID_FORMAT]",
    ]


def test_a_call_as_whispers_users_write_it(suite: RunningSuite, tmp_path: Path) -> None:
    """Formats side by side in a folder; what has no effect is said; what is for another suite is refused."""
    call = ("--output_format", "srt,md", "--output_dir", str(tmp_path), "--word_timestamps", "True", "--fp16", "False")
    done = sayit(suite, "transcribe", SHORT, "--language", "English", *call)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["en-8s.md", "en-8s.srt"]
    assert "--fp16 has no effect here" in done.stderr
    refused = sayit(suite, "transcribe", SHORT, "--transcribers", "2")
    assert refused.returncode == 2
    assert "--transcribers 2 is for a suite that this call starts, but one runs at" in refused.stderr


def test_a_model_that_the_suite_does_not_serve_is_an_error(suite: RunningSuite) -> None:
    """Asked of a suite by address, nothing else is started."""
    answer = sayit(suite, "transcribe", SHORT, "--model", "medium", "--server", described(suite).gateway)
    assert answer.returncode == 1
    assert "[MODEL_NOT_AVAILABLE]" in answer.stderr


def test_jobs_are_listed_shown_watched_and_deleted(suite: RunningSuite, tmp_path: Path) -> None:
    """What a finished job left behind, until it is deleted."""
    file = shutil.copy(SHORT, tmp_path / "listed.flac")
    mark = f"run={uuid.uuid4().hex}"
    text = sayit(suite, "transcribe", str(file), "--language", "en", "--label", mark).stdout
    (job,) = json.loads(sayit(suite, "jobs", "list", "--label", mark, "--json").stdout)
    assert sayit(suite, "jobs", "list", "--label", "run").returncode == 0
    job_id = str(job["id"])
    assert job_id in sayit(suite, "jobs", "list", "--limit", "1000", "--state", "completed").stdout
    shown = json.loads(sayit(suite, "jobs", "show", job_id, "--json").stdout)
    assert (shown["state"], shown["filename"]) == ("completed", "listed.flac")
    assert sayit(suite, "jobs", "transcript", job_id).stdout == text
    narrow = sayit(
        suite, "jobs", "transcript", job_id, "-f", "srt", "--max_line_count", "1", "--max_line_width", "16"
    ).stdout
    assert {len(block.splitlines()) for block in narrow.split("\n\n")} == {3}
    watched = sayit(suite, "jobs", "watch", job_id, "--json")
    assert watched.returncode == 0
    events = [json.loads(line) for line in watched.stdout.splitlines()]
    assert [event["seq"] for event in events if event["seq"]] == list(range(1, shown["last_seq"] + 1))
    assert sayit(suite, "jobs", "cancel", job_id).stdout == f"{job_id}: completed\n"
    assert sayit(suite, "jobs", "delete", job_id).returncode == 0
    again = sayit(suite, "jobs", "show", job_id)
    assert again.returncode == 1
    assert "[JOB_NOT_FOUND]" in again.stderr
    assert sayit(suite, "jobs", "delete", job_id).returncode == 1


def test_status_and_models_describe_the_suite(suite: RunningSuite) -> None:
    """For people and for scripts."""
    status = json.loads(sayit(suite, "status", "--json").stdout)
    assert status["transcribers_expected"] == 2
    assert "scheduler" in sayit(suite, "status").stdout
    models = json.loads(sayit(suite, "models", "--json").stdout)
    assert [one["name"] for one in models if one["default"]] == ["micro"]
    assert "micro" in sayit(suite, "models").stdout


def test_the_doctor_finds_a_running_suite_healthy(suite: RunningSuite) -> None:
    """It asks every part."""
    findings = {one["about"]: one for one in json.loads(sayit(suite, "doctor", "--json", "--model", "micro").stdout)}
    assert findings["running suite"]["level"] == "ok"
    assert "all 6 parts are healthy" in findings["running suite"]["found"]


def test_an_interrupt_cancels_the_job(suite: RunningSuite, tmp_path: Path) -> None:
    """Ctrl-C: the job that the command started is cancelled, the exit status is a shell's for SIGINT."""
    file = shutil.copy(LONG, tmp_path / "interrupted.flac")
    with subprocess.Popen(
        [
            sys.executable,
            "-m",
            "sayit.cli",
            "transcribe",
            str(file),
            "-l",
            "ko",
            "--prompt",
            "not cached",
            "--progress",
            "lines",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(SAYIT_DATA_DIR=str(suite.data)),
        text=True,
    ) as command:
        assert command.stderr is not None
        command.stderr.readline()  # the first piece of text: the job is under way
        command.send_signal(signal.SIGINT)
        out, _ = command.communicate(timeout=60)
    assert (command.returncode, out) == (130, "")
    assert [job["state"] for job in jobs(suite, "interrupted.flac")] == ["cancelled"]


def test_killed_parts_change_nothing_in_the_text(mortal_suite: RunningSuite) -> None:
    """A `kill -9` of a transcriber, the gateway and the scheduler under way: the same text, a little later."""
    call = ["transcribe", LONG, "-l", "ko", "--temperature", "0", "--beam-size", "1"]
    wanted = sayit(mortal_suite, *call).stdout
    assert len(wanted.split()) > 100
    restarts = sum(part.restarts for part in described(mortal_suite).parts)
    # And with them what is cached.
    sayit(mortal_suite, "jobs", "delete", *(str(job["id"]) for job in jobs(mortal_suite, Path(LONG).name)))
    with subprocess.Popen(
        [sys.executable, "-m", "sayit.cli", *call, "--progress", "lines"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(SAYIT_DATA_DIR=str(mortal_suite.data)),
        text=True,
    ) as command:
        assert command.stderr is not None
        command.stderr.readline()
        pids = {part.name: part.pid for part in described(mortal_suite).parts}
        for name in ("transcriber-1", "gateway", "scheduler"):
            kill(pids[name])
            time.sleep(0.5)
        out, err = command.communicate(timeout=120)
    assert command.returncode == 0, err
    assert out == wanted
    assert not any(job["cached"] for job in jobs(mortal_suite, Path(LONG).name))
    eventually(lambda: mortal_suite.healthy, 60)
    assert sum(part.restarts for part in described(mortal_suite).parts) >= restarts + 3


def test_an_embedded_suite_lives_for_one_call(tmp_path: Path) -> None:
    """Without a suite, one is started, used and removed: nothing but the text, no process, no folder stays."""
    environment = _environment(SAYIT_DATA_DIR=str(tmp_path / "none"), TMPDIR=str(tmp_path))
    answer = subprocess.run(
        [sys.executable, "-m", "sayit.cli", "transcribe", SHORT, "-l", "en", "--model", "micro", "--transcribers", "1"],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
        check=False,
    )
    said = [line for line in answer.stderr.splitlines() if " is not ready yet: " not in line]  # a slow machine's
    assert (answer.returncode, said) == (0, [])
    assert len(answer.stdout.split()) >= 10
    assert not list(tmp_path.glob("sayit-*"))


def test_an_interrupted_embedded_suite_leaves_nothing(tmp_path: Path) -> None:
    """SIGTERM while it starts or works: the parts and the folder go, the exit status is a shell's for SIGTERM."""
    with subprocess.Popen(
        [sys.executable, "-m", "sayit.cli", "transcribe", LONG, "--model", "micro", "--progress", "lines"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(SAYIT_DATA_DIR=str(tmp_path / "none"), TMPDIR=str(tmp_path)),
        text=True,
    ) as command:
        assert command.stderr is not None
        assert "Starting a suite" in command.stderr.readline()
        eventually(lambda: any(tmp_path.glob("sayit-*/logs/gateway.log")))
        command.terminate()
        out, _ = command.communicate(timeout=60)
    assert (command.returncode, out) == (143, "")
    assert not list(tmp_path.glob("sayit-*"))
