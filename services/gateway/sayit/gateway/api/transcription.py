"""sayit.v1.TranscriptionService."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import grpc

from sayit.chassis import telemetry
from sayit.chassis.background_tasks import BackgroundTasks
from sayit.gateway.api import check_ids, passed, streamed
from sayit.gateway.api.event_stream import EventRelay
from sayit.gateway.api.upload_relay import MAX_DATA_BYTES, Pace, UploadMessages, relay_upload
from sayit.gateway.documents.layout import layout_of
from sayit.gateway.documents.writer import DocumentWriter
from sayit.gateway.limits.slots import Slots
from sayit.speech import wire
from sayit.speech.errors import ErrorKind, SayItError, Sentence
from sayit.speech.rendering import Format, SubtitleStyle, render
from sayit.speech.transcript import Transcript
from sayit.v1 import resources_pb2, share_service_pb2, transcription_service_pb2, transcription_service_pb2_grpc

if TYPE_CHECKING:
    from sayit.internal.v1.job_service_pb2_grpc import JobServiceAsyncStub

#: Bytes of rendered text in one message.
_CONTENT_BYTES = 256 * 1024
#: Most bytes of audio in one call of Recognize: two minutes as PCM, half an hour as Opus.
RECOGNIZE_BYTES = 4 * 1024 * 1024
#: What says a recording's name and when it was sent.
_Recording = resources_pb2.Job | share_service_pb2.SharedRecording
_streamed = streamed("GetTranscript")
#: Most forms of one transcript in an answer.
_MAX_FORMATS = 16


class TranscriptionServicer(transcription_service_pb2_grpc.TranscriptionServiceServicer):
    """Passes jobs, their events and their transcripts through."""

    def __init__(
        self, scheduler: JobServiceAsyncStub, event_relay: EventRelay, *, uploads: Slots, watchers: Slots, pace: Pace
    ) -> None:
        self._scheduler = scheduler
        self._uploads = uploads
        self._watchers = watchers
        self._event_relay = event_relay
        self._pace = pace
        self._background = BackgroundTasks()
        self._documents = DocumentWriter()

    GetJob = passed("GetJob")
    ListJobs = passed("ListJobs")
    CancelJob = passed("CancelJob")
    DeleteJob = passed("DeleteJob")
    UpdateJob = passed("UpdateJob")
    UpdateTranscript = passed("UpdateTranscript")
    GetCorrections = passed("GetCorrections")
    ListTranscriptVersions = passed("ListTranscriptVersions")
    ListModels = passed("ListModels")
    GetAudio = streamed("GetAudio")
    GetAudioAddress = passed("GetAudioAddress")

    async def Recognize(
        self, request: transcription_service_pb2.RecognizeRequest, context: Any
    ) -> transcription_service_pb2.RecognizeResponse:
        """A job from its audio to its transcript."""
        if not request.audio:
            raise SayItError(ErrorKind.FILE_REQUIRED, field="audio")
        if len(request.audio) > RECOGNIZE_BYTES:
            raise SayItError(ErrorKind.FILE_TOO_LARGE, field="audio", limit_mb=RECOGNIZE_BYTES // 1_000_000)
        forms = forms_of(request.formats)
        style = wire.style_from_proto(request.subtitles).checked()
        with self._watchers.taken():
            job = await self._create(UploadMessages(_of_one(request), head="config", data="audio"))
            try:
                async with aclosing(self._event_relay.events(job.id, 0)) as events:
                    async for _ in events:
                        pass
            except BaseException:
                if not request.config.idempotency_key:  # under which the caller would come back for the job
                    await self._background.do(self._cancel(job.id))
                raise
        get_job = transcription_service_pb2.GetJobRequest(job_id=job.id)
        job = await self._scheduler.GetJob(get_job, timeout=context.time_remaining())
        if job.state == resources_pb2.JOB_STATE_CANCELLED:
            raise SayItError(ErrorKind.JOB_CANCELLED, job_id=job.id)
        if job.state == resources_pb2.JOB_STATE_FAILED:
            sentences = Sentence(en=job.error.message_en, ko=job.error.message_ko)
            raise SayItError(ErrorKind.of_code(job.error.code), sentences=sentences)
        get_transcript = transcription_service_pb2.GetTranscriptRequest(job_id=job.id)
        parts = [part async for part in self._parts(get_transcript, context)]
        whole = wire.message_of_parts(parts)
        contents = await self._rendered(whole, forms, style, job=job)
        return transcription_service_pb2.RecognizeResponse(
            job=job, transcript=whole, rendered=map(_rendered_transcript, forms, contents)
        )

    async def _cancel(self, job_id: str) -> None:
        try:
            await self._scheduler.CancelJob(transcription_service_pb2.CancelJobRequest(job_id=job_id))
        except grpc.aio.AioRpcError as error:  # the job goes on, as after any other broken call
            telemetry.logger().warning("not_cancelled", job_id=job_id, code=error.code().name)

    async def Transcribe(self, request_iterator: Any, context: Any) -> AsyncGenerator[bytes]:  # type: ignore[override]
        """Creates the job and watches it from its first event, in one call."""
        # The slot to watch is taken first: a job that was accepted is not refused afterwards.
        with self._watchers.taken():
            job = await self._create(
                UploadMessages(
                    request_iterator, head="config", data="audio", convert=_as_create_request, pace=self._pace
                )
            )
            async with aclosing(self._event_relay.events(job.id, 0)) as events:
                async for event in events:
                    yield event

    async def CreateJob(self, request_iterator: Any, context: Any) -> resources_pb2.Job:
        """Returns once the scheduler has the audio and the job durably."""
        alone = ("from_upload", "from_url")
        messages = UploadMessages(
            request_iterator, head="config", data="audio", alone=alone, convert=_checked, pace=self._pace
        )
        return await self._create(messages)

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
        check_ids(request)
        with self._watchers.taken():
            async with aclosing(self._event_relay.events(request.job_id, request.after_seq)) as events:
                async for event in events:
                    yield event

    async def GetTranscript(
        self, request: transcription_service_pb2.GetTranscriptRequest, context: Any
    ) -> AsyncIterator[transcription_service_pb2.GetTranscriptResponse]:
        """The parts as the scheduler sends them, or, for formats, the texts in pieces."""
        check_ids(request)
        several = bool(request.formats)
        forms = forms_of(request.formats if several else [request.format] if request.format else [])
        style = wire.style_from_proto(request.subtitles).checked()
        get_job = transcription_service_pb2.GetJobRequest(job_id=request.job_id)
        parts = self.written(
            self._parts(request, context),
            forms,
            style,
            suppressed=request.suppressed,
            recording=lambda: self._scheduler.GetJob(get_job, timeout=context.time_remaining()),
        )
        async with aclosing(parts):
            async for part in parts:
                yield part

    async def written(
        self,
        call: AsyncIterable[transcription_service_pb2.GetTranscriptResponse],
        forms: Sequence[Format],
        style: SubtitleStyle,
        *,
        recording: Callable[[], Awaitable[_Recording]],
        suppressed: bool = False,
    ) -> AsyncGenerator[transcription_service_pb2.GetTranscriptResponse]:
        """A scheduler's parts as they come, or, for formats, the texts in pieces.

        Args:
            call: the parts.
            forms: the formats.
            style: how subtitles are cut.
            recording: asks for what documents say of the recording.
            suppressed: whether what was removed is shown.
        """
        if not forms:
            async for part in call:
                yield part
            return
        whole = wire.message_of_parts([part async for part in call])
        job = await recording() if any(form.is_document for form in forms) else None
        contents = await self._rendered(whole, forms, style, suppressed=suppressed, job=job)
        for form, data in zip(forms, contents, strict=True):
            for start in range(0, len(data), _CONTENT_BYTES) or [0]:
                yield transcription_service_pb2.GetTranscriptResponse(
                    content=data[start : start + _CONTENT_BYTES], format=wire.format_to_proto(form)
                )

    async def _rendered(
        self,
        transcript: resources_pb2.Transcript,
        forms: Sequence[Format],
        style: SubtitleStyle,
        *,
        suppressed: bool = False,
        job: _Recording | None,
    ) -> list[bytes]:
        """The contents in the order of the forms; documents need the job."""
        if not forms:
            return []

        def texts() -> tuple[Transcript, dict[Format, bytes]]:
            value = wire.transcript_from_proto(transcript)
            plain = [form for form in forms if not form.is_document]
            return value, {form: render(value, form, style, suppressed=suppressed).encode() for form in plain}

        # A long transcript takes tens of milliseconds to write out; other calls do not wait for that.
        value, contents = await asyncio.to_thread(texts)
        if job is not None and len(contents) < len(set(forms)):
            created_at_s = wire.seconds_of_duration(job.create_time)
            layout = await asyncio.to_thread(
                layout_of, value, filename=job.filename, created_at_s=created_at_s, suppressed=suppressed
            )
            for form in set(forms) - contents.keys():
                contents[form] = await self._documents.write(layout, form)
        return [contents[form] for form in forms]

    def _parts(
        self, request: transcription_service_pb2.GetTranscriptRequest, context: Any
    ) -> AsyncGenerator[transcription_service_pb2.GetTranscriptResponse]:
        asked = transcription_service_pb2.GetTranscriptRequest()
        asked.CopyFrom(request)
        asked.ClearField("format")  # which are rendered here
        asked.ClearField("formats")
        parts: AsyncGenerator[transcription_service_pb2.GetTranscriptResponse] = _streamed(self, asked, context)
        return parts


def forms_of(formats: Sequence[transcription_service_pb2.TranscriptFormat.ValueType]) -> list[Format]:
    """The forms that were asked for."""
    if len(formats) > _MAX_FORMATS:
        raise SayItError(ErrorKind.INVALID_ARGUMENT, field="formats", reason=f"more than {_MAX_FORMATS}")
    forms = [form for form in map(wire.format_from_proto, formats) if form is not None]
    if len(forms) != len(formats):
        raise SayItError(ErrorKind.INVALID_ARGUMENT, field="formats", reason="one is unspecified")
    return forms


def _rendered_transcript(form: Format, content: bytes) -> transcription_service_pb2.RenderedTranscript:
    number = wire.format_to_proto(form)
    if form.is_document:
        return transcription_service_pb2.RenderedTranscript(format=number, document=content)
    return transcription_service_pb2.RenderedTranscript(format=number, content=content.decode())


async def _of_one(
    request: transcription_service_pb2.RecognizeRequest,
) -> AsyncGenerator[transcription_service_pb2.CreateJobRequest]:
    """The messages that CreateJob would get."""
    yield transcription_service_pb2.CreateJobRequest(config=request.config)
    for start in range(0, len(request.audio), MAX_DATA_BYTES):
        yield transcription_service_pb2.CreateJobRequest(audio=request.audio[start : start + MAX_DATA_BYTES])
    yield transcription_service_pb2.CreateJobRequest(audio=b"")


def _checked(message: transcription_service_pb2.CreateJobRequest) -> transcription_service_pb2.CreateJobRequest:
    if message.HasField("from_upload"):
        check_ids(message.from_upload)
    return message


def _as_create_request(
    request: transcription_service_pb2.TranscribeRequest,
) -> transcription_service_pb2.CreateJobRequest:
    which = request.WhichOneof("payload")
    if which == "config":
        return transcription_service_pb2.CreateJobRequest(config=request.config)
    if which == "audio":
        return transcription_service_pb2.CreateJobRequest(audio=request.audio)
    return transcription_service_pb2.CreateJobRequest()  # without content, which the check refuses
