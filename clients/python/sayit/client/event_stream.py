"""Reads a job's events across broken connections: every durable event once, in order, none missed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from sayit.client.connection import GatewayConnection
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import Completed, Failed, JobEvent, JobState, StateChanged
from sayit.speech.wire import event_from_proto, job_state_from_proto
from sayit.v1 import resources_pb2 as pb
from sayit.v1 import transcription_service_pb2 as service_pb

#: A connection that lived this many seconds worked, even if the job had no event.
_HEALTHY_S = 10.0


class Cursor:
    """How far into a job's events a reader is."""

    def __init__(self, job_id: str = "", seq: int = 0) -> None:
        #: The job; empty until its first event came.
        self.job_id = job_id
        #: The last durable event that was taken.
        self.seq = seq
        self._over = False

    def is_over(self) -> bool:
        """Whether the job's last event was taken."""
        return self._over

    def take(self, message: pb.JobEvent) -> JobEvent | None:
        """The event, or None for one that was taken before or that only a newer version knows.

        Raises:
            SayItError: UNAVAILABLE if durable events are missing before this one.
        """
        self.job_id = message.job_id
        if message.seq:
            if message.seq <= self.seq:
                return None
            if message.seq > self.seq + 1:
                raise SayItError(ErrorKind.UNAVAILABLE, cause=f"event {message.seq} came after {self.seq}")
            self.seq = message.seq
        try:
            event = event_from_proto(message)
        except SayItError:
            return None
        self._over = _is_last(event)
        return event


async def follow(connection: GatewayConnection, cursor: Cursor) -> AsyncGenerator[JobEvent, None]:
    """A job's events from the cursor on, until its last one.

    Raises:
        SayItError: what the server said, or UNAVAILABLE after `reconnect_s` without any progress.
    """
    retry = connection.retry_budget(connection.settings.reconnect_s)
    clock = asyncio.get_running_loop()
    while not cursor.is_over():
        started_s = clock.time()
        try:
            async with aclosing(_watch(connection, cursor)) as events:
                async for event in events:
                    retry.progress()
                    yield event
            if cursor.is_over() or await _has_ended(connection, cursor):
                return
            error = SayItError(ErrorKind.UNAVAILABLE, cause="the events ended before the job")
        except SayItError as caught:
            error = caught
        if clock.time() - started_s > _HEALTHY_S:
            retry.progress()
        await retry.wait(error)


async def _watch(connection: GatewayConnection, cursor: Cursor) -> AsyncGenerator[JobEvent, None]:
    request = service_pb.WatchJobRequest(job_id=cursor.job_id, after_seq=cursor.seq)
    async with aclosing(connection.stream(connection.jobs.WatchJob, request)) as messages:
        async for message in messages:
            event = cursor.take(message)
            if event is not None:
                yield event
            if cursor.is_over():
                return


async def _has_ended(connection: GatewayConnection, cursor: Cursor) -> bool:
    """Whether the job's last event was taken by an earlier reader, so that none is left."""
    job = await connection.unary(connection.jobs.GetJob, service_pb.GetJobRequest(job_id=cursor.job_id))
    return job_state_from_proto(job.state).terminal and job.last_seq <= cursor.seq


def _is_last(event: JobEvent) -> bool:
    match event.body:
        case Completed() | Failed():
            return True
        case StateChanged(state=JobState.CANCELLED):
            return True
        case _:
            return False
