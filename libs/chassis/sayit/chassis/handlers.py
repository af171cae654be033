"""The four shapes of handlers, made alike: a coroutine that takes a request or a stream of them, and bytes go out.

A generator is driven from a coroutine, so that cancellation arrives in the call's own task and the generator's
`finally` blocks run at once, in the call's own context. Responses are made bytes here, where they can be counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeAlias

import grpc

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Behavior = Callable[[Any, Any], Any]
Serialize = Callable[[Any], bytes]
Deserialize = Callable[[bytes], Any]

#: By whether the request is a stream: what makes a handler with a single response, and with a stream of them.
_MAKE_UNARY = {False: grpc.unary_unary_rpc_method_handler, True: grpc.stream_unary_rpc_method_handler}
_MAKE_STREAMING = {False: grpc.unary_stream_rpc_method_handler, True: grpc.stream_stream_rpc_method_handler}


class SlowReaderError(Exception):
    """The other side has left a message unread for too long."""


def rebuilt(
    handler: Handler,
    around: Callable[[Behavior], Behavior],
    read: Deserialize,
    write: Serialize,
    *,
    slow_reader_s: float = 0.0,
) -> Handler:
    """A handler of the same shape that does the same inside of `around`.

    Args:
        handler: with an async function, an async generator, or an async function that calls `context.write`.
        around: wraps a coroutine function of a request (or stream) and context.
        read: makes a request of bytes.
        write: makes bytes of a response; gRPC, given no serializer, sends them as they are.
        slow_reader_s: a response of a stream that is not read for so long raises SlowReaderError. 0: never.
    """
    behavior: Any
    make: Any
    if handler.response_streaming:
        behavior = _streaming(handler.stream_stream or handler.unary_stream, write, slow_reader_s)
        make = _MAKE_STREAMING[bool(handler.request_streaming)]
    else:
        behavior = _single(handler.stream_unary or handler.unary_unary, write)
        make = _MAKE_UNARY[bool(handler.request_streaming)]
    result: Handler = make(around(behavior), request_deserializer=read)
    return result


def guarded(
    handler: Handler, before: Callable[[Any], Awaitable[None]], read: Callable[[bytes], Any] | None = None
) -> Handler:
    """The same handler, which first awaits `before` with the call's context; what that raises ends the call.

    Args:
        handler: any.
        before: called before the handler's own work, and after a request was read that is no stream.
        read: makes a request of bytes; by default as the handler does.
    """
    behavior: Any = handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream

    async def respond(request: Any, context: Any) -> Any:
        await before(context)
        return await behavior(request, context)

    async def stream(request: Any, context: Any) -> None:
        await before(context)
        responses = behavior(request, context)
        if not hasattr(responses, "__aiter__"):
            await responses  # it writes by itself
            return
        async with aclosing(responses):
            async for response in responses:
                await context.write(response)

    make: Any = (_MAKE_STREAMING if handler.response_streaming else _MAKE_UNARY)[bool(handler.request_streaming)]
    result: Handler = make(
        stream if handler.response_streaming else respond,
        request_deserializer=read or handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )
    return result


def failing(error: Exception) -> Handler:
    """A handler for a call of any shape that reads nothing and fails."""

    async def fail(_requests: Any, _context: Any) -> None:
        raise error

    return grpc.stream_stream_rpc_method_handler(fail)


def _single(behavior: Any, write: Serialize) -> Behavior:
    """A handler with one response, which it returns."""

    async def respond(request: Any, context: Any) -> bytes:
        return write(await behavior(request, context))

    return respond


def _streaming(behavior: Any, write: Serialize, slow_reader_s: float) -> Behavior:
    """A handler with many responses, as a coroutine that sends what the generator yields."""

    async def drive(request: Any, context: Any) -> None:
        writing = _Writing(context, write, slow_reader_s)
        responses = behavior(request, writing)
        if not hasattr(responses, "__aiter__"):
            await responses  # it writes by itself, as the health service's Watch does
            return
        async with aclosing(responses):
            async for response in responses:
                await writing.write(response)

    return drive


class _Writing:
    """The call's context, with a `write` that takes messages and waits only so long for their reader."""

    def __init__(self, context: Any, write: Serialize, slow_reader_s: float) -> None:
        self._context = context
        self._write = write
        self._slow_reader_s = slow_reader_s
        self._opened = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    async def write(self, message: Any) -> None:
        await self._open()
        try:
            # gRPC holds a message back while the reader's window is full.
            async with asyncio.timeout(self._slow_reader_s or None):
                await self._context.write(self._write(message))
        except TimeoutError:
            raise SlowReaderError(f"a message was not read for {self._slow_reader_s:g} s") from None

    async def _open(self) -> None:
        """Sends the call's head before the first message; a handler that is cancelled meanwhile waits for it.

        Together with the message it would have to wait as that does, and until it is known to be sent no status can
        follow: gRPC would send it a second time, and refuse that.
        """
        if self._opened:
            return
        self._opened = True
        opening = asyncio.ensure_future(self._context.send_initial_metadata(()))
        try:
            await asyncio.shield(opening)
        except asyncio.CancelledError:
            await asyncio.wait({opening})
            raise
