"""Sends a stream of messages in the background of a call whose answer may come at any time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

from google.protobuf.message import Message
from grpc import aio


@asynccontextmanager
async def writing(call: Any, messages: AsyncGenerator[Message, None]) -> AsyncIterator[None]:
    """Writes messages to a call while the block waits for its answer; the block's end cancels both.

    An error of the server is raised by the answer, at once, however much is still to be sent. An
    error of the messages' source cancels the call and is raised from the block.
    """
    task = asyncio.create_task(_send(call, messages))
    task.add_done_callback(lambda done: call.cancel() if not done.cancelled() and done.exception() else None)
    try:
        yield
    except asyncio.CancelledError:
        current = asyncio.current_task()
        fault = task.exception() if task.done() and not task.cancelled() else None
        if fault is not None and current is not None and not current.cancelling():
            raise fault from None
        raise
    finally:
        call.cancel()
        task.cancel()
        await asyncio.wait([task])


async def _send(call: Any, messages: AsyncGenerator[Message, None]) -> None:
    async with aclosing(messages) as iterated:
        async for message in iterated:
            if not await write(call, message):
                return
    try:
        await call.done_writing()
    except (aio.AioRpcError, aio.InternalError):
        return  # ended meanwhile


async def write(call: Any, message: Message) -> bool:
    """Writes one message; False where the server has ended the call already, whose answer says why.

    It goes below grpc.aio's own `write`: that one replaces the status that the server sent (FILE_TOO_LARGE) with a bare
    INTERNAL when the server ends a call before everything was written (grpc/grpc#36066); 8 of 100 early refusals lost
    their reason so.
    """
    try:
        await call.wait_for_connection()
        if call.done():
            return False
        await call._cython_call.send_serialized_message(message.SerializeToString())  # noqa: SLF001  # see above
    except (aio.AioRpcError, aio.InternalError):
        return False
    return True
