"""What is configured: limits, settings that change, keys, traces; all of it on one suite, a test after the other."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from sayit.client import Client
from sayit.gateway.auth import keys
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import JobState
from sayit.speech.options import Options

from .helper import RECORDINGS, RunningSuite, eventually, repeated, running_suite

if TYPE_CHECKING:
    from conftest import WithGroup

SHORT = RECORDINGS / "ko-8s.flac"


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps the spans it is sent, as (service, trace id, name)."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, bytes, str]] = []

    def Export(self, request: Any, _context: Any) -> Any:  # noqa: N802 - gRPC's name
        """Takes spans."""
        for resource in request.resource_spans:
            service = next(a.value.string_value for a in resource.resource.attributes if a.key == "service.name")
            self.spans += [(service, s.trace_id, s.name) for scope in resource.scope_spans for s in scope.spans]
        return trace_service_pb2.ExportTraceServiceResponse()


@dataclass(frozen=True)
class Configured:
    """A suite with a settings file, a keys file and a collector of traces."""

    suite: RunningSuite
    settings: Path
    keys: Path
    collector: Collector

    def client(self, tenant: str) -> Client:
        """A client with a key of its own."""
        return Client(self.suite.address, api_key=keys.create_key(self.keys, tenant=tenant)[1])


@pytest.fixture(scope="session")
def configured(with_group: WithGroup[Configured], tmp_path_factory: pytest.TempPathFactory) -> Configured:
    """For this module's tests."""
    return with_group("configured", _configured(tmp_path_factory.mktemp("configured")))


@contextmanager
def _configured(folder: Path) -> Iterator[Configured]:
    collector = Collector()
    server = grpc.server(futures.ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    (folder / "settings").write_text("SAYIT_MAX_UPLOAD_MB=3\n")
    keys.create_key(folder / "keys.json", tenant="first")
    environment = {
        "SAYIT_SETTINGS_FILE": str(folder / "settings"),
        "SAYIT_API_KEYS_FILE": str(folder / "keys.json"),
        "SAYIT_MAX_AUDIO_S": "60",
        "SAYIT_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        # Milliseconds after which spans are sent.
        "OTEL_BSP_SCHEDULE_DELAY": "200",
    }
    with running_suite(folder, **environment) as suite:
        yield Configured(suite, folder / "settings", folder / "keys.json", collector)
    server.stop(0)


def test_limits_of_size_and_length(configured: Configured) -> None:
    """Too many bytes are refused while they arrive; too much audio fails the job."""
    with configured.client("limits") as client:
        with pytest.raises(SayItError) as error:
            client.transcribe(repeated("ko-150s", 2))
        assert error.value.kind is ErrorKind.FILE_TOO_LARGE
        assert "3 MB" in error.value.message("ko")
        with pytest.raises(SayItError) as error:
            client.upload(repeated("ko-150s", 2))
        assert error.value.kind is ErrorKind.FILE_TOO_LARGE
        with pytest.raises(SayItError) as error:
            client.transcribe(RECORDINGS / "en-90s.flac")
        assert error.value.kind is ErrorKind.AUDIO_TOO_LONG


def test_keys_separate_tenants(configured: Configured) -> None:
    """With a keys file no client is served without a key, and one tenant's job does not exist for another."""
    with Client(configured.suite.address) as keyless, pytest.raises(SayItError) as error:
        keyless.status()
    assert error.value.kind is ErrorKind.UNAUTHENTICATED
    with configured.client("alice") as a, configured.client("bob") as b:
        job = a.transcribe(SHORT).job
        with pytest.raises(SayItError) as error:
            b.get(job.id)
        assert error.value.kind is ErrorKind.JOB_NOT_FOUND
        assert not list(b.list())
        assert [each.id for each in a.list()] == [job.id]


def read_on(live: ClientConnection) -> None:
    """Reads what a WebSocket says until it ends."""
    while True:
        live.recv(timeout=60)


def test_a_tenant_manages_its_keys(configured: Configured) -> None:
    """An administrator makes a key that works over gRPC and REST; revoked, it is refused and its WebSocket ends."""
    suite = configured.suite
    admin = keys.create_key(configured.keys, tenant="managed", scopes=["admin"])[1]
    with Client(suite.address, api_key=admin) as client:
        made = client.create_key("phone")
        address = suite.rest.replace("http", "ws", 1) + "/v1/listen?encoding=linear16&sample_rate=16000&language=ko"
        with (
            Client(suite.address, api_key=made.secret) as phone,
            connect(address, additional_headers={"Authorization": f"Token {made.secret}"}, proxy=None) as live,
        ):
            live.send(bytes(32_000))
            eventually(lambda: [job.state for job in phone.list()] == [JobState.RECEIVING])
            with pytest.raises(SayItError) as error:
                phone.list_keys()
            assert error.value.kind is ErrorKind.PERMISSION_DENIED
            eventually(lambda: client.list_keys()[0].last_used_at_s is not None)
            client.revoke_key(made.key.id)
            with pytest.raises(ConnectionClosed):
                read_on(live)
            with pytest.raises(SayItError) as error:
                phone.list()
            assert error.value.kind is ErrorKind.UNAUTHENTICATED


def test_one_trace_spans_the_way_of_a_job(configured: Configured) -> None:
    """Gateway, scheduler and transcriber put their spans of one job into one trace, without its text."""
    suite, collector = configured.suite, configured.collector
    with configured.client("traced") as client:
        result = client.transcribe(SHORT, options=Options(language="ko"))
    text = result.transcript.text

    def services() -> set[str]:
        """Of the trace that the gateway's log names for the job."""
        calls = [line for line in suite.log_lines("gateway", "call") if line.get("job_id") == result.job.id]
        traces = {bytes.fromhex(str(line["trace_id"])) for line in calls if str(line["method"]).endswith("/Transcribe")}
        return {service for service, trace, _ in collector.spans if trace in traces}

    eventually(lambda: services() == {"sayit-gateway", "sayit-scheduler", "sayit-transcriber"})
    logs = "".join(path.read_text() for path in (suite.data / "logs").iterdir())
    assert not any(word in name for word in text.split() for _, _, name in collector.spans if len(word) > 1)
    assert text
    assert text not in logs
    assert text.split()[0] not in logs


def test_settings_are_read_again_by_all_parts(configured: Configured) -> None:
    """SIGHUP to `sayit up`: a limit holds at once, what needs a restart is named, no process ends."""
    suite = configured.suite
    pids = [part["pid"] for part in suite.ready["parts"]]
    with configured.client("limited") as client:
        client.create_job(b"\0" * 1_500_000)
        configured.settings.write_text("SAYIT_MAX_UPLOAD_MB=1\nSAYIT_LEASE_S=7\nSAYIT_LOG_LEVEL=debug\n")
        os.kill(suite.supervisor, signal.SIGHUP)
        parts = ("scheduler", "gateway", "transcriber-1", "transcriber-2")
        eventually(lambda: all(suite.log_lines(part, "settings_reloaded") for part in parts))
        with pytest.raises(SayItError) as error:
            client.create_job(b"\0" * 1_500_000)
    assert error.value.kind is ErrorKind.FILE_TOO_LARGE
    (line,) = suite.log_lines("scheduler", "settings_reloaded")
    assert line["in_effect"] == ["SAYIT_LOG_LEVEL", "SAYIT_MAX_UPLOAD_MB"]
    assert line["need_a_restart"] == ["SAYIT_LEASE_S"]
    (line,) = suite.log_lines("gateway", "settings_reloaded")
    assert (line["in_effect"], line["need_a_restart"]) == (["SAYIT_LOG_LEVEL"], [])
    assert [part["pid"] for part in suite.ready["parts"]] == pids
