"""`sayit keys` on a database, and on a service."""

# ruff: noqa: D102, N802 - the methods are the proto's, which names and documents them

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pytest
from typer.testing import CliRunner

from sayit.cli.application import app
from sayit.v1 import key_service_pb2 as pb
from sayit.v1 import key_service_pb2_grpc


def sayit(*arguments: str, status: int = 0) -> str:
    """What the command prints on standard output."""
    result = CliRunner().invoke(app, list(arguments))
    found = getattr(result.exception, "status", result.exit_code) if result.exception else result.exit_code
    assert found == status, (result.output, result.exception)
    return result.stdout


def test_a_database_that_is_made_for_keys_is_its_users_alone(tmp_path: Path) -> None:
    """Before a suite ever ran, whatever the user's umask says; what an earlier version let others read is repaired."""
    data = tmp_path / "data"
    before = os.umask(0o022)
    try:
        sayit("keys", "create", "--data", str(data))
        assert data.stat().st_mode & 0o777 == 0o700
        assert {file.stat().st_mode & 0o777 for file in data.iterdir()} == {0o600}
        (data / "sayit.db").chmod(0o644)
        sayit("keys", "list", "--data", str(data))
        assert (data / "sayit.db").stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(before)


@pytest.mark.parametrize("command", [("keys", "list"), ("audit",), ("webhooks", "list"), ("backup", "there.tar")])
def test_wrong_settings_are_a_line_without_their_values(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A value may be a secret."""
    monkeypatch.setenv("SAYIT_WEBHOOK_SECRETS", "short-but-secret")
    monkeypatch.setenv("SAYIT_DATABASE_URL", "postgresql://sayit:also-secret@db/sayit")
    monkeypatch.setenv("SAYIT_STORAGE_URL", "nowhere")
    result = CliRunner().invoke(app, [*command, "--data", str(tmp_path)])
    said = result.output + capsys.readouterr().err
    assert result.exit_code == 2, said
    assert "SAYIT_WEBHOOK_SECRETS" in said
    assert "secret@" not in said
    assert "short-but" not in said


@pytest.mark.parametrize("command", ["audit", "webhooks list"])
def test_a_database_that_is_not_there_is_not_made(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said to be missing, not the service to be unavailable."""
    monkeypatch.setenv("SAYIT_WEBHOOK_SECRETS", "s" * 32)
    result = CliRunner().invoke(app, [*command.split(), "--data", str(tmp_path)])
    assert result.exit_code == 1, result.output
    assert "There is no database at" in result.output
    assert not list(tmp_path.iterdir())


def test_keys_of_a_database_are_made_listed_rotated_and_revoked(tmp_path: Path) -> None:
    """Before a suite ever ran; what a key reads is printed once, alone; the log says that the operator did it."""
    data = ("--data", str(tmp_path / "data"))
    made = sayit("keys", "create", *data, "--tenant", "app", "--scope", "read", "--from", "10.0.0.0/8", "--days", "2")
    secret = made.strip()
    assert secret.startswith("sayit_")
    key_id = secret.split("_")[1]
    [listed] = json.loads(sayit("keys", "list", *data, "--json"))
    assert (listed["id"], listed["tenant"], listed["scopes"], listed["addresses"]) == (
        key_id,
        "app",
        ["read"],
        ["10.0.0.0/8"],
    )
    assert listed["expires"]
    assert (listed["revoked"], listed["last_used"]) == (None, None)
    assert secret not in sayit("keys", "list", *data)
    second = json.loads(sayit("keys", "rotate", key_id, *data, "--overlap", "1", "--json"))
    assert second["tenant"] == "app"
    assert sayit("keys", "revoke", key_id, *data).startswith(f"{key_id}: revoked")
    ended, new = json.loads(sayit("keys", "list", *data, "--json"))
    assert (bool(ended["revoked"]), new["id"], new["revoked"]) == (True, second["id"], None)
    rows = [json.loads(line) for line in sayit("audit", *data).splitlines()]
    assert [(row["action"], row["key_id"]) for row in rows] == [
        ("key.create", "operator"),
        ("key.rotate", "operator"),
        ("key.revoke", "operator"),
    ]


def test_a_key_that_signs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is made where the installation has a secret for it, and in the database only."""
    data = ("--data", str(tmp_path))
    sayit("keys", "create", *data, "--signed", status=1)
    monkeypatch.setenv("SAYIT_SIGNING_SECRETS", "s" * 32)
    assert sayit("keys", "create", *data, "--signed").startswith("sayitsig_")
    sayit("keys", "create", *data, "--signed", "--file", str(tmp_path / "keys.json"), status=2)
    assert [one["signed"] for one in json.loads(sayit("keys", "list", *data, "--json"))] == [True]


def test_what_cannot_be_done_is_told(tmp_path: Path) -> None:
    """A key that is not there, a network that is none, a file that is not named: nothing is changed."""
    data = ("--data", str(tmp_path))
    sayit("keys", "revoke", "none", *data, status=1)
    sayit("keys", "rotate", "none", *data, status=1)
    sayit("keys", "create", *data, "--from", "home", status=1)
    sayit("keys", "list", *data, "--in", "file", status=2)
    assert json.loads(sayit("keys", "list", *data, "--json")) == []


class Service(key_service_pb2_grpc.KeyServiceServicer):
    """A gateway that knows one key."""

    def __init__(self) -> None:
        self.credentials: list[Any] = []
        self.requests: list[Any] = []

    def _note(self, request: Any, context: Any) -> None:
        self.requests.append(request)
        self.credentials.append(dict(context.invocation_metadata()).get("authorization"))

    def CreateKey(self, request: Any, context: Any) -> pb.CreateKeyResponse:
        self._note(request, context)
        return pb.CreateKeyResponse(key=pb.ApiKey(id="k1", tenant="mine", name=request.name), secret="sayit_k1_s")

    def ListKeys(self, request: Any, context: Any) -> pb.ListKeysResponse:
        self._note(request, context)
        return pb.ListKeysResponse(keys=[pb.ApiKey(id="k1", tenant="mine")])

    def RevokeKey(self, request: Any, context: Any) -> pb.ApiKey:
        self._note(request, context)
        key = pb.ApiKey(id=request.key_id)
        key.revoke_time.seconds = 1
        return key

    def RotateKey(self, request: Any, context: Any) -> pb.CreateKeyResponse:
        self._note(request, context)
        return pb.CreateKeyResponse(key=pb.ApiKey(id="k2"), secret="sayit_k2_s")


@pytest.fixture
def service() -> Iterator[tuple[Service, str]]:
    """A gateway that runs, and its address."""
    made = Service()
    server = grpc.server(futures.ThreadPoolExecutor(2))
    key_service_pb2_grpc.add_KeyServiceServicer_to_server(made, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield made, f"127.0.0.1:{port}"
    ended = server.stop(None)
    assert isinstance(ended, threading.Event)
    ended.wait()


def test_keys_of_ones_own_tenant_are_managed_through_the_service(service: tuple[Service, str]) -> None:
    """With the caller's own key, which says the tenant."""
    made, address = service
    there = ("--in", "service", "--server", address, "--api-key", "sayit_admin_x")
    assert sayit("keys", "create", *there, "--name", "phone", "--days", "1").strip() == "sayit_k1_s"
    assert (made.requests[0].name, made.requests[0].valid_for.seconds) == ("phone", 86_400)
    assert json.loads(sayit("keys", "list", *there, "--json"))[0]["id"] == "k1"
    assert sayit("keys", "revoke", "k1", *there).startswith("k1: revoked 1970")
    assert sayit("keys", "rotate", "k1", *there, "--overlap", "2").strip() == "sayit_k2_s"
    assert made.requests[-1].overlap.seconds == 7200
    assert set(made.credentials) == {"Bearer sayit_admin_x"}


def test_a_service_that_is_not_there_is_told() -> None:
    """As for every command that needs one."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    result = CliRunner().invoke(app, ["keys", "list", "--in", "service", "--server", address])
    assert result.exit_code != 0
