"""Logs, traces and metrics of a process."""

from __future__ import annotations

import json
import logging
import urllib.request
from collections.abc import Iterator
from concurrent import futures
from typing import Any

import grpc
import pytest
import structlog
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from sayit.chassis import telemetry
from sayit.chassis.start import StartError

from .helper import settings


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Undoes what setup does to the process."""
    before = list(logging.getLogger().handlers), logging.getLogger().level
    configured = structlog.get_config()
    yield
    logging.getLogger().handlers, level = before[0], before[1]
    logging.getLogger().setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.configure(**configured)


def test_log_is_json_unless_a_person_reads_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal a line is one JSON object on standard error, from structlog and from logging alike."""
    telemetry.setup("toy", settings(log_format="auto"))
    telemetry.logger().info("done", text="한국어")
    logging.getLogger("library").warning("library %s", "speaks")
    logging.getLogger("library").info("nobody needs this")
    captured = capsys.readouterr()
    assert captured.out == ""
    first, second = map(json.loads, captured.err.splitlines())
    assert (first["event"], first["level"], first["service"], first["text"]) == ("done", "info", "toy", "한국어")
    assert (second["event"], second["level"], second["service"]) == ("library speaks", "warning", "toy")
    assert "한국어" in captured.err


def test_console_format(capsys: pytest.CaptureFixture[str]) -> None:
    """Asked for by name, the console's form is used also without a terminal, without colours."""
    telemetry.setup("toy", settings(log_format="console"))
    telemetry.logger().info("done", seconds=1)
    errors = capsys.readouterr().err
    assert "done" in errors
    assert "seconds=1" in errors
    assert "\x1b" not in errors


def test_a_traceback_on_the_console_shows_no_values(capsys: pytest.CaptureFixture[str]) -> None:
    """Where it happened, and none of the variables there: they may be what was said, or a key."""
    telemetry.setup("toy", settings(log_format="console"))
    said = "hush" + "-hush"
    try:
        int("x" * len(said))
    except ValueError:
        telemetry.logger().exception("it_broke")
    printed = capsys.readouterr().err
    assert "test_a_traceback_on_the_console_shows_no_values" in printed
    assert "ValueError: invalid literal" in printed
    assert "hush-hush" not in printed


def test_level(capsys: pytest.CaptureFixture[str]) -> None:
    """Lines below the level are not written."""
    telemetry.setup("toy", settings(log_level="error"))
    telemetry.logger().warning("quiet")
    telemetry.logger().error("loud")
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["loud"]


def test_lines_within_a_span_name_its_trace(capsys: pytest.CaptureFixture[str]) -> None:
    """A line can be found by its trace."""
    telemetry.setup("toy", settings())
    with telemetry.span_from("", "work") as span:
        telemetry.logger().info("inside")
    telemetry.logger().info("outside")
    inside, outside = map(json.loads, capsys.readouterr().err.splitlines())
    assert inside["trace_id"] == format(span.get_span_context().trace_id, "032x")
    assert "trace_id" not in outside


def test_traceparent_crosses_processes() -> None:
    """A span that continues a traceparent is in the same trace; nonsense starts a new one."""
    assert telemetry.traceparent() == ""
    with telemetry.span_from("", "here") as here:
        passed_on = telemetry.traceparent()
    with telemetry.span_from(passed_on, "there") as there:
        assert there.get_span_context().trace_id == here.get_span_context().trace_id
    with telemetry.span_from("nonsense", "elsewhere") as elsewhere:
        assert elsewhere.get_span_context().is_valid


def test_empty_traceparent_starts_a_trace_anywhere() -> None:
    """Work that continues nothing does not join the trace that happens to be current."""
    with telemetry.span_from("", "first") as first, telemetry.span_from("", "second") as second:
        assert first.get_span_context().trace_id != second.get_span_context().trace_id


def test_bind_outside_of_a_call_does_nothing() -> None:
    """Use cases may bind fields without knowing whether a call is behind them."""
    telemetry.bind(job_id="job-1")


def test_metrics_are_served_and_stop() -> None:
    """/metrics answers while the block runs, and the port is free afterwards."""
    with telemetry.serve_metrics("127.0.0.1:0") as address:
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
            assert b"sayit_grpc_calls_in_flight" in answer.read() or answer.status == 200
        with pytest.raises(StartError, match="address already in use"), telemetry.serve_metrics(address):
            pass
    with telemetry.serve_metrics(address):
        pass


def test_metrics_can_be_off() -> None:
    """No address, no server."""
    with telemetry.serve_metrics("") as address:
        assert address == ""


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """An OTLP collector that keeps names."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, str]] = []

    def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 - the proto's name
        """Keeps the service's and the span's name."""
        for resource in request.resource_spans:
            service = next(a.value.string_value for a in resource.resource.attributes if a.key == "service.name")
            self.spans += [(service, span.name) for scope in resource.scope_spans for span in scope.spans]
        return trace_service_pb2.ExportTraceServiceResponse()


def test_spans_reach_the_collector_at_the_end() -> None:
    """With a collector set, spans are sent, the last ones by shutdown, and histograms may name their trace."""
    collector = Collector()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        telemetry.setup("toy", settings(otlp_endpoint=f"http://127.0.0.1:{port}"))
        with telemetry.span_from("", "work"):
            assert telemetry.exemplar() == {"trace_id": telemetry.traceparent().split("-")[1]}
        assert telemetry.exemplar() is None
        telemetry.shutdown()
    finally:
        server.stop(0).wait()
        telemetry.setup("toy", settings())
    with telemetry.span_from("", "work"):
        assert telemetry.exemplar() is None
    assert collector.spans == [("sayit-toy", "work")]
