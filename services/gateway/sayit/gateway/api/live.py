"""sayit.v1.LiveService: messages pass in both directions as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import grpc

from sayit.client.stream_writer import writing
from sayit.gateway.api.upload_relay import MAX_DATA_BYTES, SETTLE_S
from sayit.gateway.limits.slots import Slots
from sayit.speech.errors import ErrorKind, SayItError, Sentence
from sayit.v1 import live_service_pb2, live_service_pb2_grpc

_FINISH = live_service_pb2.StreamingRecognizeRequest(command=live_service_pb2.LIVE_COMMAND_FINISH)


class LiveServicer(live_service_pb2_grpc.LiveServiceServicer):
    """Passes live sessions through.

    Args:
        channel: to the scheduler.
        slots: for sessions.
        idle_s: how long a client may send nothing. 0: any time.
    """

    def __init__(self, channel: grpc.aio.Channel, slots: Slots, *, idle_s: float) -> None:
        # Not the stub's method, which would parse the answers.
        self._recognize: Any = channel.stream_stream(
            "/sayit.internal.v1.JobService/StreamingRecognize",
            request_serializer=live_service_pb2.StreamingRecognizeRequest.SerializeToString,
        )
        self._slots = slots
        self._idle_s = idle_s

    async def StreamingRecognize(self, request_iterator: Any, context: Any) -> None:  # type: ignore[override]
        """Passed through; where the scheduler is lost the client goes on with another call, for it has the audio."""
        with self._slots.taken():
            call = self._recognize()
            async with writing(call, _checked(request_iterator, self._idle_s)):
                while (data := await call.read()) is not grpc.aio.EOF:
                    await context.write(data)


async def _checked(requests: Any, idle_s: float) -> AsyncGenerator[live_service_pb2.StreamingRecognizeRequest, None]:
    """The client's messages for the scheduler, which only takes FINISH for the end.

    A client that ends its stream without it has done so as well, if it is still there a moment later: that of a client
    that dies ends before the news of its death.
    """
    begun = finished = False
    async with aclosing(aiter(requests)) as stream:
        while (message := await _next(stream, idle_s)) is not None:
            if not begun and not message.HasField("config"):
                raise _invalid("the first message must carry config", field="config")
            if len(message.audio) > MAX_DATA_BYTES:
                reason = f"a message carries {len(message.audio)} bytes; at most {MAX_DATA_BYTES} are allowed"
                raise _invalid(reason, field="audio")
            begun, finished = True, finished or message == _FINISH
            yield message
    if not begun:
        raise _invalid("the first message must carry config", field="config")
    if not finished:
        await asyncio.sleep(SETTLE_S)
        yield _FINISH


async def _next(stream: Any, idle_s: float) -> Any:
    """The next message, None at the end; UPLOAD_TOO_SLOW for a client that has nothing to say."""
    try:
        async with asyncio.timeout(idle_s or None):
            return await anext(stream, None)
    except TimeoutError:
        told = Sentence(
            en=f"Nothing arrived for {idle_s:g} s; send KEEP_ALIVE while there is no audio.",
            ko=f"{idle_s:g}초 동안 아무것도 오지 않았습니다. 보낼 오디오가 없을 때는 KEEP_ALIVE를 보내 주세요.",
        )
        raise SayItError(ErrorKind.UPLOAD_TOO_SLOW, sentences=told) from None


def _invalid(reason: str, *, field: str) -> SayItError:
    return SayItError(ErrorKind.INVALID_ARGUMENT, field=field, reason=reason)
