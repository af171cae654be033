"""A gateway for tests: real gRPC on port 0, scripted failures, jobs whose events are known beforehand."""

# ruff: noqa: D102, N802  # the servicers' methods are gRPC's, and named by it
from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import grpc
from google.protobuf.empty_pb2 import Empty
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc import aio

from sayit.speech import wire
from sayit.speech.errors import ERROR_DOMAIN, ErrorKind, SayItError
from sayit.speech.jobs import (
    Failed,
    Job,
    JobEvent,
    JobState,
    StateChanged,
)
from sayit.speech.rendering import render
from sayit.speech.system import Model, SystemStatus
from sayit.v1 import (
    key_service_pb2,
    key_service_pb2_grpc,
    live_service_pb2_grpc,
    system_service_pb2_grpc,
    transcription_service_pb2_grpc,
    upload_service_pb2,
    upload_service_pb2_grpc,
    vocabulary_service_pb2,
    vocabulary_service_pb2_grpc,
)
from sayit.v1 import resources_pb2 as pb
from sayit.v1 import transcription_service_pb2 as service_pb

from .live_service import LiveService
from .story import JOB, STATUS, TRANSCRIPT, job, numbered

#: What the gateway sends for a document.
DOCUMENT = b"PK\x03\x04 no text"


def details_of(error: SayItError, code: grpc.StatusCode) -> bytes:
    """The trailer in which our services say what happened."""
    status = Status(code=code.value[0], message="for the log")
    status.details.add().Pack(ErrorInfo(reason=error.code, domain=ERROR_DOMAIN, metadata=error.details))
    if error.retry_after_s is not None:
        retry = RetryInfo()
        retry.retry_delay.FromMilliseconds(int(error.retry_after_s * 1000))
        status.details.add().Pack(retry)
    return status.SerializeToString()


async def refuse(context, error: SayItError, code=grpc.StatusCode.FAILED_PRECONDITION):
    """Ends a call as our services do."""
    await context.abort(code, "for the log", (("grpc-status-details-bin", details_of(error, code)),))


#: A connection that breaks: a bare status without our details.
BROKEN = object()


@dataclass
class Gateway(
    LiveService,
    transcription_service_pb2_grpc.TranscriptionServiceServicer,
    upload_service_pb2_grpc.UploadServiceServicer,
    vocabulary_service_pb2_grpc.VocabularyServiceServicer,
    key_service_pb2_grpc.KeyServiceServicer,
    system_service_pb2_grpc.SystemServiceServicer,
):
    """Answers as scripted.

    `script[method]` holds what the next calls of the method do first: BROKEN or a SayItError ends the call. For a
    stream of events: an int breaks it after so many events; ("skip", n) leaves the n-th out; "end" just ends it.
    """

    story: list[JobEvent] = field(default_factory=numbered)
    script: dict[str, list] = field(default_factory=lambda: defaultdict(list))
    #: Configurations by call, bytes by call, sizes of messages by call.
    configs: list[service_pb.JobConfig] = field(default_factory=list)
    received: list[bytes] = field(default_factory=list)
    sizes: list[list[int]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)
    after: list[int] = field(default_factory=list)
    #: Names of calls that were cancelled while they ran.
    cancelled: list[str] = field(default_factory=list)
    #: Where set, every event waits for a permit.
    permits: asyncio.Semaphore | None = None
    stored: bytearray = field(default_factory=bytearray)
    keys: dict[str, str] = field(default_factory=dict)
    jobs: list[Job] = field(default_factory=list)
    vocabularies: dict[str, vocabulary_service_pb2.Vocabulary] = field(default_factory=dict)
    api_keys: dict[str, key_service_pb2.ApiKey] = field(default_factory=dict)
    status: SystemStatus = STATUS
    #: Seconds before every answer.
    delay_s: float = 0.0
    #: Called before GetUpload answers, with the bytes that it will say.
    before_get_upload: Callable[[int], None] = lambda _: None
    #: The server that serves it.
    server: aio.Server | None = None

    async def _begin(self, method, context):
        self.calls.append(method)
        await asyncio.sleep(self.delay_s)
        self.metadata = dict(context.invocation_metadata())
        todo = self.script[method].pop(0) if self.script[method] else None
        if todo is BROKEN:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
        if isinstance(todo, SayItError):
            await refuse(context, todo)
        return todo

    async def _receive(self, requests):
        data = bytearray()
        sizes = []
        async for request in requests:
            if request.WhichOneof("payload") == "config":
                self.configs.append(request.config)
            else:
                data += request.audio
                sizes.append(len(request.audio))
        self.received.append(bytes(data))
        self.sizes.append(sizes)

    async def _tell(self, method, context, after, todo):
        news = [e for e in self.story if not e.seq or e.seq > after] if after < self.story[-1].seq else []
        try:
            for number, event in enumerate(news):
                if self.permits is not None:
                    await self.permits.acquire()
                if todo == number:
                    await context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
                if todo == ("skip", number):
                    continue
                yield wire.event_to_proto(event)
        except (asyncio.CancelledError, GeneratorExit):  # the latter: cut off while an event was being written
            self.cancelled.append(method)
            raise

    async def StreamingRecognize(self, request_iterator, context):
        todo = await self._begin("StreamingRecognize", context)
        try:
            number = 0
            async for response in self.converse(aiter(request_iterator), job(state=JobState.RECEIVING)):
                if todo == number:
                    await context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
                yield response
                number += 1
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled.append("StreamingRecognize")
            raise

    async def Transcribe(self, request_iterator, context):
        todo = await self._begin("Transcribe", context)
        try:
            await self._receive(request_iterator)
        except asyncio.CancelledError:
            self.cancelled.append("Transcribe")
            raise
        async for message in self._tell("Transcribe", context, 0, todo):
            yield message

    async def WatchJob(self, request, context):
        self.after.append(request.after_seq)
        todo = await self._begin("WatchJob", context)
        if todo == "end":
            return
        async for message in self._tell("WatchJob", context, request.after_seq, todo):
            yield message

    async def Recognize(self, request, context):
        self.configs.append(request.config)
        await self._begin("Recognize", context)
        self.received.append(request.audio)
        return service_pb.RecognizeResponse(
            job=wire.job_to_proto(job(JOB, JobState.COMPLETED)),
            transcript=wire.transcript_to_proto(TRANSCRIPT),
            rendered=[
                service_pb.RenderedTranscript(format=form, document=DOCUMENT)
                if wire.format_from_proto(form).is_document
                else service_pb.RenderedTranscript(
                    format=form, content=render(TRANSCRIPT, wire.format_from_proto(form))
                )
                for form in request.formats
            ],
        )

    async def CreateJob(self, request_iterator, context):
        todo = await self._begin("CreateJob", context)
        first = await anext(aiter(request_iterator))
        if first.WhichOneof("payload") == "from_upload":
            self.configs.append(first.from_upload.config)
            self.received.append(bytes(self.stored))
        else:
            self.configs.append(first.config)
            await self._receive(request_iterator)
        key = self.configs[-1].idempotency_key
        job_id = self.keys.setdefault(key, f"job-{len(self.keys) + 1}")
        if todo == "lose the answer":
            await context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
        return wire.job_to_proto(job(job_id))

    async def GetJob(self, request, context):
        await self._begin("GetJob", context)
        match self.story[-1].body:
            case Failed(error=error):
                found = job(request.job_id, JobState.FAILED, error)
            case StateChanged(state=state):
                found = job(request.job_id, state)
            case _:
                found = job(request.job_id, JobState.COMPLETED)
        return wire.job_to_proto(found)

    async def ListJobs(self, request, context):
        await self._begin("ListJobs", context)
        states = {wire.job_state_from_proto(state) for state in request.states}
        matching = [j for j in self.jobs if not states or j.state in states]
        matching = [j for j in matching if request.labels.items() <= j.labels.items()]
        start = int(request.page_token or 0)
        page = matching[start : start + min(request.page_size, 40)]
        more = start + len(page) < len(matching)
        return service_pb.ListJobsResponse(
            jobs=map(wire.job_to_proto, page), next_page_token=str(start + len(page)) if more else ""
        )

    async def CancelJob(self, request, context):
        await self._begin("CancelJob", context)
        return wire.job_to_proto(job(request.job_id, JobState.CANCELLED))

    async def UpdateJob(self, request, context):
        await self._begin("UpdateJob", context)
        return wire.job_to_proto(replace(job(request.job_id), expires_at_s=None if request.kept else 9.0))

    async def UpdateTranscript(self, request, context):
        await self._begin("UpdateTranscript", context)
        if request.HasField("restored_version"):
            return pb.Corrections(version=request.expected_version + 1)
        return pb.Corrections(version=request.expected_version + 1, segments=request.segments, names=request.names)

    async def GetCorrections(self, request, context):
        await self._begin("GetCorrections", context)
        return pb.Corrections(version=request.version if request.HasField("version") else 7)

    async def ListTranscriptVersions(self, request, context):
        await self._begin("ListTranscriptVersions", context)
        versions = [pb.TranscriptVersion(version=request.before_version - 1, segments=[3])]
        return service_pb.ListTranscriptVersionsResponse(versions=versions[: request.page_size])

    async def PutVocabulary(self, request, context):
        await self._begin("PutVocabulary", context)
        made = vocabulary_service_pb2.Vocabulary(name=request.name, words=request.words, prompt=request.prompt)
        self.vocabularies[request.name] = made
        return made

    async def GetVocabulary(self, request, context):
        await self._begin("GetVocabulary", context)
        return self.vocabularies[request.name]

    async def ListVocabularies(self, request, context):
        await self._begin("ListVocabularies", context)
        return vocabulary_service_pb2.ListVocabulariesResponse(vocabularies=self.vocabularies.values())

    async def DeleteVocabulary(self, request, context):
        todo = await self._begin("DeleteVocabulary", context)
        if self.vocabularies.pop(request.name, None) is None:
            await refuse(context, SayItError(ErrorKind.VOCABULARY_NOT_FOUND, name=request.name))
        if todo == "lose the answer":
            await context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
        return Empty()

    async def CreateKey(self, request, context):
        await self._begin("CreateKey", context)
        number = f"k{len(self.api_keys)}"
        made = key_service_pb2.ApiKey(id=number, name=request.name, scopes=request.scopes, addresses=request.addresses)
        if request.HasField("valid_for"):
            made.expire_time.seconds = request.valid_for.seconds
        self.api_keys[number] = made
        return key_service_pb2.CreateKeyResponse(key=made, secret=f"sayit_{number}_secret")

    async def ListKeys(self, request, context):
        await self._begin("ListKeys", context)
        return key_service_pb2.ListKeysResponse(keys=self.api_keys.values())

    async def RevokeKey(self, request, context):
        await self._begin("RevokeKey", context)
        if request.key_id not in self.api_keys:
            await refuse(context, SayItError(ErrorKind.KEY_NOT_FOUND, key_id=request.key_id))
        self.api_keys[request.key_id].revoke_time.seconds = 1
        return self.api_keys[request.key_id]

    async def RotateKey(self, request, context):
        await self._begin("RotateKey", context)
        if request.key_id not in self.api_keys:
            await refuse(context, SayItError(ErrorKind.KEY_NOT_FOUND, key_id=request.key_id))
        self.api_keys[request.key_id].expire_time.seconds = request.overlap.seconds
        made = key_service_pb2.ApiKey(id="rotated")
        return key_service_pb2.CreateKeyResponse(key=made, secret="sayit_rotated_secret")

    async def DeleteJob(self, request, context):
        await self._begin("DeleteJob", context)
        return Empty()

    async def GetTranscript(self, request, context):
        todo = await self._begin("GetTranscript", context)
        form = wire.format_from_proto(request.format)
        if form is None:
            parts = list(wire.transcript_parts(TRANSCRIPT))
        else:
            style = wire.style_from_proto(request.subtitles)
            content = DOCUMENT
            if not form.is_document:
                content = render(TRANSCRIPT, form, style, suppressed=request.suppressed).encode()
            parts = [service_pb.GetTranscriptResponse(content=content[i : i + 5]) for i in range(0, len(content), 5)]
        for number, part in enumerate(parts):
            if todo == number:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
            yield part

    async def ListModels(self, request, context):
        await self._begin("ListModels", context)
        model = wire.model_to_proto(Model(name="small", default=True, transcribers=1))
        return service_pb.ListModelsResponse(models=[model])

    async def GetStatus(self, request, context):
        await self._begin("GetStatus", context)
        return wire.status_to_proto(self.status)

    def _upload(self):
        return upload_service_pb2.Upload(id="upload-1", received_bytes=len(self.stored))

    async def CreateUpload(self, request, context):
        await self._begin("CreateUpload", context)
        self.upload_request = request
        return self._upload()

    async def GetUpload(self, request, context):
        await self._begin("GetUpload", context)
        answer = self._upload()
        self.before_get_upload(answer.received_bytes)
        return answer

    async def DeleteUpload(self, request, context):
        await self._begin("DeleteUpload", context)
        return Empty()

    async def AppendUpload(self, request_iterator, context):
        todo = await self._begin("AppendUpload", context)
        requests = aiter(request_iterator)
        start = (await anext(requests)).start
        if start.offset != len(self.stored):
            mismatch = SayItError(ErrorKind.UPLOAD_OFFSET_MISMATCH, expected=len(self.stored), offset=start.offset)
            await refuse(context, mismatch)
        taken = 0
        async for request in requests:
            self.stored += request.data
            taken += 1
            if todo == taken:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
        return self._upload()


async def until(condition, seconds=30.0):
    """Waits for what another task does; fails after a while."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # the condition is the server's state, which has no event
            await asyncio.sleep(0.005)


@asynccontextmanager
async def serving(gateway: Gateway, port: int = 0) -> AsyncIterator[str]:
    """Serves the gateway and gives its address."""
    server = gateway.server = aio.server()
    transcription_service_pb2_grpc.add_TranscriptionServiceServicer_to_server(gateway, server)
    live_service_pb2_grpc.add_LiveServiceServicer_to_server(gateway, server)
    upload_service_pb2_grpc.add_UploadServiceServicer_to_server(gateway, server)
    vocabulary_service_pb2_grpc.add_VocabularyServiceServicer_to_server(gateway, server)
    key_service_pb2_grpc.add_KeyServiceServicer_to_server(gateway, server)
    system_service_pb2_grpc.add_SystemServiceServicer_to_server(gateway, server)
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)
