"""Streams a job's events from the scheduler, and resumes where it stopped when the scheduler was unreachable.

Events pass as serialized bytes; only their numbers, and which one is the last, are read.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator
from typing import Any

import grpc

from sayit.chassis import telemetry
from sayit.chassis.errors import is_ours
from sayit.speech import wire
from sayit.speech.errors import ErrorKind, SayItError
from sayit.v1 import resources_pb2, transcription_service_pb2

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0

#: What a call ends with when the peer dies; a status of the scheduler always carries details.
_BROKEN = frozenset(
    {grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAVAILABLE}
)


class EventRelay:
    """All streams of events that this gateway relays."""

    def __init__(self, channel: grpc.aio.Channel, *, resume_s: float) -> None:
        # Not the stub's method, which would parse the answers.
        self._watch: Any = channel.unary_stream(
            "/sayit.internal.v1.JobService/WatchJob",
            request_serializer=transcription_service_pb2.WatchJobRequest.SerializeToString,
        )
        self._resume_s = resume_s
        self._calls: set[Any] = set()
        self._draining = False

    async def events(self, job_id: str, after_seq: int) -> AsyncGenerator[bytes]:
        """The job's serialized events after `after_seq`, durable ones exactly once and in order, until the job ends.

        Raises:
            SayItError: UNAVAILABLE when this gateway stops; the client goes on at another one.
            grpc.aio.AioRpcError: the scheduler refused, or did not come back within `resume_s`.
        """
        seq = after_seq
        pause_s = _FIRST_PAUSE_S
        lost_since: float | None = None
        while True:
            try:
                async for data in self._until_broken(job_id, seq):
                    lost_since, pause_s = None, _FIRST_PAUSE_S
                    event = resources_pb2.JobEvent.FromString(data)
                    if event.seq:
                        if event.seq <= seq:
                            continue
                        seq = event.seq
                    yield data
                    if wire.is_last(event):  # does not wait for the end of the scheduler's stream
                        return
                return
            except grpc.aio.AioRpcError as error:
                lost_since = lost_since if lost_since is not None else time.monotonic()
                if not _may_come_back(error) or time.monotonic() - lost_since > self._resume_s:
                    raise
                telemetry.logger().warning("watch_interrupted", job_id=job_id, after_seq=seq, code=error.code().name)
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))  # noqa: S311 - jitter is no secret
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    async def _until_broken(self, job_id: str, after_seq: int) -> AsyncGenerator[bytes]:
        if self._is_draining():
            raise _leaving()
        call = self._watch(transcription_service_pb2.WatchJobRequest(job_id=job_id, after_seq=after_seq))
        self._calls.add(call)
        try:
            while (data := await call.read()) is not grpc.aio.EOF:
                yield data
        except asyncio.CancelledError:
            if self._is_draining() and not _cancelled():
                raise _leaving() from None
            raise
        finally:
            self._calls.discard(call)
            call.cancel()

    def _is_draining(self) -> bool:
        return self._draining  # a method, because the flag changes while its reader waits, which mypy cannot know

    def drain(self) -> None:
        """Ends all streams with UNAVAILABLE, because the gateway stops; clients get what they missed by resuming."""
        self._draining = True
        for call in list(self._calls):
            call.cancel()


def _cancelled() -> bool:
    """Whether the running task was cancelled, rather than only the call to the scheduler."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _leaving() -> SayItError:
    return SayItError(ErrorKind.UNAVAILABLE, retry_after_s=1.0, cause="the gateway stops")


def _may_come_back(error: grpc.aio.AioRpcError) -> bool:
    """Whether the scheduler is unreachable, and has not refused the call."""
    if error.code() is grpc.StatusCode.UNAVAILABLE:
        return True
    return error.code() in _BROKEN and not is_ours(error)
