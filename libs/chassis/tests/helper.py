"""A small service on a real server: JobService's methods stand for the four shapes of calls."""

# ruff: noqa: D102, N802 - the methods are the proto's, which names and documents them

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc

from sayit.chassis import principal, telemetry
from sayit.chassis.server import RunningServer, serving
from sayit.chassis.service_auth import service_channel, service_interceptors
from sayit.chassis.settings import ServiceSettings
from sayit.internal.v1 import chunk_service_pb2, chunk_service_pb2_grpc, job_service_pb2_grpc
from sayit.speech.errors import ErrorKind, SayItError
from sayit.v1 import resources_pb2

JOBS = "sayit.internal.v1.JobService"
CHUNKS = "sayit.internal.v1.ChunkService"
#: The tasks of handlers that have read what they were asked, and wait.
HANDLERS_WAITING: set[asyncio.Task[Any] | None] = set()


class Jobs(job_service_pb2_grpc.JobServiceServicer):
    """unary-unary: GetJob; stream-unary: CreateJob; unary-stream: WatchJob. The job id says what happens."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()
        self.closed_as: principal.Principal | None = None

    async def GetJob(self, request: Any, context: Any) -> resources_pb2.Job:
        await act(request.job_id)
        telemetry.bind(job_id=request.job_id)
        return resources_pb2.Job(id=principal.current().tenant, filename=telemetry.traceparent())

    async def CreateJob(self, request_iterator: Any, context: Any) -> resources_pb2.Job:
        total = 0
        async for request in request_iterator:
            await act(request.config.filename)
            total += len(request.audio)
        return resources_pb2.Job(id=principal.current().tenant, filename=str(total))

    async def WatchJob(self, request: Any, context: Any) -> AsyncIterator[resources_pb2.JobEvent]:
        try:
            yield resources_pb2.JobEvent(job_id=principal.current().tenant, seq=1)
            await act(request.job_id)
            while request.job_id == "endless":
                yield resources_pb2.JobEvent(seq=2)
        finally:
            await asyncio.sleep(0)  # a `finally` may await
            self.closed_as = principal.current_or_none()
            self.closed.set()


class Chunks(chunk_service_pb2_grpc.ChunkServiceServicer):
    """stream-stream: RunChunk, which answers every request with the principal's tenant."""

    async def RunChunk(self, request_iterator: Any, context: Any) -> AsyncIterator[Any]:
        async for request in request_iterator:
            await act(request.claim.chunk_id)
            yield chunk_service_pb2.RunChunkResponse(cancel={"reason": principal.current().tenant})


async def act(what: str) -> None:
    """Fails or waits as a test asks for."""
    if what == "missing":
        raise SayItError(ErrorKind.JOB_NOT_FOUND, job_id=what)
    if what == "crash":
        raise ValueError("internal detail")
    if what == "nap":
        await asyncio.sleep(0.1)
    if what == "wait":
        HANDLERS_WAITING.add(task := asyncio.current_task())
        try:
            await asyncio.sleep(3600)
        finally:
            HANDLERS_WAITING.discard(task)


def settings(**values: Any) -> ServiceSettings:
    """Settings for tests."""
    return ServiceSettings(**{"grace_s": 1.0, "log_format": "json", **values})


@asynccontextmanager
async def service(
    jobs: Jobs, *, secret: str = "", interceptors: Sequence[grpc.aio.ServerInterceptor] | None = None, **values: Any
) -> AsyncIterator[RunningServer]:
    """Serves jobs and chunks at a free port."""

    def register(server: grpc.aio.Server) -> None:
        job_service_pb2_grpc.add_JobServiceServicer_to_server(jobs, server)
        chunk_service_pb2_grpc.add_ChunkServiceServicer_to_server(Chunks(), server)

    inner = service_interceptors(settings(internal_secret=secret)) if interceptors is None else interceptors
    arguments = {"address": "127.0.0.1:0", "grace_s": 0.5, **values}
    async with serving(register=register, service_names=[JOBS, CHUNKS], interceptors=inner, **arguments) as running:
        yield running


class Stubs:
    """Stubs of both services on an internal channel."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel
        self.jobs: Any = job_service_pb2_grpc.JobServiceStub(channel)
        self.chunks: Any = chunk_service_pb2_grpc.ChunkServiceStub(channel)


@asynccontextmanager
async def called(jobs: Jobs | None = None, *, secret: str = "", **values: Any) -> AsyncIterator[Stubs]:
    """The service, and stubs that call it."""
    async with (
        service(jobs or Jobs(), secret=secret, **values) as running,
        service_channel(running.address, settings(internal_secret=secret)) as channel,
    ):
        yield Stubs(channel)


async def stream(*messages: Any) -> AsyncIterator[Any]:
    """Messages as a stream of requests."""
    for message in messages:
        yield message


async def failure(call: Any) -> grpc.aio.AioRpcError:
    """The error that a call, or a stream of responses, ends with."""
    try:
        if hasattr(call, "__await__"):
            await call
        else:
            async for _ in call:
                pass
    except grpc.aio.AioRpcError as error:
        return error
    raise AssertionError("the call did not fail")
