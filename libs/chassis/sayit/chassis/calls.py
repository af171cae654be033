"""What happens around every served call: its span, its errors, its canonical log line, its metrics.

One interceptor does all of it, because each part needs to know what the others found out: the log line needs the code
that the error became, the span needs the code, the metrics need the duration. Handlers are async functions or async
generators; a generator is driven from a coroutine here, so that cancellation arrives in the call's own task and the
generator's `finally` blocks run at once, in the call's own context.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeAlias

import grpc
import prometheus_client
from opentelemetry import trace

from sayit.chassis import principal, telemetry
from sayit.chassis.errors import KIND_TO_GRPC, STATUS_DETAILS_KEY, error_of_call, status_of
from sayit.speech.errors import ErrorKind, SayItError

#: Metadata of the W3C trace context.
TRACEPARENT_KEY = "traceparent"

#: Services that a supervisor or a tool asks: open without a key, and quiet in the log.
OPEN_SERVICES = ("/grpc.health.", "/grpc.reflection.")

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

_Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
_Behavior = Callable[[Any, Any], Any]
_Serialize = Callable[[Any], bytes]
_Deserialize = Callable[[bytes], Any]

#: By whether the request is a stream: what makes a handler with a single response, and with a stream of them.
_MAKE_UNARY = {False: grpc.unary_unary_rpc_method_handler, True: grpc.stream_unary_rpc_method_handler}
_MAKE_STREAMING = {False: grpc.unary_stream_rpc_method_handler, True: grpc.stream_stream_rpc_method_handler}


def is_open(method: str) -> bool:
    """Whether a method, "/package.Service/Method", needs no credentials: health and reflection."""
    return method.startswith(OPEN_SERVICES)


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Wraps every call; it stands first, so that it also sees what other interceptors refuse by raising SayItError."""

    async def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]], details: grpc.HandlerCallDetails
    ) -> Any:
        """Returns this one call's handler; it runs in the same task, so context variables set here are seen there."""
        method = str(details.method)
        principal.bind(None)
        try:
            handler = await continuation(details)
        except SayItError as error:
            handler = _refusing(error)
        if handler is None:
            return None
        metadata = dict(details.invocation_metadata or ())
        return _Call(method, str(metadata.get(TRACEPARENT_KEY, ""))).wrap(handler)


def _refusing(error: SayItError) -> _Handler:
    """A handler for a call of any shape that reads nothing and fails."""

    async def refuse(_requests: Any, _context: Any) -> None:
        raise error

    return grpc.stream_stream_rpc_method_handler(refuse)


class _Call:
    """One served call: counts its messages and says at the end how it went."""

    def __init__(self, method: str, traceparent: str) -> None:
        self._method = method
        self._traceparent = traceparent
        self._started = time.monotonic()
        self._bytes_in = self._bytes_out = self._messages_in = self._messages_out = 0

    def wrap(self, handler: _Handler) -> _Handler:
        """The same handler with everything of this module around it."""
        read, write = self._counting(handler.request_deserializer, handler.response_serializer)
        behavior: Any
        make: Any
        if handler.response_streaming:
            behavior = _streaming(handler.stream_stream or handler.unary_stream, write)
            make = _MAKE_STREAMING[bool(handler.request_streaming)]
        else:
            behavior = _single(handler.stream_unary or handler.unary_unary, write)
            make = _MAKE_UNARY[bool(handler.request_streaming)]
        # Without a serializer gRPC sends the bytes as they are; they are made inside, where they can be counted.
        wrapped: _Handler = make(self._around(behavior), request_deserializer=read)
        return wrapped

    def _counting(self, read: Any, write: Any) -> tuple[_Deserialize, _Serialize]:
        """Counts where bytes are bytes: asking a message for its size would serialize it once more."""

        def counting_read(data: bytes) -> Any:
            self._bytes_in += len(data)
            self._messages_in += 1
            return read(data) if read else data

        def counting_write(message: Any) -> bytes:
            data: bytes = write(message) if write else message
            self._bytes_out += len(data)
            self._messages_out += 1
            return data

        return counting_read, counting_write

    def _around(self, behavior: _Behavior) -> _Behavior:
        async def call(request: Any, context: Any) -> Any:
            with (
                _IN_FLIGHT.labels(self._method).track_inprogress(),
                telemetry.call_fields() as fields,
                telemetry.span_from(self._traceparent, self._method.lstrip("/"), kind=trace.SpanKind.SERVER) as span,
            ):
                code, extra = "UNKNOWN", {}
                try:
                    response = await behavior(request, context)
                    code = _code_name(context)
                    return response
                except asyncio.CancelledError:
                    code = "DEADLINE_EXCEEDED" if _deadline_passed(context) else "CANCELLED"
                    raise
                except grpc.aio.AbortError:
                    code = _code_name(context)
                    raise
                except Exception as error:  # noqa: BLE001 - whatever a handler raises has to become a status
                    known = self._known(error)
                    code, extra = KIND_TO_GRPC[known.kind].name, _error_fields(known)
                    request_id = _trace_id(span) if known.kind is ErrorKind.INTERNAL else ""
                    status = status_of(known, request_id=request_id)
                    await context.abort(
                        KIND_TO_GRPC[known.kind], status.message, ((STATUS_DETAILS_KEY, status.SerializeToString()),)
                    )
                finally:
                    self._finish(code, {**fields, **extra}, span)

        return call

    def _known(self, error: Exception) -> SayItError:
        """What the caller may know of an exception; what it may not goes into the log."""
        if isinstance(error, SayItError):
            return error
        if isinstance(error, grpc.aio.AioRpcError):  # a call of ours to another service failed, so this one does
            known = error_of_call(error)
            ours = known.kind in {ErrorKind.UNAUTHENTICATED, ErrorKind.PERMISSION_DENIED}  # our secret, not their key
            return SayItError(ErrorKind.INTERNAL, cause=f"another service said: {known}") if ours else known
        telemetry.logger().error("call_crashed", method=self._method, exc_info=error)
        return SayItError(ErrorKind.INTERNAL, cause=type(error).__name__)

    def _finish(self, code: str, fields: dict[str, object], span: trace.Span) -> None:
        seconds = time.monotonic() - self._started
        _CALLS.labels(self._method, code).inc()
        _SECONDS.labels(self._method).observe(seconds)
        _BYTES.labels(self._method, "in").inc(self._bytes_in)
        _BYTES.labels(self._method, "out").inc(self._bytes_out)
        span.set_attribute("rpc.system", "grpc")
        span.set_attribute("rpc.grpc.status", code)
        if code not in {"OK", "CANCELLED"}:
            span.set_status(trace.StatusCode.ERROR)
        who = principal.current_or_none()
        logger = telemetry.logger()
        write = logger.debug if is_open(self._method) else logger.error if code == "INTERNAL" else logger.info
        write(
            "call",
            method=self._method,
            code=code,
            key_id=who.key_id if who else "",
            tenant=who.tenant if who else "",
            seconds=round(seconds, 4),
            bytes_in=self._bytes_in,
            bytes_out=self._bytes_out,
            messages_in=self._messages_in,
            messages_out=self._messages_out,
            **fields,
        )


def _single(behavior: Any, write: _Serialize) -> _Behavior:
    """A handler with one response, which it returns."""

    async def respond(request: Any, context: Any) -> bytes:
        return write(await behavior(request, context))

    return respond


def _streaming(behavior: Any, write: _Serialize) -> _Behavior:
    """A handler with many responses, as a coroutine that sends what the generator yields."""

    async def drive(request: Any, context: Any) -> None:
        responses = behavior(request, _Writing(context, write))
        if not hasattr(responses, "__aiter__"):
            await responses  # it writes by itself, as the health service's Watch does
            return
        async with aclosing(responses):
            async for response in responses:
                await context.write(write(response))

    return drive


class _Writing:
    """The call's context for a handler that calls `write` with messages."""

    def __init__(self, context: Any, write: _Serialize) -> None:
        self._context = context
        self._write = write

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    async def write(self, message: Any) -> None:
        await self._context.write(self._write(message))


def _error_fields(error: SayItError) -> dict[str, object]:
    return {"error": error.code, **({"cause": error.cause} if error.cause else {})}


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
