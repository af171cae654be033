"""What surrounds a call: errors, cancellation, logs, spans, metrics, for all four shapes of calls."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
import structlog
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]  # generated, ships no types
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY, generate_latest

from sayit.chassis import principal, telemetry
from sayit.internal.v1.chunk_service_pb2 import ClaimChunk, RunChunkRequest
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.wire.errors import STATUS_DETAILS_KEY, error_of_call
from sayit.v1.transcription_service_pb2 import CreateJobRequest, GetJobRequest, JobConfig, WatchJobRequest

from .helper import HANDLERS_WAITING, Jobs, Stubs, called, failure, service, settings, stream

_ANNA = principal.Principal(key_id="key-1", tenant="anna")

#: One call of every shape, for an id that says what happens.
SHAPES: dict[str, Callable[[Stubs, str], Any]] = {
    "GetJob": lambda s, what: s.jobs.GetJob(GetJobRequest(job_id=what)),
    "CreateJob": lambda s, what: s.jobs.CreateJob(stream(CreateJobRequest(config=JobConfig(filename=what)))),
    "WatchJob": lambda s, what: s.jobs.WatchJob(WatchJobRequest(job_id=what)),
    "RunChunk": lambda s, what: s.chunks.RunChunk(stream(RunChunkRequest(claim=ClaimChunk(chunk_id=what)))),
}
every_shape = pytest.mark.parametrize("shape", SHAPES)


async def _answers(call: Any) -> list[Any]:
    return [await call] if hasattr(call, "__await__") else [message async for message in call]


@pytest.fixture(autouse=True)
def as_anna() -> Iterator[None]:
    """Every test calls in Anna's name."""
    with principal.use(_ANNA):
        yield


@pytest.fixture
def lines() -> Iterator[list[dict[str, Any]]]:
    """Everything that is logged, as the JSON that would be written."""
    configured = structlog.get_config()
    telemetry.setup("test", settings(log_level="debug"))
    written: list[dict[str, Any]] = []
    handler = next(each for each in logging.getLogger().handlers if hasattr(each.formatter, "foreign_pre_chain"))
    handler.emit = lambda record: written.append(json.loads(handler.format(record)))  # type: ignore[method-assign]  # what a stream would get
    yield written
    logging.getLogger().removeHandler(handler)
    logging.captureWarnings(capture=False)
    structlog.configure(**configured)


def _call_lines(lines: list[dict[str, Any]], shape: str) -> list[dict[str, Any]]:
    return [line for line in lines if line["event"] == "call" and line["method"].endswith(f"/{shape}")]


@every_shape
async def test_principal_reaches_the_handler(shape: str) -> None:
    """The caller's principal is the handler's current one."""
    async with called() as s:
        assert "anna" in str((await _answers(SHAPES[shape](s, "fine")))[0])


async def test_a_refused_stream_keeps_its_reason() -> None:
    """Also where the caller is still sending: asyncio's stubs lose the status of a call whose own write fails."""
    requests = [CreateJobRequest(config=JobConfig(filename="missing")), *[CreateJobRequest(audio=bytes(1 << 20))] * 7]
    async with called() as s:
        errors = [await failure(s.jobs.CreateJob(stream(*requests))) for _ in range(40)]
    assert {error_of_call(error).kind for error in errors} == {ErrorKind.JOB_NOT_FOUND}


@every_shape
async def test_error_arrives_with_details(shape: str) -> None:
    """A SayItError becomes its gRPC code with google.rpc details in both languages, and comes back as itself."""
    async with called() as s:
        error = await failure(SHAPES[shape](s, "missing"))
    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert error.details() == "There is no job missing."
    status = status_pb2.Status.FromString(dict(error.trailing_metadata())[STATUS_DETAILS_KEY])
    assert status.message == error.details()
    texts = {}
    for detail in status.details:
        if detail.Is(error_details_pb2.LocalizedMessage.DESCRIPTOR):
            message = error_details_pb2.LocalizedMessage.FromString(detail.value)
            texts[message.locale] = message.message
    assert texts == {"en": "There is no job missing.", "ko": "작업 missing을(를) 찾을 수 없습니다."}
    known = error_of_call(error)
    assert (known.kind, known.details) == (ErrorKind.JOB_NOT_FOUND, {"job_id": "missing"})


@every_shape
async def test_crash_is_internal_and_leaks_nothing(shape: str, lines: list[dict[str, Any]]) -> None:
    """Any other exception is INTERNAL without its text; the traceback is in the log under the id the client gets."""
    async with called() as s:
        error = await failure(SHAPES[shape](s, "crash"))
    assert error_of_call(error).kind is ErrorKind.INTERNAL
    assert "internal detail" not in str(error)
    assert b"internal detail" not in dict(error.trailing_metadata())[STATUS_DETAILS_KEY]
    crashed = [line for line in lines if line["event"] == "call_crashed"]
    assert len(crashed) == 1
    assert "ValueError: internal detail" in crashed[0]["exception"]
    assert crashed[0]["trace_id"].encode() in dict(error.trailing_metadata())[STATUS_DETAILS_KEY]


@every_shape
async def test_one_canonical_line_per_call(shape: str, lines: list[dict[str, Any]]) -> None:
    """Every call leaves exactly one line that says what, who, how, how long and how much."""
    async with called() as s:
        await _answers(SHAPES[shape](s, "fine"))
    (line,) = _call_lines(lines, shape)
    assert (line["code"], line["key_id"], line["tenant"]) == ("OK", "key-1", "anna")
    assert line["messages_in"] == 1
    assert line["messages_out"] == 1
    assert line["bytes_in"] > 0
    assert line["bytes_out"] > 0
    assert line["seconds"] >= 0
    assert line["service"] == "test"


@every_shape
async def test_cancellation_reaches_the_handler(shape: str, lines: list[dict[str, Any]]) -> None:
    """A call that is cancelled while its handler waits ends there, and its line says CANCELLED."""
    async with called() as s:
        call = SHAPES[shape](s, "wait")
        waiting = asyncio.ensure_future(_answers(call))
        # Not only in flight: cancelled before its handler has read a message, a stream of requests is at its end.
        while not HANDLERS_WAITING:  # noqa: ASYNC110 - seen from outside
            await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        while not _call_lines(lines, shape):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
    assert _call_lines(lines, shape)[0]["code"] == "CANCELLED"


def _method(shape: str) -> str:
    return f"/sayit.internal.v1.{'ChunkService' if shape == 'RunChunk' else 'JobService'}/{shape}"


async def test_generator_is_closed_in_its_own_context() -> None:
    """A streaming handler that is cancelled while it sends runs its `finally` at once, still in the caller's name."""
    jobs = Jobs()
    async with called(jobs) as s:
        call = s.jobs.WatchJob(WatchJobRequest(job_id="endless"))
        async for _ in call:
            break
        call.cancel()
        await asyncio.wait_for(jobs.closed.wait(), 5)
    assert jobs.closed_as == _ANNA


async def test_passed_deadline_is_named(lines: list[dict[str, Any]]) -> None:
    """A call whose deadline passes says DEADLINE_EXCEEDED in its line, not CANCELLED."""
    async with called() as s:
        error = await failure(s.jobs.GetJob(GetJobRequest(job_id="wait"), timeout=0.1))
        while not _call_lines(lines, "GetJob"):  # noqa: ASYNC110 - seen from outside
            await asyncio.sleep(0.01)
    assert error_of_call(error).kind is ErrorKind.DEADLINE_EXCEEDED
    assert _call_lines(lines, "GetJob")[0]["code"] == "DEADLINE_EXCEEDED"


async def test_bound_fields_are_in_the_line(lines: list[dict[str, Any]]) -> None:
    """What a handler binds, its line carries, and the next call's line does not."""
    async with called() as s:
        await s.jobs.GetJob(GetJobRequest(job_id="job-7"))
        await failure(s.jobs.GetJob(GetJobRequest(job_id="missing")))
    first, second = _call_lines(lines, "GetJob")
    assert first["job_id"] == "job-7"
    assert "job_id" not in second
    assert second["error"] == "JOB_NOT_FOUND"


async def test_health_checks_are_quiet(lines: list[dict[str, Any]]) -> None:
    """A supervisor that asks every second does not fill the log."""
    from grpc_health.v1 import health_pb2, health_pb2_grpc  # noqa: PLC0415 - only here

    async with called() as s:
        stub: Any = health_pb2_grpc.HealthStub(s.channel)
        await stub.Check(health_pb2.HealthCheckRequest())
    assert [line["level"] for line in _call_lines(lines, "Check")] == ["debug"]


async def test_what_parts_ask_all_the_time_is_quiet_until_it_fails(
    lines: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An idle suite's reports and checks are logged at debug; one that fails is seen."""
    monkeypatch.setattr("sayit.chassis.interceptors._PERIODIC", ("/GetJob",))
    async with called() as s:
        await s.jobs.GetJob(GetJobRequest(job_id="job-7"))
        await failure(s.jobs.GetJob(GetJobRequest(job_id="missing")))
    assert [line["level"] for line in _call_lines(lines, "GetJob")] == ["debug", "info"]


async def test_refusal_of_an_interceptor_is_an_error_like_any_other(lines: list[dict[str, Any]]) -> None:
    """An interceptor refuses by raising; the client gets details and the log gets its line, whatever the shape."""

    class Refusing(grpc.aio.ServerInterceptor):
        async def intercept_service(self, continuation: Any, details: Any) -> Any:
            raise SayItError(ErrorKind.RATE_LIMITED, retry_after_s=1.5)

    async with called(interceptors=[Refusing()]) as s:
        # Streams without a message: gRPC's client forgets why a call ended to which it still writes (grpc/grpc#36066).
        calls = (SHAPES["GetJob"](s, "fine"), s.jobs.CreateJob(), SHAPES["WatchJob"](s, "fine"), s.chunks.RunChunk())
        for call in calls:
            error = error_of_call(await failure(call))
            assert (error.kind, error.retry_after_s) == (ErrorKind.RATE_LIMITED, 1.5)
    assert [_call_lines(lines, shape)[0]["code"] for shape in SHAPES] == ["RESOURCE_EXHAUSTED"] * len(SHAPES)


async def test_failed_inner_call_fails_the_outer_one() -> None:
    """A handler that does not catch another service's error passes it on; our own lack of rights is INTERNAL."""

    class Relaying(Jobs):
        def __init__(self, inner: Stubs) -> None:
            super().__init__()
            self._inner = inner

        async def GetJob(self, request: Any, context: Any) -> Any:  # noqa: N802 - the proto's name
            return await self._inner.jobs.GetJob(request, metadata=[("sayit-internal-secret", request.job_id)])

    async with called() as inner, called(Relaying(inner)) as outer:
        error = error_of_call(await failure(outer.jobs.GetJob(GetJobRequest(job_id="missing"))))
        assert error.kind is ErrorKind.JOB_NOT_FOUND
    async with (
        service(Jobs(), secret="s") as distrustful,
        grpc.aio.insecure_channel(distrustful.address) as channel,
        called(Relaying(Stubs(channel))) as outer,
    ):
        error = error_of_call(await failure(outer.jobs.GetJob(GetJobRequest(job_id="wrong"))))
        assert error.kind is ErrorKind.INTERNAL


async def test_made_up_methods_do_not_grow_the_metrics() -> None:
    """A refused call to a method that does not exist is counted, but under no name of its own."""

    class Refusing(grpc.aio.ServerInterceptor):
        async def intercept_service(self, continuation: Any, details: Any) -> Any:
            raise SayItError(ErrorKind.UNAUTHENTICATED)

    async with called(interceptors=[Refusing()]) as s:
        await failure(s.channel.unary_unary("/made.up.Service/Name")(b""))
    assert "made.up" not in generate_latest().decode()
    assert REGISTRY.get_sample_value("sayit_grpc_calls_total", {"method": "unknown", "code": "UNAUTHENTICATED"})


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """The spans that end."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    telemetry._tracing.replace(provider, collected=True)
    yield exporter
    telemetry._tracing.replace(TracerProvider(shutdown_on_exit=False), collected=False)


async def test_span_continues_the_callers_trace(spans: InMemorySpanExporter) -> None:
    """A call has one span, the child of the span in which it was made, named after the method."""
    with telemetry.span_from("", "outer") as outer:
        async with called() as s:
            job = await s.jobs.GetJob(GetJobRequest(job_id="job-7"))
    (span,) = [each for each in spans.get_finished_spans() if each.name.endswith("GetJob")]
    assert isinstance(span, ReadableSpan)
    assert span.name == "sayit.internal.v1.JobService/GetJob"
    assert span.parent is not None
    assert span.parent.span_id == outer.get_span_context().span_id
    assert span.context is not None
    assert format(span.context.span_id, "016x") in job.filename
    assert (span.attributes or {})["sayit.job_id"] == "job-7"


async def test_calls_are_counted() -> None:
    """Calls are counted by method and code, timed, and no longer in flight when they are over."""

    def count(code: str) -> float:
        labels = {"method": _method("WatchJob"), "code": code}
        return REGISTRY.get_sample_value("sayit_grpc_calls_total", labels) or 0.0

    before = count("OK"), count("NOT_FOUND")
    async with called() as s:
        await _answers(SHAPES["WatchJob"](s, "fine"))
        await failure(SHAPES["WatchJob"](s, "missing"))
    assert (count("OK"), count("NOT_FOUND")) == (before[0] + 1, before[1] + 1)
    assert REGISTRY.get_sample_value("sayit_grpc_calls_in_flight", {"method": _method("WatchJob")}) == 0
    assert REGISTRY.get_sample_value("sayit_grpc_call_seconds_count", {"method": _method("WatchJob")})
