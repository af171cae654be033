"""Sends audio: as a job whose events are streamed, as a job alone, as an upload that resumes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing

from google.protobuf.message import Message

from sayit.client.audio_sources import Source
from sayit.client.connection import GatewayConnection
from sayit.client.event_stream import Cursor, follow
from sayit.client.retry import passes
from sayit.client.stream_writer import writing
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import Job, JobEvent, Result
from sayit.speech.rendering import Format, SubtitleStyle
from sayit.speech.wire import format_to_proto, job_from_proto, style_to_proto, transcript_from_proto
from sayit.v1 import transcription_service_pb2 as service_pb
from sayit.v1 import upload_service_pb2 as upload_pb

#: Most bytes that Recognize takes.
RECOGNIZE_BYTES = 4 * 1024 * 1024


async def transcribe(
    connection: GatewayConnection, source: Source, config: service_pb.JobConfig
) -> AsyncGenerator[JobEvent, None]:
    """Sends audio and yields the job's events until its last one, whatever happens to the connection.

    Until the job is known the whole call is made again, which the idempotency key makes safe, if the source can be read
    again. From then on the job needs no call, and its events are streamed.
    """
    await source.check()
    cursor = Cursor()
    retry = connection.retry_budget(connection.settings.retry_s)
    while True:
        try:
            async with aclosing(_transcribe_once(connection, source, config, cursor)) as events:
                async for event in events:
                    yield event
            error = SayItError(ErrorKind.UNAVAILABLE, cause="the call ended before the job")
        except SayItError as caught:
            error = caught
            if cursor.job_id and not passes(error):
                raise
        if cursor.job_id:
            break
        await retry.wait(error, possible=source.can_start_again)
    async with aclosing(follow(connection, cursor)) as events:
        async for event in events:
            yield event


async def _transcribe_once(
    connection: GatewayConnection, source: Source, config: service_pb.JobConfig, cursor: Cursor
) -> AsyncGenerator[JobEvent, None]:
    with connection.errors_translated():
        call = connection.jobs.Transcribe(metadata=connection.metadata)
        first = service_pb.TranscribeRequest(config=config)
        messages = _messages(first, source.blocks(), lambda block: service_pb.TranscribeRequest(audio=block))
        async with writing(call, messages):
            async for message in call:
                event = cursor.take(message)
                if event is not None:
                    yield event
                if cursor.is_over():
                    return


async def recognize(
    connection: GatewayConnection,
    source: Source,
    config: service_pb.JobConfig,
    formats: Sequence[Format],
    style: SubtitleStyle,
) -> Result:
    """Sends audio in one message and returns the finished job; tried again as `transcribe` is.

    Raises:
        SayItError: FILE_TOO_LARGE before anything is sent, for more than one message.
    """
    await source.check()
    audio = bytearray()
    async with aclosing(source.blocks()) as blocks:
        async for block in blocks:
            audio += block
            if len(audio) > RECOGNIZE_BYTES:
                raise SayItError(ErrorKind.FILE_TOO_LARGE, field="audio", limit_mb=RECOGNIZE_BYTES // 1_000_000)
    request = service_pb.RecognizeRequest(
        config=config,
        audio=bytes(audio),
        formats=[format_to_proto(form) for form in formats],
        subtitles=style_to_proto(style),
    )

    async def attempt() -> service_pb.RecognizeResponse:
        with connection.errors_translated():
            answer: service_pb.RecognizeResponse = await connection.jobs.Recognize(
                request, metadata=connection.metadata
            )
            return answer

    answer = await connection.retry_budget(connection.settings.retry_s).call(attempt)
    rendered = list(zip(formats, answer.rendered, strict=True))
    return Result(
        job=job_from_proto(answer.job),
        transcript=transcript_from_proto(answer.transcript),
        rendered={form: one.content for form, one in rendered if not form.is_document},
        documents={form: one.document for form, one in rendered if form.is_document},
    )


async def create_job(connection: GatewayConnection, source: Source, config: service_pb.JobConfig) -> Job:
    """Sends audio and returns the accepted job; tried again as `transcribe` is."""
    await source.check()
    first = service_pb.CreateJobRequest(config=config)

    def attempt() -> Awaitable[Job]:
        messages = _messages(first, source.blocks(), lambda block: service_pb.CreateJobRequest(audio=block))
        return _create_once(connection, messages)

    return await connection.retry_budget(connection.settings.retry_s).call(attempt, lambda: source.can_start_again)


async def create_job_from_upload(connection: GatewayConnection, upload_id: str, config: service_pb.JobConfig) -> Job:
    """A job on a finished upload; tried again while no answer comes."""
    request = service_pb.CreateJobRequest(from_upload=service_pb.JobFromUpload(config=config, upload_id=upload_id))
    return await connection.retry_budget(connection.settings.retry_s).call(
        lambda: _create_once(connection, _alone(request), connection.settings.timeout_s)
    )


async def create_job_from_url(connection: GatewayConnection, url: str, config: service_pb.JobConfig) -> Job:
    """A job on audio that the server fetches, for which it may take minutes; tried again while no answer comes."""
    request = service_pb.CreateJobRequest(from_url=service_pb.JobFromUrl(config=config, url=url))
    return await connection.retry_budget(connection.settings.retry_s).call(
        lambda: _create_once(connection, _alone(request))
    )


async def _create_once(
    connection: GatewayConnection, messages: AsyncGenerator[Message, None], timeout_s: float | None = None
) -> Job:
    with connection.errors_translated():
        call = connection.jobs.CreateJob(metadata=connection.metadata, timeout=timeout_s)
        async with writing(call, messages):
            return job_from_proto(await call)


async def upload(connection: GatewayConnection, source: Source, filename: str) -> str:
    """Uploads the source and returns the upload's id; after a break it goes on where the server is.

    An upload that was opened but whose id was lost on the way expires at the server.
    """
    await source.check()
    size = await source.size()
    request = upload_pb.CreateUploadRequest(filename=filename, size_bytes=size)
    opened = await connection.unary(connection.uploads.CreateUpload, request)
    offset = opened.received_bytes
    retry = connection.retry_budget(connection.settings.reconnect_s)
    while True:
        try:
            await append(connection, opened.id, offset, source.blocks(offset))
            return opened.id
        except SayItError as caught:
            error = caught
        if error.kind is ErrorKind.UPLOAD_OFFSET_MISMATCH and retry.failures:
            # What the broken call had sent was still being stored when the server was asked.
            error = SayItError(ErrorKind.UNAVAILABLE, cause=str(error))
        await retry.wait(error, possible=source.can_start_again)
        found = await connection.unary(connection.uploads.GetUpload, upload_pb.GetUploadRequest(upload_id=opened.id))
        if found.received_bytes > offset:
            retry.progress()
        offset = found.received_bytes
        if offset == size:
            return opened.id


async def append(
    connection: GatewayConnection, upload_id: str, offset: int, blocks: AsyncGenerator[bytes, None]
) -> upload_pb.Upload:
    """Appends blocks while they come, in one attempt, and returns the upload as it is then."""
    first = upload_pb.AppendUploadRequest(start=upload_pb.AppendStart(upload_id=upload_id, offset=offset))
    with connection.errors_translated():
        call = connection.uploads.AppendUpload(metadata=connection.metadata)
        async with writing(call, _messages(first, blocks, lambda block: upload_pb.AppendUploadRequest(data=block))):
            uploaded: upload_pb.Upload = await call
            return uploaded


async def _messages(
    first: Message, blocks: AsyncGenerator[bytes, None], message: Callable[[bytes], Message]
) -> AsyncGenerator[Message, None]:
    """The first message, each block as a message, and the one that ends the audio."""
    async with aclosing(blocks):
        yield first
        async for block in blocks:
            yield message(block)
    # An empty message says that this was all; a client that dies ends the stream, too.
    yield message(b"")


async def _alone(message: Message) -> AsyncGenerator[Message, None]:
    yield message
