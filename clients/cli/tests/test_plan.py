"""Which processes, with which settings."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sayit.bridge.settings import BridgeSettings
from sayit.chassis.settings import ServiceSettings, describe
from sayit.cli.local_suite import ports
from sayit.cli.local_suite.plan import SuiteOptions, plan
from sayit.cli.local_suite.resources import Workforce
from sayit.gateway.settings import GatewaySettings
from sayit.scheduler.settings import SchedulerSettings
from sayit.transcriber.settings import TranscriberSettings


@pytest.fixture
def options(tmp_path: Path) -> SuiteOptions:
    """Two transcribers."""
    return SuiteOptions(
        data=tmp_path,
        listen="127.0.0.1:50051",
        rest="127.0.0.1:3000",
        workforce=Workforce(transcribers=2, threads=3),
        model="small",
        model_folder=Path("/models/small"),
        redis_url="",
        grace_s=30.0,
        embedded=False,
        environment={
            "PATH": "/bin",
            "SAYIT_CACHE_TTL_H": "1",
            "SAYIT_DATABASE_URL": "postgresql+asyncpg://x",
            "SAYIT_MODEL": "y",
        },
    )


def test_valkey_first_then_the_services(options: SuiteOptions) -> None:
    """Two stages; each service is a process of this Python; all ports differ."""
    made = plan(options)
    assert [[part.name for part in stage] for stage in made.stages] == [
        ["valkey"],
        ["scheduler", "gateway", "transcriber-1", "transcriber-2", "bridge"],
    ]
    assert made.parts[1].arguments == (sys.executable, "-m", "sayit.scheduler")
    addresses = [part.address for part in made.parts] + [part.metrics for part in made.parts if part.metrics]
    assert len(set(addresses)) == len(addresses) == 11
    assert made.gateway == "127.0.0.1:50051"


def test_metrics_have_fixed_addresses_where_the_user_names_the_first(options: SuiteOptions) -> None:
    """Scheduler, gateway and bridge follow one another, transcribers begin at ten more; a one-call suite takes none."""
    environment = {**options.environment, "SAYIT_METRICS_LISTEN": "127.0.0.1:9100"}
    fixed = dataclasses.replace(options, environment=environment)
    assert {part.name: part.metrics.rpartition(":")[2] for part in plan(fixed).parts if part.metrics} == {
        "scheduler": "9100",
        "gateway": "9101",
        "bridge": "9102",
        "transcriber-1": "9110",
        "transcriber-2": "9111",
    }
    assert not any(part.metrics.endswith(":9100") for part in plan(dataclasses.replace(fixed, embedded=True)).parts)


def test_a_redis_of_the_users_replaces_valkey(options: SuiteOptions) -> None:
    """Its address goes to all parts."""
    made = plan(dataclasses.replace(options, redis_url="redis://queue:6379/0"))
    assert "valkey" not in [part.name for part in made.parts]
    assert {part.environment["SAYIT_REDIS_URL"] for part in made.parts} == {"redis://queue:6379/0"}


def test_settings_pass_through_but_what_binds_the_parts_is_ours(options: SuiteOptions) -> None:
    """The user's variables hold; addresses, the model's folder and the thread count are the suite's."""
    made = plan(options)
    transcriber = made.parts[3].environment
    assert transcriber["SAYIT_CACHE_TTL_H"] == "1"
    assert transcriber["SAYIT_DATABASE_URL"] == "postgresql+asyncpg://x"
    assert transcriber["SAYIT_MODEL"] == "/models/small"
    assert transcriber["SAYIT_MODEL_NAME"] == transcriber["SAYIT_DEFAULT_MODEL"] == "small"
    assert transcriber["SAYIT_THREADS"] == transcriber["OMP_NUM_THREADS"] == "3"
    assert transcriber["SAYIT_SCHEDULER_ADDRESS"] == made.scheduler == made.parts[1].address
    assert len({part.environment["SAYIT_INTERNAL_SECRET"] for part in made.parts[1:]}) == 1
    assert len(transcriber["SAYIT_INTERNAL_SECRET"]) >= 32
    assert "SAYIT_INTERNAL_SECRET" not in made.parts[0].environment, "Valkey gets nothing that it does not need"


def test_an_embedded_suite_is_private(options: SuiteOptions) -> None:
    """It takes neither the user's database nor keys, and a port of its own."""
    made = plan(
        dataclasses.replace(
            options,
            embedded=True,
            listen="127.0.0.1:0",
            rest="",
            environment={
                "SAYIT_DATABASE_URL": "postgresql+asyncpg://x",
                "SAYIT_API_KEYS_FILE": "/keys",
                "SAYIT_SCHEDULER_LISTEN": "127.0.0.1:50052",
                "SAYIT_TLS_CERT_FILE": "/cert",
            },
        )
    )
    for part in made.parts:
        assert not {"SAYIT_DATABASE_URL", "SAYIT_API_KEYS_FILE", "SAYIT_TLS_CERT_FILE"} & set(part.environment)
    assert not made.gateway.endswith(":0")
    assert made.parts[2].environment["SAYIT_LISTEN"] == made.gateway
    assert made.scheduler != "127.0.0.1:50052"


@pytest.mark.parametrize(
    ("index", "settings"), [(1, SchedulerSettings), (2, GatewaySettings), (3, TranscriberSettings), (5, BridgeSettings)]
)
def test_every_variable_is_a_setting_of_some_service(
    options: SuiteOptions, index: int, settings: type[ServiceSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A renamed setting would be ignored silently; and each service accepts what it is given."""
    kinds = (SchedulerSettings, GatewaySettings, TranscriberSettings, BridgeSettings)
    known = {one.name for kind in kinds for one in describe(kind)}
    given = {name: value for name, value in plan(options).parts[index].environment.items() if name.startswith("SAYIT_")}
    assert set(given) <= known
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert settings().grace_s == 30.0


@pytest.mark.parametrize(
    ("listen", "gateway"),
    [("0.0.0.0:7000", "127.0.0.1:7000"), ("[::]:7000", "[::1]:7000"), ("localhost:7000", "localhost:7000")],
)
def test_clients_of_this_machine_reach_a_wildcard_by_loopback(options: SuiteOptions, listen: str, gateway: str) -> None:
    """Nobody can connect to 0.0.0.0 everywhere."""
    made = plan(dataclasses.replace(options, listen=listen))
    assert made.gateway == gateway
    assert made.parts[2].environment["SAYIT_LISTEN"] == listen


def test_ports_lie_below_the_kernels_own_range() -> None:
    """A part that is being started again does not find its port taken by an outgoing connection."""
    found = ports.free_ports(50)
    assert len(set(found)) == 50
    path = Path("/proc/sys/net/ipv4/ip_local_port_range")
    if path.exists():
        assert max(found) < int(path.read_text().split()[0])


def test_a_port_is_given_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks later, before the port is bound, gets another."""
    (only,) = ports.free_ports(1)
    monkeypatch.setattr(ports, "_LOWEST", only)
    monkeypatch.setattr(ports, "_first_ephemeral", lambda: only + 1)
    with pytest.raises(OSError, match="no free port"):
        ports.free_ports(1)


def test_the_bridge_knows_the_gateway_by_its_certificate(options: SuiteOptions, tmp_path: Path) -> None:
    """With TLS, be it from a file of settings, it trusts that very certificate; what the user says goes before."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here to make a certificate with")
    certificate, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=x"]
    command += ["-addext", "subjectAltName=DNS:sayit.example", "-keyout", key, "-out", certificate]
    subprocess.run(command, check=True, capture_output=True)
    secured = {**options.environment, "SAYIT_TLS_CERT_FILE": certificate, "SAYIT_TLS_KEY_FILE": key}
    made = plan(dataclasses.replace(options, environment=secured))
    bridge = made.parts[5].environment
    assert bridge["SAYIT_GATEWAY_NAME"] == "sayit.example"
    assert bridge["SAYIT_GATEWAY_ROOT_CERTIFICATES"] == certificate
    assert made.rest == "https://127.0.0.1:3000"
    assert made.tls
    file = tmp_path / "settings"
    file.write_text("".join(f"{name}={value}\n" for name, value in secured.items() if "TLS" in name))
    told = plan(dataclasses.replace(options, environment={**options.environment, "SAYIT_SETTINGS_FILE": str(file)}))
    assert (told.tls, told.parts[5].environment["SAYIT_GATEWAY_ROOT_CERTIFICATES"]) == (True, certificate)
    named = plan(dataclasses.replace(options, environment={**secured, "SAYIT_GATEWAY_NAME": "other"}))
    assert named.parts[5].environment["SAYIT_GATEWAY_NAME"] == "other"


def test_without_a_bridge_there_is_none(options: SuiteOptions) -> None:
    """`--rest none`, and embedded suites."""
    made = plan(dataclasses.replace(options, rest=""))
    assert "bridge" not in [part.name for part in made.parts]
    assert made.rest == ""
