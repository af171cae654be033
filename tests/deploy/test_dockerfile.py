"""The Dockerfile, as far as it can be checked without an engine."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.markers import Marker

from .helper import DEPLOY, ROOT, stages

STAGES = stages((DEPLOY / "Dockerfile").read_text(encoding="utf-8"))
#: The processes, and where their packages lie.
SERVICES = {
    "gateway": "services/gateway",
    "scheduler": "services/scheduler",
    "transcriber": "services/transcriber",
    "bridge": "clients/bridge",
}
TARGETS = (*SERVICES, "all")
#: https://docs.docker.com/reference/dockerfile
INSTRUCTIONS = {
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
}


def test_every_instruction_is_one() -> None:
    """Nothing is misspelt, and every target is there."""
    assert {one.name for stage in STAGES.values() for one in stage.instructions} <= INSTRUCTIONS
    assert set(TARGETS) <= set(STAGES)


def test_stages_build_on_a_pinned_image_or_on_one_another() -> None:
    """A base is an earlier stage or the one image that is named by tag and digest."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    assert re.search(r"^ARG BASE=python:3\.\d+-slim-[a-z]+@sha256:[0-9a-f]{64}$", text, re.MULTILINE)
    seen: set[str] = set()
    for stage in STAGES.values():
        if stage.base not in seen:
            assert stage.base == "${BASE}"
        seen.add(stage.name)


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_runs_without_privileges_and_can_be_checked(target: str) -> None:
    """Not root, an exec-form entry point, a health check, and nothing installed that no hash vouches for."""
    stage = STAGES[target]
    assert [one.arguments for one in stage.all("USER")] == ["10001:10001"]
    names = [one.name for one in stage.instructions]
    assert names.index("USER") > max(i for i, name in enumerate(names) if name == "RUN"), (
        "installed files belong to root"
    )
    assert stage.all("ENTRYPOINT")[0].as_list()
    assert stage.all("HEALTHCHECK")[0].arguments.endswith("]")
    installs = " ".join(one.arguments for one in stage.all("RUN"))
    assert f"--no-deps --require-hashes --only-binary :all: -r /src/{target}.txt" in installs
    assert "--no-deps /wheels/" in installs


@pytest.mark.parametrize("target", TARGETS)
def test_the_health_check_asks_where_the_service_listens(target: str) -> None:
    """The probe's port is the one that the image's settings say."""
    stage = STAGES[target]
    probe = stage.all("HEALTHCHECK")[0].arguments
    command = ast.literal_eval(probe[probe.index("[") :])
    assert command[:3] == ["python", "-m", "sayit.chassis.probe"]
    port = command[3].partition("/")[0].rpartition(":")[2]
    listens = re.findall(r"_?LISTEN=[\d.]+:(\d+)", " ".join(one.arguments for one in stage.all("ENV")))
    assert port in (listens or ["50051"])


@pytest.mark.parametrize("service", SERVICES)
def test_the_entry_point_is_a_module_of_ours(service: str) -> None:
    """`python -m sayit.<service>` exists."""
    assert STAGES[service].all("ENTRYPOINT")[0].as_list() == ["python", "-m", f"sayit.{service}"]
    assert (ROOT / SERVICES[service] / "sayit" / service / "__main__.py").is_file()


def test_a_suite_in_one_container_is_reached_from_outside_and_asks_for_keys() -> None:
    """Both servers listen beyond the container's loopback, on the ports that the image exposes."""
    said = dict(word.split("=", 1) for one in STAGES["all"].all("ENV") for word in one.arguments.split())
    assert (said["SAYIT_LISTEN"], said["SAYIT_BRIDGE_LISTEN"]) == ("0.0.0.0:50051", "0.0.0.0:3000")
    assert said["SAYIT_API_KEYS_FILE"].startswith(said["SAYIT_DATA_DIR"])
    assert STAGES["all"].all("EXPOSE")[0].arguments.split() == ["50051", "3000"]


def test_images_carry_labels_and_neither_pip_nor_compilers() -> None:
    """What a registry shows says the revision; nothing is installed by apt, and pip stays outside the environment."""
    base = " ".join(one.arguments for one in STAGES["base"].instructions)
    assert "org.opencontainers.image.revision=${REVISION}" in base
    assert "--without-pip" in base
    assert not [one for stage in STAGES.values() for one in stage.all("RUN") if "apt-get" in one.arguments]


def test_what_is_copied_is_there_and_not_ignored() -> None:
    """Every source of a COPY from the build context exists and passes .dockerignore."""
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    for stage in STAGES.values():
        for one in stage.all("COPY"):
            *sources, _ = one.arguments.split()
            for source in sources:
                assert (ROOT / source).exists(), source
                assert source not in ignored


def test_the_wheel_needs_no_more_than_what_is_copied() -> None:
    """All roots of pyproject.toml's wheel lie in folders that the build stage copies."""
    copied = {source for one in STAGES["build"].all("COPY") for source in one.arguments.split()[:-1]}
    roots = re.findall(
        r'^    "([a-z]+)/[a-z/]*sayit",$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert roots
    assert set(roots) <= copied


@pytest.mark.parametrize("target", TARGETS)
def test_the_requirements_of_a_target_are_pinned_and_hashed(target: str) -> None:
    """The pins come from the one list, with hashes, and hold what the service imports and not the others' weight."""
    command = [sys.executable, str(DEPLOY / "requirements.py"), f"sayit[{target}]"]
    made = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    pins = set(re.findall(r"^([a-z0-9-]+)==", made, re.MULTILINE))
    assert made.count("--hash=sha256:") >= len(pins)
    assert {"grpcio", "structlog", "grpcio-health-checking"} <= pins
    assert "pytest" not in pins
    for name in pins:
        applying = [
            version
            for version, marker in re.findall(rf"^{name}==(\S+)(?: ; (.*?))? *\\?$", made, re.MULTILINE)
            if not marker or Marker(marker).evaluate()
        ]
        assert applying == [metadata.version(name)], name
    assert ("ctranslate2" in pins) == (target in {"transcriber", "all"})
    assert ("sqlalchemy" in pins) == (target in {"scheduler", "all"})
    assert ("fastapi" in pins) == (target in {"bridge", "all"})
    assert "typer" in pins, "the command is part of every installation"
    constraints = (ROOT / "requirements" / "development.txt").read_text(encoding="utf-8")
    assert all(line in constraints for line in made.splitlines())


def test_the_ignore_file_keeps_secrets_out() -> None:
    """Neither secrets nor the repository's history travel into an image."""
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {".git", "deploy/secrets", ".venv"} <= set(ignored)
    assert Path(DEPLOY / ".gitignore").read_text(encoding="utf-8").split() == ["secrets/"]
