"""A scheduler of a few lines, real gateways, and channels to them."""

# ruff: noqa: D102, N802 - the methods are the proto's, which names and documents them

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty

from sayit.chassis import principal
from sayit.chassis.server import RunningServer, serving
from sayit.chassis.service_auth import service_interceptors
from sayit.gateway.service import running
from sayit.gateway.settings import GatewaySettings
from sayit.internal.v1 import job_service_pb2_grpc, key_service_pb2_grpc
from sayit.speech import wire
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.transcript import Coverage, Segment, Transcript, Usage
from sayit.speech.wire.errors import error_of_call
from sayit.v1 import (
    admin_service_pb2,
    admin_service_pb2_grpc,
    live_service_pb2,
    live_service_pb2_grpc,
    resources_pb2,
    system_service_pb2,
    system_service_pb2_grpc,
    transcription_service_pb2,
    transcription_service_pb2_grpc,
    upload_service_pb2,
    upload_service_pb2_grpc,
    vocabulary_service_pb2,
    vocabulary_service_pb2_grpc,
)
from sayit.v1 import key_service_pb2 as public_key_service_pb2
from sayit.v1 import key_service_pb2_grpc as public_key_service_pb2_grpc

from .fake_keys import FakeKeys

SERVICE = "sayit.internal.v1.JobService"


def segment(number: int, text: str) -> Segment:
    """One second of speech."""
    return Segment(
        id=number,
        start_s=float(number),
        end_s=number + 1.0,
        text=text,
        language="en",
        avg_logprob=-0.1,
        compression_ratio=1.0,
        no_speech_prob=0.0,
    )


def transcript(segments: int, text: str = "hello") -> Transcript:
    """A transcript of so many segments."""
    return Transcript(
        segments=tuple(segment(number, f"{text} {number}") for number in range(segments)),
        language="en",
        language_probability=1.0,
        duration_s=float(segments),
        coverage=Coverage(speech_detected_s=1.0, speech_transcribed_s=1.0, gaps=()),
        suppressed=(),
        usage=Usage(audio_s=1.0, compute_s=0.5),
        model="micro",
        preset="en",
    )


def durable(seq: int) -> resources_pb2.JobEvent:
    """Event 1 enters PREPARING, event `LAST_SEQ` completes, the others are chunk texts."""
    event = resources_pb2.JobEvent(job_id="job-1", seq=seq)
    if seq == 1:
        event.state_changed.state = resources_pb2.JOB_STATE_PREPARING
    elif seq == LAST_SEQ:
        event.completed.segment_count = 3
    else:
        event.chunk_text.chunk_index = seq - 2
    return event


#: So many that large ones are more than all buffers between a gateway and its client take in.
LAST_SEQ = 20


@dataclass
class FakeScheduler(job_service_pb2_grpc.JobServiceServicer):
    """Keeps what it was told; a test sets what it does."""

    #: Payload kinds and data of the last upload, in order.
    received: list[tuple[str, int]] = field(default_factory=list)
    #: Whether the last upload's stream was cancelled rather than ended.
    broken: asyncio.Event = field(default_factory=asyncio.Event)
    #: More bytes than these are refused while they arrive.
    limit: int = 10**9
    #: Principals seen, by method.
    principals: dict[str, principal.Principal] = field(default_factory=dict)
    #: The `after_seq` of every watch.
    watches: list[int] = field(default_factory=list)
    #: Messages of live sessions.
    live: list[Any] = field(default_factory=list)
    #: Waited for after each durable event of a watch, if set.
    pace: asyncio.Semaphore | None = None
    #: Makes events large.
    filler: str = ""
    #: Whether the last transcript was asked for as the model wrote it.
    raw: bool = False
    transcript: Transcript = field(default_factory=lambda: transcript(3))
    #: Seconds the client gave to the last unary call.
    time_remaining: float | None = None
    #: What GetJob says.
    job: resources_pb2.Job = field(default_factory=lambda: resources_pb2.Job(id="job-1"))
    #: Whether a job was cancelled.
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    #: Whether all watchers are gone.
    watch_closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def CreateJob(self, request_iterator: Any, context: Any) -> resources_pb2.Job:
        await self._receive("CreateJob", request_iterator, "audio")
        return resources_pb2.Job(id="job-1", state=resources_pb2.JOB_STATE_PREPARING)

    async def AppendUpload(self, request_iterator: Any, context: Any) -> upload_service_pb2.Upload:
        await self._receive("AppendUpload", request_iterator, "data")
        return upload_service_pb2.Upload(id="upload-1", received_bytes=sum(size for _, size in self.received))

    async def _receive(self, method: str, messages: Any, data: str) -> None:
        self.principals[method] = principal.current()
        self.received.clear()
        total = 0
        try:
            async for message in messages:
                which = message.WhichOneof("payload")
                size = len(getattr(message, data)) if which == data else 0
                self.received.append((which, size))
                total += size
                if total > self.limit:
                    raise SayItError(ErrorKind.FILE_TOO_LARGE, limit_mb=1)
            await asyncio.sleep(0.02)  # where news of a broken call would arrive
        except asyncio.CancelledError:
            self.broken.set()
            raise

    async def GetJob(self, request: Any, context: Any) -> resources_pb2.Job:
        self.principals["GetJob"] = principal.current()
        self.time_remaining = context.time_remaining()
        if request.job_id != "job-1":
            raise SayItError(ErrorKind.JOB_NOT_FOUND, job_id=request.job_id)
        return self.job

    async def ListJobs(self, request: Any, context: Any) -> transcription_service_pb2.ListJobsResponse:
        return transcription_service_pb2.ListJobsResponse(jobs=[resources_pb2.Job(id="job-1")])

    async def WatchJob(self, request: Any, context: Any) -> AsyncIterator[resources_pb2.JobEvent]:
        self.principals["WatchJob"] = principal.current()
        self.watches.append(request.after_seq)
        try:
            for seq in range(request.after_seq + 1, LAST_SEQ + 1):
                if self.pace is not None:
                    await self.pace.acquire()
                yield resources_pb2.JobEvent(job_id="job-1", progress=resources_pb2.Progress(chunks_done=seq))
                event = durable(seq)
                if self.filler and event.HasField("chunk_text"):
                    event.chunk_text.segments.add(text=self.filler)
                yield event
        finally:
            self.watch_closed.set()

    async def CancelJob(self, request: Any, context: Any) -> resources_pb2.Job:
        self.cancelled.set()
        return resources_pb2.Job(id=request.job_id, state=resources_pb2.JOB_STATE_CANCELLED)

    async def DeleteJob(self, request: Any, context: Any) -> Empty:
        return Empty()

    async def GetTranscript(self, request: Any, context: Any) -> AsyncIterator[Any]:
        self.raw = request.raw
        for part in wire.transcript_parts(self.transcript):
            yield part

    async def ListModels(self, request: Any, context: Any) -> transcription_service_pb2.ListModelsResponse:
        return transcription_service_pb2.ListModelsResponse(models=[resources_pb2.Model(name="micro")])

    async def CreateUpload(self, request: Any, context: Any) -> upload_service_pb2.Upload:
        return upload_service_pb2.Upload(id="upload-1", filename=request.filename)

    async def GetUpload(self, request: Any, context: Any) -> upload_service_pb2.Upload:
        raise SayItError(ErrorKind.UPLOAD_NOT_FOUND, upload_id=request.upload_id)

    async def DeleteUpload(self, request: Any, context: Any) -> Empty:
        return Empty()

    async def StreamingRecognize(self, request_iterator: Any, context: Any) -> AsyncIterator[Any]:
        self.principals["StreamingRecognize"] = principal.current()
        received = 0
        async for message in request_iterator:
            self.live.append(message)
            job = resources_pb2.Job(id="job-1")
            if message.HasField("config"):
                started = live_service_pb2.LiveStarted(job=job)
                yield live_service_pb2.StreamingRecognizeResponse(started=started)
            elif message.HasField("audio"):
                received += len(message.audio) // 2
                progress = live_service_pb2.LiveProgress(received_samples=received)
                yield live_service_pb2.StreamingRecognizeResponse(progress=progress)
            elif message.command == live_service_pb2.LIVE_COMMAND_FINISH:
                yield live_service_pb2.StreamingRecognizeResponse(finished=job)
                return
        self.broken.set()

    async def PutVocabulary(self, request: Any, context: Any) -> vocabulary_service_pb2.Vocabulary:
        self.principals["PutVocabulary"] = principal.current()
        return vocabulary_service_pb2.Vocabulary(name=request.name, words=request.words, prompt=request.prompt)

    async def GetVocabulary(self, request: Any, context: Any) -> vocabulary_service_pb2.Vocabulary:
        raise SayItError(ErrorKind.VOCABULARY_NOT_FOUND, name=request.name)

    async def ListVocabularies(self, request: Any, context: Any) -> vocabulary_service_pb2.ListVocabulariesResponse:
        self.principals["ListVocabularies"] = principal.current()
        listed = [vocabulary_service_pb2.Vocabulary(name="v")]
        return vocabulary_service_pb2.ListVocabulariesResponse(vocabularies=listed)

    async def DeleteVocabulary(self, request: Any, context: Any) -> Empty:
        return Empty()

    async def CreateKey(self, request: Any, context: Any) -> public_key_service_pb2.CreateKeyResponse:
        self.principals["CreateKey"] = principal.current()
        key = public_key_service_pb2.ApiKey(id="key-1", name=request.name)
        return public_key_service_pb2.CreateKeyResponse(key=key, secret="sayit_key-1_secret")

    async def ListKeys(self, request: Any, context: Any) -> public_key_service_pb2.ListKeysResponse:
        return public_key_service_pb2.ListKeysResponse(keys=[public_key_service_pb2.ApiKey(id="key-1")])

    async def RevokeKey(self, request: Any, context: Any) -> public_key_service_pb2.ApiKey:
        raise SayItError(ErrorKind.KEY_NOT_FOUND, key_id=request.key_id)

    async def RotateKey(self, request: Any, context: Any) -> public_key_service_pb2.CreateKeyResponse:
        raise SayItError(ErrorKind.KEY_NOT_FOUND, key_id=request.key_id)

    async def GetStatus(self, request: Any, context: Any) -> system_service_pb2.Status:
        part = system_service_pb2.Part(name="scheduler", state=system_service_pb2.PART_STATE_OK)
        return system_service_pb2.Status(state=system_service_pb2.PART_STATE_OK, parts=[part])


class FakeAdministration(admin_service_pb2_grpc.AdminServiceServicer):
    """Answers an operator with one of each."""

    async def GetQueue(self, request: Any, context: Any) -> admin_service_pb2.Queue:
        return admin_service_pb2.Queue(jobs=[admin_service_pb2.JobCount(model="micro", state="running", jobs=1)])

    async def CancelOwnedJob(self, request: Any, context: Any) -> admin_service_pb2.OwnedJob:
        return admin_service_pb2.OwnedJob(tenant="alice", key_id=principal.current().key_id)

    async def ListLimits(self, request: Any, context: Any) -> admin_service_pb2.ListLimitsResponse:
        return admin_service_pb2.ListLimitsResponse(limits=[admin_service_pb2.LimitUse(name="X", used=1, most=2)])

    async def ListSettings(self, request: Any, context: Any) -> admin_service_pb2.ListSettingsResponse:
        setting = admin_service_pb2.SettingInForce(process="scheduler", name="SAYIT_DATA_DIR", value="/data")
        return admin_service_pb2.ListSettingsResponse(settings=[setting])


def settings(**values: Any) -> GatewaySettings:
    """Settings for tests: any port, short patience."""
    return GatewaySettings(**{"listen": "127.0.0.1:0", "grace_s": 1.0, "resume_s": 10.0, **values})


@asynccontextmanager
async def scheduler_at(
    fake: FakeScheduler, address: str = "127.0.0.1:0", secret: str = "", keys: FakeKeys | None = None
) -> AsyncIterator[RunningServer]:
    """Serves the fakes as the scheduler is served; a stop is abrupt."""

    def register(server: grpc.aio.Server) -> None:
        job_service_pb2_grpc.add_JobServiceServicer_to_server(fake, server)
        key_service_pb2_grpc.add_KeyServiceServicer_to_server(keys or FakeKeys(), server)
        admin_service_pb2_grpc.add_AdminServiceServicer_to_server(FakeAdministration(), server)

    async with serving(
        address=address,
        register=register,
        service_names=[SERVICE],
        interceptors=service_interceptors(settings(internal_secret=secret)),
        grace_s=0,
    ) as server:
        await server.set_serving(True)
        yield server


@dataclass(kw_only=True)
class Suite:
    """A gateway with its fake scheduler, and stubs of the public services."""

    fake: FakeScheduler
    stored: FakeKeys
    address: str
    scheduler_address: str
    channel: grpc.aio.Channel
    jobs: transcription_service_pb2_grpc.TranscriptionServiceAsyncStub
    uploads: upload_service_pb2_grpc.UploadServiceAsyncStub
    vocabularies: vocabulary_service_pb2_grpc.VocabularyServiceAsyncStub
    system: system_service_pb2_grpc.SystemServiceAsyncStub
    live: live_service_pb2_grpc.LiveServiceAsyncStub
    keys: public_key_service_pb2_grpc.KeyServiceAsyncStub
    #: Stops the scheduler before its time.
    stop_scheduler: Callable[[], Awaitable[None]]
    #: Stops the gateway before its time, as SIGTERM does.
    stop_gateway: Callable[[], Awaitable[None]]


@asynccontextmanager
async def suite(*, scheduler_secret: str = "", stored: FakeKeys | None = None, **values: Any) -> AsyncIterator[Suite]:
    """Runs a fake scheduler, a gateway with these settings, and a client's channel."""
    fake, stored = FakeScheduler(), stored or FakeKeys()
    async with AsyncExitStack() as scheduling, AsyncExitStack() as serving_gateway, AsyncExitStack() as client:
        scheduler = await scheduling.enter_async_context(scheduler_at(fake, secret=scheduler_secret, keys=stored))
        values.setdefault("scheduler_address", scheduler.address)
        gateway = await serving_gateway.enter_async_context(running(settings(**values)))
        channel = await client.enter_async_context(grpc.aio.insecure_channel(gateway.address))
        yield Suite(
            fake=fake,
            stored=stored,
            address=gateway.address,
            scheduler_address=scheduler.address,
            channel=channel,
            jobs=transcription_service_pb2_grpc.TranscriptionServiceStub(channel),
            uploads=upload_service_pb2_grpc.UploadServiceStub(channel),
            vocabularies=vocabulary_service_pb2_grpc.VocabularyServiceStub(channel),
            system=system_service_pb2_grpc.SystemServiceStub(channel),
            live=live_service_pb2_grpc.LiveServiceStub(channel),
            keys=public_key_service_pb2_grpc.KeyServiceStub(channel),
            stop_scheduler=scheduling.aclose,
            stop_gateway=serving_gateway.aclose,
        )


def config(**values: Any) -> transcription_service_pb2.JobConfig:
    """What a job is created with."""
    return transcription_service_pb2.JobConfig(**values)


async def create_requests(sizes: list[int]) -> AsyncIterator[transcription_service_pb2.CreateJobRequest]:
    """The config, then audio messages of these sizes."""
    yield transcription_service_pb2.CreateJobRequest(config=config())
    for size in sizes:
        yield transcription_service_pb2.CreateJobRequest(audio=b"x" * size)


async def failure(call: Any) -> SayItError:
    """The error that a call, or a stream of responses, ends with."""
    try:
        if hasattr(call, "__await__"):
            await call
        else:
            async for _ in call:
                pass
    except grpc.aio.AioRpcError as error:
        return error_of_call(error)
    raise AssertionError("the call did not fail")
