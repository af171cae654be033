"""compose.yaml, as far as it can be checked without an engine."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sayit.bridge.settings import BridgeSettings
from sayit.chassis.settings import ServiceSettings, describe
from sayit.gateway.settings import GatewaySettings
from sayit.scheduler.settings import SchedulerSettings
from sayit.transcriber.settings import TranscriberSettings

from .helper import DEPLOY, VARIABLE, compose, stages, substituted

COMPOSE = compose()
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS: dict[str, type[ServiceSettings]] = {
    "bridge": BridgeSettings,
    "gateway": GatewaySettings,
    "scheduler": SchedulerSettings,
    "transcriber": TranscriberSettings,
    "second-transcriber": TranscriberSettings,
}


def _settings(settings: type[ServiceSettings]) -> set[str]:
    documented = describe(settings)
    return {one.name for one in documented} | {one.name + "_FILE" for one in documented if one.secret}


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_a_setting_of_its_service(name: str) -> None:
    """A misspelt or renamed SAYIT_ variable would be ignored silently by the service."""
    used = {variable for variable in SERVICES[name]["environment"] if variable.startswith("SAYIT_")}
    assert used
    assert used <= _settings(OURS[name])


@pytest.mark.parametrize("name", OURS)
def test_the_environment_makes_valid_settings(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The service accepts what compose gives it, secrets from their files included."""
    secret = tmp_path / "secret"
    secret.write_text("redis://:x@redis:6379/0\n")
    for variable, value in substituted(SERVICES[name]["environment"], {}).items():
        monkeypatch.setenv(variable, str(secret) if str(value).startswith("/run/secrets/") else value)
    settings = OURS[name]()
    assert settings.metrics_listen.endswith(":9100")
    if name != "bridge":
        assert settings.internal_secret.get_secret_value() == "redis://:x@redis:6379/0"


def test_images_are_built_from_targets_that_exist() -> None:
    """Every build names a stage of the Dockerfile."""
    known = stages((DEPLOY / "Dockerfile").read_text(encoding="utf-8"))
    for name, service in SERVICES.items():
        if "build" in service:
            build = service["build"]
            assert build["target"] in known
            assert (DEPLOY / build["context"] / build["dockerfile"]).resolve() == (DEPLOY / "Dockerfile").resolve()
            assert service["image"] == f"sayit-{build['target']}", name
        else:
            assert re.search(r":\d", service["image"]), f"{name} has no pinned tag"


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_confined(name: str) -> None:
    """Read-only root, no capabilities, no new privileges, limits of memory and CPU, and a health check."""
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
    own_check = "healthcheck" in service
    assert own_check or service["build"]["target"] in OURS
    assert "privileged" not in service
    if name in {"redis", "postgres"}:
        assert not service["user"].startswith("0")


def test_transcribers_can_be_scaled() -> None:
    """Nothing of a transcriber can exist only once: no name, no port of the host."""
    for name in ("transcriber", "second-transcriber"):
        assert "container_name" not in SERVICES[name]
        assert "ports" not in SERVICES[name]


def test_a_second_model_has_transcribers_of_its_own() -> None:
    """Only when its profile is asked for; they differ from the first ones in their model."""
    first, second = SERVICES["transcriber"], SERVICES["second-transcriber"]
    assert second["profiles"] == ["second-model"]
    differing = {name for name in first["environment"] if first["environment"][name] != second["environment"][name]}
    assert differing == {"SAYIT_MODEL"}
    assert substituted(second["environment"], {})["SAYIT_MODEL"] == "medium"


def test_only_gateway_and_bridge_are_reachable_and_only_locally_by_default() -> None:
    """The others live in a network without a way out."""
    published = {name: substituted(service["ports"], {}) for name, service in SERVICES.items() if "ports" in service}
    assert published == {"gateway": ["127.0.0.1:50051:50051"], "bridge": ["127.0.0.1:3000:3000"]}
    assert COMPOSE["networks"]["inside"]["internal"] is True
    for name in ("redis", "postgres", "scheduler", "transcriber", "second-transcriber"):
        assert SERVICES[name]["networks"] == ["inside"]


def test_the_gateway_has_keys_and_the_others_a_secret() -> None:
    """Beyond loopback the gateway asks for keys; internal calls carry a secret."""
    assert SERVICES["gateway"]["environment"]["SAYIT_API_KEYS_FILE"].startswith("/var/lib/sayit/keys/")
    for name in OURS.keys() - {"bridge"}:  # which is a client, with its callers' keys
        assert SERVICES[name]["environment"]["SAYIT_INTERNAL_SECRET_FILE"] == "/run/secrets/internal_secret"


def test_parts_wait_until_what_they_need_is_healthy() -> None:
    """Every dependency exists, waits for health, and has a health check of its own."""
    for service in SERVICES.values():
        for other, condition in service.get("depends_on", {}).items():
            assert condition["condition"] == "service_healthy"
            needed = SERVICES[other]
            assert "healthcheck" in needed or "build" in needed
            if needed.get("profiles"):
                assert condition["required"] is False


def test_volumes_networks_and_secrets_are_declared() -> None:
    """Whatever a service names stands below, and whatever stands below is used."""
    named: dict[str, set[str]] = {"volumes": set(), "networks": set(), "secrets": set()}
    for service in SERVICES.values():
        named["volumes"] |= {volume.split(":")[0] for volume in service.get("volumes", [])}
        named["networks"] |= set(service["networks"])
        named["secrets"] |= set(service.get("secrets", []))
        for value in service.get("environment", {}).values():
            for secret in re.findall(r"^/run/secrets/(\w+)$", str(value)):
                assert secret in service["secrets"]
    for kind, names in named.items():
        assert names == set(COMPOSE[kind]), kind


def test_redis_never_evicts_and_keeps_its_file(tmp_path: Path) -> None:
    """make-secrets.sh writes the configuration that compose mounts, once, in a folder closed to others."""
    shutil.copy(DEPLOY / "make-secrets.sh", tmp_path)
    for _ in range(2):
        subprocess.run(["sh", str(tmp_path / "make-secrets.sh")], check=True, capture_output=True)
        secrets = tmp_path / "secrets"
        files = {f"./secrets/{file.name}": file.read_text() for file in secrets.iterdir()}
        assert set(files) == {one["file"] for one in COMPOSE["secrets"].values()}
        first = locals().get("first", files)
        assert files == first, "a second call changes nothing"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    configuration = files["./secrets/redis.conf"]
    assert "maxmemory-policy noeviction" in configuration
    assert "appendonly yes" in configuration
    password = re.findall(r"^requirepass ([0-9a-f]{48})$", configuration, re.MULTILINE)[0]
    assert files["./secrets/redis_url"] == f"redis://:{password}@redis:6379/0\n"
    assert files["./secrets/postgres_password"].strip() in files["./secrets/database_url"]


def test_the_readme_lists_what_can_be_set() -> None:
    """Every variable that compose reads from its environment is explained, and nothing else."""
    read = {match[1] for match in VARIABLE.finditer((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))}
    explained = set(
        re.findall(r"^\| `(SAYIT_\w+)` \|", (DEPLOY / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert read == explained


def test_docker_compose_reads_it(tmp_path: Path) -> None:
    """The real program accepts the file, where it is installed."""
    if shutil.which("docker") is None:
        pytest.skip("no docker command here")
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode != 0:
        pytest.skip("docker has no compose plugin here")
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    subprocess.run(["sh", str(tmp_path / "deploy" / "make-secrets.sh")], check=True, capture_output=True)
    subprocess.run(
        ["docker", "compose", "-f", str(tmp_path / "deploy" / "compose.yaml"), "config", "--quiet"], check=True
    )
