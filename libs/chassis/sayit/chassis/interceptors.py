"""Wraps every served call: its span, its errors, its canonical log line, its metrics.

One interceptor does all of it, because each part needs to know what the others found out: the log line needs the code
that the error became, the span needs the code, the metrics need the duration.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from typing import Any

import grpc
import prometheus_client
from opentelemetry import trace

from sayit.chassis import principal, telemetry
from sayit.chassis.errors import KIND_TO_GRPC, status_of
from sayit.chassis.handlers import Behavior, Deserialize, Handler, Serialize, SlowReaderError, failing, rebuilt
from sayit.chassis.principal import Principal
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.wire.errors import STATUS_DETAILS_KEY, error_of_call

#: Metadata of the W3C trace context.
TRACEPARENT_KEY = "traceparent"

#: Characters of a method's name that are logged: a client can send any name.
_LONGEST_NAME = 200

#: How long the status of a call may take whose caller does not read; it arrives when they do.
_STATUS_S = 1.0

#: What a caller is still sending when a call of theirs fails is read for so long, up to so much, until they pause.
_READING_ON_S = 0.5
_READING_ON_BYTES = 8 << 20
_PAUSE_S = 0.05

#: Services that a supervisor or a tool asks: open without a key, and quiet in the log.
OPEN_SERVICES = ("/grpc.health.", "/grpc.reflection.")

#: Calls that parts make every few seconds for as long as they live: they are logged where they fail.
_PERIODIC = ("/sayit.internal.v1.ChunkService/Report", "/GetStatus")

_CALLS = prometheus_client.Counter("sayit_grpc_calls", "Served calls by method and code.", ["method", "code"])
_SECONDS = prometheus_client.Histogram(
    "sayit_grpc_call_seconds",
    "Duration of served calls by method.",
    ["method"],
    buckets=(0.005, 0.02, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800),
)
_IN_FLIGHT = prometheus_client.Gauge("sayit_grpc_calls_in_flight", "Calls being served now.", ["method"])
_BYTES = prometheus_client.Counter(
    "sayit_grpc_bytes", "Bytes of messages by method and direction.", ["method", "direction"]
)


def is_open(method: str) -> bool:
    """Whether a method, "/package.Service/Method", needs no credentials: health and reflection."""
    return method.startswith(OPEN_SERVICES)


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Wraps every call; it stands first, so that it also sees what other interceptors refuse by raising SayItError.

    Args:
        resumable: methods whose calls need not end by themselves when the server stops.
        slow_reader_s: calls end whose caller leaves a message unread for so long. 0: never.
    """

    def __init__(self, *, resumable: Collection[str] = (), slow_reader_s: float = 0.0) -> None:
        self._slow_reader_s = slow_reader_s
        #: Methods that exist: metrics have no other labels, or clients could make them grow without end.
        self._served: set[str] = set()
        self._resumable = frozenset(resumable)
        self._running: set[_Call] = set()

    def cut_off_resumable(self) -> None:
        """Ends the running calls of resumable methods with UNAVAILABLE: their clients go on elsewhere or later."""
        for call in list(self._running):
            if call.method in self._resumable:
                call.cut_off(SayItError(ErrorKind.UNAVAILABLE, retry_after_s=1.0, cause="the server stops"))

    def callers(self) -> set[Principal]:
        """Those who have calls that run."""
        return {call.principal for call in self._running if call.principal is not None}

    def cut_off_of(self, principals: Callable[[Principal], bool], error: SayItError) -> None:
        """Ends the running calls of some callers with this error."""
        for call in list(self._running):
            if call.principal is not None and principals(call.principal):
                call.cut_off(error)

    async def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]], details: grpc.HandlerCallDetails
    ) -> Any:
        """Returns this one call's handler; it runs in the same task, so context variables set here are seen there."""
        method = str(details.method)
        principal.bind(None)
        try:
            handler = await continuation(details)
        except SayItError as error:
            handler = failing(error)
        else:
            if handler is None:
                return None
            self._served.add(method)
        metadata = dict(details.invocation_metadata or ())
        call = _Call(method, str(metadata.get(TRACEPARENT_KEY, "")), known=method in self._served)
        return call.wrap(handler, self._running, self._slow_reader_s)


class _Call:
    """One served call: counts its messages and records its outcome."""

    def __init__(self, method: str, traceparent: str, *, known: bool) -> None:
        self.method = method[:_LONGEST_NAME]
        self.principal: Principal | None = None
        self._label = method if known else "unknown"
        self._traceparent = traceparent
        self._task: asyncio.Task[Any] | None = None
        self._cut_off: SayItError | None = None
        self._requests_stream = False
        self._started = time.monotonic()
        self._bytes_in = self._bytes_out = self._messages_in = self._messages_out = 0

    def cut_off(self, error: SayItError) -> None:
        """Ends the call with this error."""
        if self._task is not None and self._cut_off is None:
            self._cut_off = error
            self._task.cancel()

    def wrap(self, handler: Handler, registry: set[_Call], slow_reader_s: float) -> Handler:
        """The same handler with everything of this module around it; the call is in the registry while it runs."""
        self._requests_stream = bool(handler.request_streaming)
        read, write = self._counting(handler.request_deserializer, handler.response_serializer)
        return rebuilt(
            handler, lambda behavior: self._around(behavior, registry), read, write, slow_reader_s=slow_reader_s
        )

    def _counting(self, read: Any, write: Any) -> tuple[Deserialize, Serialize]:
        """Counts where bytes are bytes: asking a message for its size would serialize it once more.

        A handler may return or yield a message that is serialized already: it is sent as it is.
        """

        def counting_read(data: bytes) -> Any:
            self._bytes_in += len(data)
            self._messages_in += 1
            return read(data) if read else data

        def counting_write(message: Any) -> bytes:
            data: bytes = message if isinstance(message, bytes) else write(message)
            self._bytes_out += len(data)
            self._messages_out += 1
            return data

        return counting_read, counting_write

    def _around(self, behavior: Behavior, registry: set[_Call]) -> Behavior:
        async def call(request: Any, context: Any) -> Any:
            with (
                _IN_FLIGHT.labels(self._label).track_inprogress(),
                telemetry.call_fields() as fields,
                telemetry.span_from(self._traceparent, self.method.lstrip("/"), kind=trace.SpanKind.SERVER) as span,
            ):
                code = "UNKNOWN"
                try:
                    self._task, self.principal = asyncio.current_task(), principal.current_or_none()
                    registry.add(self)
                    try:
                        response = await behavior(request, context)
                    finally:
                        registry.discard(self)
                    code = _code_name(context)
                    return response
                except asyncio.CancelledError:
                    if self._cut_off is None:
                        code = "DEADLINE_EXCEEDED" if _deadline_passed(context) else "CANCELLED"
                        raise
                    code = await self._fail(self._cut_off, context, span)
                except grpc.aio.AbortError:
                    code = _code_name(context)
                    raise
                except Exception as error:  # noqa: BLE001 - whatever a handler raises has to become a status
                    code = await self._fail(error, context, span)
                finally:
                    self._finish(code, fields, span)

        return call

    async def _fail(self, error: Exception, context: Any, span: trace.Span) -> str:
        """Ends the call with what the caller may know of an exception; returns the code's name."""
        known = self._known(error)
        telemetry.bind(error=known.code, **({"cause": known.cause} if known.cause else {}))
        code = KIND_TO_GRPC[known.kind]
        status = status_of(known, request_id=_trace_id(span) if known.kind is ErrorKind.INTERNAL else "")
        if self._requests_stream and self.principal is not None and self._cut_off is None:
            await self._read_on(context)
        with suppress(
            grpc.aio.AbortError, TimeoutError
        ):  # the first: how gRPC leaves a handler; nothing is left to run
            async with asyncio.timeout(_STATUS_S if isinstance(error, SlowReaderError) else None):
                await context.abort(code, status.message, ((STATUS_DETAILS_KEY, status.SerializeToString()),))
        return code.name

    async def _read_on(self, context: Any) -> None:
        """Reads what the caller is sending: asyncio's stubs lose the status where their own write fails (grpc#36066).

        Little, and for callers with a key alone: what is sent to a call that has failed is of no other use.
        """
        most = self._bytes_in + _READING_ON_BYTES
        with suppress(Exception):  # whatever they send: the call has failed already
            async with asyncio.timeout(_READING_ON_S):
                while self._bytes_in < most:
                    if await asyncio.wait_for(context.read(), _PAUSE_S) is grpc.aio.EOF:
                        return

    def _known(self, error: Exception) -> SayItError:
        """What the caller may know of an exception; what it may not goes into the log."""
        if isinstance(error, SlowReaderError):
            return SayItError(ErrorKind.UNAVAILABLE, retry_after_s=1.0, cause=str(error))
        if isinstance(error, SayItError):
            return error
        if isinstance(error, grpc.aio.AioRpcError):  # a call of ours to another service failed, so this one does
            known = error_of_call(error)
            if known.kind is ErrorKind.UNAVAILABLE and known.retry_after_s is None:
                known.retry_after_s = 1.0  # the other service is gone without saying when it comes back
            ours = known.kind in {ErrorKind.UNAUTHENTICATED, ErrorKind.PERMISSION_DENIED}  # our secret, not their key
            return SayItError(ErrorKind.INTERNAL, cause=f"another service said: {known}") if ours else known
        telemetry.logger().error("call_crashed", method=self.method, exc_info=error)
        return SayItError(ErrorKind.INTERNAL, cause=type(error).__name__)

    def _finish(self, code: str, fields: Mapping[str, object], span: trace.Span) -> None:
        seconds = time.monotonic() - self._started
        _CALLS.labels(self._label, code).inc()
        _SECONDS.labels(self._label).observe(seconds, telemetry.exemplar())
        _BYTES.labels(self._label, "in").inc(self._bytes_in)
        _BYTES.labels(self._label, "out").inc(self._bytes_out)
        span.set_attribute("rpc.system", "grpc")
        span.set_attribute("rpc.grpc.status", code)
        if code not in {"OK", "CANCELLED"}:
            span.set_status(trace.StatusCode.ERROR)
        who = principal.current_or_none()
        logger = telemetry.logger()
        quiet = is_open(self.method) or (code == "OK" and self.method.endswith(_PERIODIC))
        write = logger.debug if quiet else logger.error if code == "INTERNAL" else logger.info
        own = {
            "method": self.method,
            "code": code,
            "key_id": who.key_id if who else "",
            "tenant": who.tenant if who else "",
            "seconds": round(seconds, 4),
            "bytes_in": self._bytes_in,
            "bytes_out": self._bytes_out,
            "messages_in": self._messages_in,
            "messages_out": self._messages_out,
        }
        write("call", **{**fields, **own})


def _code_name(context: Any) -> str:
    """The status a handler set on the context; OK where it set none."""
    code = context.code()
    if isinstance(code, grpc.StatusCode):
        return code.name
    return next((known.name for known in grpc.StatusCode if known.value[0] == code), "OK")


def _deadline_passed(context: Any) -> bool:
    remaining = context.time_remaining()
    return remaining is not None and remaining <= 0


def _trace_id(span: trace.Span) -> str:
    return trace.format_trace_id(span.get_span_context().trace_id)
