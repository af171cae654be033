"""The wheels, built and installed into environments that hold only what they ask for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .environments import Environment, made, needed

pytestmark = pytest.mark.xdist_group("installation")

SERVICES = ("gateway", "scheduler", "transcriber", "bridge")
#: Commands that need more than the command's own packages, and one that needs nothing.
COMMANDS = (
    ("--version",),
    ("--help",),
    ("doctor",),
    ("up",),
    ("transcribe", "missing.wav"),
    ("jobs", "list"),
    ("eval", "missing"),
    ("tune", "--help"),
    ("models",),
    ("keys", "list"),
    ("config",),
    ("backup", "missing.tar"),
)


def test_the_client_is_grpc_and_protobuf_and_no_server(wheels: dict[str, Path], tmp_path: Path) -> None:
    """`sayit-client` brings grpcio, protobuf, googleapis-common-protos and at most 1 MB of ours."""
    packages = needed("sayit-client")
    assert set(packages) <= {"googleapis-common-protos", "grpcio", "protobuf", "typing-extensions"}
    environment = made(tmp_path, packages, [wheels["sayit-client"]])
    environment.pip("check")
    script = (
        "import importlib.util, sayit.client, sayit.v1.resources_pb2; print(importlib.util.find_spec('sayit.chassis'))"
    )
    done = environment.run("python", "-W", "error", "-c", script)
    assert (done.returncode, done.stdout.strip()) == (0, "None"), done.stderr
    ours = [
        path for path in tmp_path.glob("lib/*/site-packages/sayit/**/*") if path.suffix in {".py", ".pyi", ".typed"}
    ]
    assert 0 < sum(path.stat().st_size for path in ours) < 1_000_000


_AS_ANOTHER = pytest.mark.thorough("as with the scheduler's, and test_entries.py hides packages of each extra")


@pytest.mark.parametrize(
    "extra",
    ["", *(pytest.param(each, marks=() if each == "scheduler" else _AS_ANOTHER) for each in SERVICES)],
)
def test_what_an_extra_lacks_is_said_in_a_line(wheels: dict[str, Path], tmp_path: Path, extra: str) -> None:
    """With any extra, each command and service works or says in a sentence what is missing: no traceback."""
    requirement = f"sayit[{extra}]" if extra else "sayit"
    environment = made(tmp_path, needed(requirement), [wheels["sayit-client"], wheels["sayit"]])
    environment.pip("check")
    assert not [*tmp_path.glob("lib/*/site-packages/sayit/eval"), *tmp_path.glob("lib/*/site-packages/sayit/tune")]
    for command in COMMANDS if not extra else COMMANDS[:2]:
        done = environment.run("sayit", *command)
        assert "Traceback" not in done.stdout + done.stderr, (command, done.stderr)
        if command[0].startswith("--"):
            assert done.returncode == 0, done.stderr
        if command[0] in {"eval", "tune"}:
            assert "sayit[eval]" in done.stderr
    for service in SERVICES:
        done = environment.run("python", "-m", f"sayit.{service}", "--help")
        said = done.stdout + done.stderr
        assert "Traceback" not in said, (service, said)
        if service == extra:
            assert done.returncode == 0, said
            assert "SAYIT_" in said
        elif done.returncode:
            assert f"sayit[{service}]" in said


def test_the_wheels_hold_all_that_a_suite_needs(wheels: dict[str, Path], tmp_path: Path) -> None:
    """`sayit[all]` from wheels, outside the repository: a suite starts, transcribes a recording and stops."""
    environment = made(tmp_path, needed("sayit[all]"), wheels.values())
    recording = Path(__file__).parents[2] / "recordings" / "ko-8s.flac"
    model = _micro(environment)
    done = environment.run("sayit", "transcribe", recording, "--model", model, "--language", "ko", "--format", "json")
    assert done.returncode == 0, done.stderr
    segments = json.loads(done.stdout)["segments"]
    expected = json.loads(recording.with_suffix(".json").read_text(encoding="utf-8"))["text"]
    assert " ".join(segment["text"].strip() for segment in segments) == expected


def _micro(environment: Environment) -> str:
    script = "import sayit.transcriber, pathlib; print(pathlib.Path(sayit.transcriber.__file__).parent / 'micro')"
    return environment.run("python", "-c", script).stdout.strip()
