"""Passes an upload on while it arrives: one message in memory, the scheduler's answer at once.

Two things gRPC does not do by itself. The scheduler may answer before the client is done (too large, no such upload);
then the client gets the answer at once, not after its last byte. And for some milliseconds a client that dies
is the same as a client that is done: the stream of its messages just ends. So data counts as complete if the client
sent an empty last message, or if no cancellation came for `SETTLE_S` after the stream's end. The scheduler always gets
the empty message from the gateway: so a gateway that dies cannot be mistaken for one that is done.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from contextlib import aclosing, suppress
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Generic, TypeVar

import grpc
from google.protobuf.message import Message

from sayit.client.stream_writer import write
from sayit.speech.errors import ErrorKind, SayItError

#: How long after the stream's end the cancellation by a lost client may still come; up to 5 ms were measured.
SETTLE_S = 0.05

#: Most bytes of data in one message.
MAX_DATA_BYTES = 1024 * 1024

_Request = TypeVar("_Request", bound=Message)
_Response = TypeVar("_Response")


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How slow the sender of an upload may be; 0 for no bound."""

    #: Seconds for one message.
    message_s: float = 0.0
    #: Mean speed while the gateway waits for the sender. The message that is on its way is not seen yet, and may have
    #: MAX_DATA_BYTES, so that these are given to it beforehand.
    min_bytes_per_s: int = 0


@dataclass(eq=False)
class UploadMessages(Generic[_Request]):
    """A client's messages, checked as they come: a first one that says what follows, then data.

    Empty data is left out: the scheduler takes it for the end, which only the gateway knows. Iterating raises
    SayItError INVALID_ARGUMENT for messages out of order, without content, or too large, UPLOAD_TOO_SLOW for late ones.
    """

    #: What the client sends, as gRPC gives it.
    messages: AsyncIterable[Any]
    _: KW_ONLY
    #: The payload of a first message that data follows.
    head: str
    #: The payload of the others.
    data: str
    #: The payloads of a first message without data behind it, if the method has any.
    alone: tuple[str, ...] = ()
    #: Makes a message for the scheduler of one from the client.
    convert: Callable[[Any], _Request] = lambda message: message
    pace: Pace = Pace()
    #: Whether data may follow the first message.
    takes_data: bool = field(default=True, init=False)
    #: Whether the last message was empty data, by which a client says that it sent all.
    ended: bool = field(default=False, init=False)
    _waited_s: float = field(default=0.0, init=False)
    _bytes: int = field(default=0, init=False)

    async def __aiter__(self) -> AsyncGenerator[_Request, None]:
        """Yields the messages for the scheduler."""
        begun = False
        stream: Any = aiter(self.messages)  # a generator, which the code that uses it must close
        async with aclosing(stream):
            while (given := await self._next(stream)) is not None:
                message = self.convert(given)
                self._check(message, begun=begun)
                begun = True
                if not self.ended:
                    yield message
        if not begun:
            raise _invalid(f"the first message must carry {self.head}", field=self.head)

    async def _next(self, stream: Any) -> Any:
        """The client's next message, None at the end; UPLOAD_TOO_SLOW if it takes too long. Our time is free."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(self.pace.message_s or None):
                given = await anext(stream, None)
        except TimeoutError:
            cause = f"nothing arrived for {self.pace.message_s:g} s"
            raise SayItError(ErrorKind.UPLOAD_TOO_SLOW, cause=cause) from None
        self._waited_s += time.monotonic() - began
        if self._bytes + MAX_DATA_BYTES < self.pace.min_bytes_per_s * self._waited_s:
            cause = f"{self._bytes} bytes in {self._waited_s:.0f} s"
            raise SayItError(ErrorKind.UPLOAD_TOO_SLOW, cause=cause)
        return given

    def _check(self, message: _Request, *, begun: bool) -> None:
        which = message.WhichOneof("payload")
        if not begun:
            self.takes_data = which not in self.alone
            if self.takes_data and which != self.head:
                raise _invalid(f"the first message must carry {self.head}", field=self.head)
            return
        if not self.takes_data:
            raise _invalid(f"no message may follow {' or '.join(self.alone)}", field=which or self.data)
        if which != self.data:
            reason = f"after the first message every message must carry {self.data}, the last one an empty one"
            raise _invalid(reason, field=which or self.data)
        size = len(getattr(message, self.data))
        if size > MAX_DATA_BYTES:
            raise _invalid(f"a message carries {size} bytes; at most {MAX_DATA_BYTES} are allowed", field=self.data)
        self.ended = size == 0
        self._bytes += size


async def relay_upload(
    call: grpc.aio.StreamUnaryCall[_Request, _Response], messages: UploadMessages[_Request], *, end: _Request
) -> _Response:
    """Writes messages to a call as they come and returns the call's response.

    Args:
        call: a call to the scheduler, begun without requests.
        messages: what the client sends; what it raises ends the call and is raised here.
        end: the message with empty data.

    Raises:
        SayItError: the client's messages are not valid.
        grpc.aio.AioRpcError: the scheduler refused, possibly before the client was done.
    """
    pumping = asyncio.create_task(_pump(call, messages))
    answering = asyncio.ensure_future(_answer(call))
    try:
        await asyncio.wait({pumping, answering}, return_when=asyncio.FIRST_COMPLETED)
        if not answering.done() and pumping.result():
            await _finish(call, answering, messages, end)
        response: _Response = await answering
        return response
    finally:
        # No task outlives the client's call; and the call is cancelled first, so that the scheduler never takes a
        # broken upload for a complete one.
        call.cancel()
        pumping.cancel()
        answering.cancel()
        await asyncio.gather(pumping, answering, return_exceptions=True)


async def _pump(call: Any, messages: UploadMessages[_Request]) -> bool:
    """Copies messages from the client's stream to the scheduler's call; False where the scheduler has ended it."""
    async with aclosing(aiter(messages)) as stream:
        async for message in stream:
            if not await write(call, message):
                return False
    return True


async def _finish(call: Any, answering: asyncio.Task[Any], messages: UploadMessages[_Request], end: Message) -> None:
    """Sends the end of the data to the scheduler, once that is certain.

    It runs in the task that gRPC cancels when the client is gone, so that the cancellation comes first.
    """
    if messages.takes_data:
        if not messages.ended:
            await asyncio.wait({answering}, timeout=SETTLE_S)
        if answering.done() or not await write(call, end):
            return
    with suppress(grpc.aio.AioRpcError, grpc.aio.InternalError, asyncio.InvalidStateError):  # it has answered already
        await call.done_writing()


async def _answer(call: Any) -> Any:
    return await call


def _invalid(reason: str, *, field: str) -> SayItError:
    return SayItError(ErrorKind.INVALID_ARGUMENT, field=field, reason=reason)
