"""sayit.v1.TranscriptionService."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from sayit.chassis import telemetry
from sayit.gateway.api import passed
from sayit.gateway.api.event_stream import EventRelay
from sayit.gateway.api.upload_relay import UploadMessages, relay_upload
from sayit.gateway.limits.slots import Slots
from sayit.speech import wire
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.rendering import render
from sayit.v1 import resources_pb2, transcription_service_pb2, transcription_service_pb2_grpc

if TYPE_CHECKING:
    from sayit.internal.v1.job_service_pb2_grpc import JobServiceAsyncStub

#: Bytes of rendered text in one message.
_CONTENT_BYTES = 256 * 1024


class TranscriptionServicer(transcription_service_pb2_grpc.TranscriptionServiceServicer):
    """Passes jobs, their events and their transcripts through."""

    def __init__(
        self, scheduler: JobServiceAsyncStub, event_relay: EventRelay, *, uploads: Slots, watchers: Slots
    ) -> None:
        self._scheduler = scheduler
        self._uploads = uploads
        self._watchers = watchers
        self._event_relay = event_relay

    GetJob = passed("GetJob")
    ListJobs = passed("ListJobs")
    CancelJob = passed("CancelJob")
    DeleteJob = passed("DeleteJob")
    ListModels = passed("ListModels")

    async def Transcribe(self, request_iterator: Any, context: Any) -> AsyncGenerator[bytes]:  # type: ignore[override]
        """Creates the job and watches it from its first event, in one call."""
        # The slot to watch is taken first: a job that was accepted is not refused afterwards.
        with self._watchers.taken():
            job = await self._create(
                UploadMessages(request_iterator, head="config", data="audio", convert=_as_create_request)
            )
            async with aclosing(self._event_relay.events(job.id, 0)) as events:
                async for event in events:
                    yield event

    async def CreateJob(self, request_iterator: Any, context: Any) -> resources_pb2.Job:
        """Returns once the scheduler has the audio and the job durably."""
        return await self._create(UploadMessages(request_iterator, head="config", data="audio", alone="from_upload"))

    async def _create(self, messages: UploadMessages[transcription_service_pb2.CreateJobRequest]) -> resources_pb2.Job:
        end = transcription_service_pb2.CreateJobRequest(audio=b"")
        with self._uploads.taken():
            job = await relay_upload(self._scheduler.CreateJob(), messages, end=end)
        telemetry.bind(job_id=job.id)
        return job

    async def WatchJob(  # type: ignore[override] # bytes, which the chassis sends as they are
        self, request: transcription_service_pb2.WatchJobRequest, context: Any
    ) -> AsyncGenerator[bytes]:
        """Passed through, across restarts of the scheduler."""
        if request.after_seq < 0:
            raise SayItError(ErrorKind.INVALID_ARGUMENT, field="after_seq", reason="after_seq is negative")
        telemetry.bind(job_id=request.job_id[:64])
        with self._watchers.taken():
            async with aclosing(self._event_relay.events(request.job_id, request.after_seq)) as events:
                async for event in events:
                    yield event

    async def GetTranscript(
        self, request: transcription_service_pb2.GetTranscriptRequest, context: Any
    ) -> AsyncIterator[transcription_service_pb2.GetTranscriptResponse]:
        """The parts as the scheduler sends them, or, for a format, the text in pieces."""
        form = wire.format_from_proto(request.format)
        telemetry.bind(job_id=request.job_id[:64])
        call = self._scheduler.GetTranscript(
            transcription_service_pb2.GetTranscriptRequest(job_id=request.job_id, raw=request.raw),
            timeout=context.time_remaining(),
        )
        try:
            if form is None:
                async for part in call:
                    yield part
                return
            parts = [part async for part in call]
        finally:
            call.cancel()
        # A long transcript takes tens of milliseconds to write out; other calls do not wait for that.
        content = await asyncio.to_thread(lambda: render(wire.transcript_of_parts(parts), form).encode())
        for start in range(0, len(content), _CONTENT_BYTES):
            piece = content[start : start + _CONTENT_BYTES]
            yield transcription_service_pb2.GetTranscriptResponse(content=piece)


def _as_create_request(
    request: transcription_service_pb2.TranscribeRequest,
) -> transcription_service_pb2.CreateJobRequest:
    which = request.WhichOneof("payload")
    if which == "config":
        return transcription_service_pb2.CreateJobRequest(config=request.config)
    if which == "audio":
        return transcription_service_pb2.CreateJobRequest(audio=request.audio)
    return transcription_service_pb2.CreateJobRequest()  # without content, which the check refuses
