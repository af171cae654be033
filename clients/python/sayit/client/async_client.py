"""The client for asyncio programs."""

from __future__ import annotations

import inspect
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self

from sayit.client import pages, uploads
from sayit.client.audio_sources import Audio, source_of
from sayit.client.batches import Outcome, outcomes
from sayit.client.connection import GatewayConnection, Settings
from sayit.client.event_stream import Cursor, follow
from sayit.client.kept import KeptCalls
from sayit.client.live_session import LiveSession
from sayit.speech.jobs import Job, JobEvent, JobState, Result
from sayit.speech.live import LiveOptions
from sayit.speech.options import Options
from sayit.speech.rendering import BROADCASTERS, Format, SubtitleStyle
from sayit.speech.wire import (
    options_to_proto,
)
from sayit.v1 import transcription_service_pb2 as service_pb

#: The gateway's address on the machine it was started on.
DEFAULT_ADDRESS = "127.0.0.1:50051"
_RETRY_S, _FIRST_CONNECT_S = 15.0, 1.5


class AsyncClient(KeptCalls):
    """SayIt's client for asyncio programs; one client serves any number of tasks of its event loop.

    Calls raise `SayItError`, whose `kind` says what happened. They survive lost connections: docs/sdk.md says what is
    tried again and for how long.

    Args:
        address: "host:port" of a gateway, or any gRPC target.
        api_key: key that the installation gave you; it is refused over plain text to another machine.
        root_certificates: PEM certificates to trust instead of the system's; they imply TLS.
        client_certificate: PEM certificate chain and private key, for a gateway that asks for one; it implies TLS.
        tls: whether to use TLS with the system's certificates.
        insecure: sends the key over plain text to another machine all the same.
        reconnect_s: seconds without any progress after which a broken watch or upload gives up.
        retry_s: seconds for which a call without an answer is tried again; 0 tries once. By default 15, and 1.5 until a
            gateway has answered for the first time: then the address is more likely to be wrong.
        timeout_s: deadline in seconds of each attempt of a short call.

    Raises:
        SayItError: INVALID_ARGUMENT for a key that would travel over plain text.
    """

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        *,
        api_key: str = "",
        root_certificates: bytes | None = None,
        client_certificate: bytes | None = None,
        tls: bool = False,
        insecure: bool = False,
        reconnect_s: float = 120.0,
        retry_s: float | None = None,
        timeout_s: float = 30.0,
    ) -> None:
        super().__init__(
            GatewayConnection(
                Settings(
                    address=address,
                    api_key=api_key,
                    root_certificates=root_certificates,
                    client_certificate=client_certificate,
                    tls=tls,
                    insecure=insecure,
                    reconnect_s=reconnect_s,
                    retry_s=_RETRY_S if retry_s is None else retry_s,
                    connect_s=_FIRST_CONNECT_S if retry_s is None else None,
                    explains=True,
                    timeout_s=timeout_s,
                )
            )
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends all calls, which raise RuntimeError, and closes the connection."""
        await self._connection.close()

    async def transcribe(
        self,
        audio: Audio,
        *,
        options: Options | None = None,
        filename: str = "",
        labels: Mapping[str, str] | None = None,
        idempotency_key: str = "",
        on_event: Callable[[JobEvent], Awaitable[None] | None] | None = None,
    ) -> Result:
        """Sends audio, waits for its transcript and returns both the job and the transcript.

        Args:
            audio: a path, the bytes of a file, a file open for reading, or an iterable of bytes.
            options: how to transcribe.
            filename: name to show for the job; a path's own name by default.
            labels: marks of your own, which `list` can ask for.
            idempotency_key: the same key never makes two jobs; a new one by default, so that retries are safe.
            on_event: called with every event as it happens: chunk texts, progress, state changes.

        Raises:
            SayItError: the request was refused, the job failed (the kind is the job's own error), it was cancelled
                (JOB_CANCELLED), or the service could not be reached. `details["job_id"]` names the job if there is one.
            OSError: the file cannot be read.
        """
        job_id = ""
        events = self.stream(audio, options=options, filename=filename, labels=labels, idempotency_key=idempotency_key)
        async with aclosing(events):
            async for event in events:
                job_id = event.job_id
                await _tell(on_event, event)
        return await self.result(job_id)

    async def recognize(
        self,
        audio: Audio,
        *,
        options: Options | None = None,
        filename: str = "",
        labels: Mapping[str, str] | None = None,
        idempotency_key: str = "",
        formats: Iterable[Format] = (),
        style: SubtitleStyle = BROADCASTERS,
    ) -> Result:
        """Sends short audio and returns its transcript, in one message each; ending the call cancels the job.

        Args:
            audio: as for `transcribe`, at most 4 MiB.
            options: how to transcribe.
            filename: name to show for the job; a path's own name by default.
            labels: marks of your own, which `list` can ask for.
            idempotency_key: with one, the job goes on when the call ends, and the next call with it gets the result.
            formats: forms of the transcript for `Result.rendered` and `Result.documents`, at most 16.
            style: how subtitles among them are cut.

        Raises:
            SayItError: as for `transcribe`; FILE_TOO_LARGE.
            OSError: the file cannot be read.
        """
        source = source_of(audio)
        config = _config(options, filename or source.filename, labels, idempotency_key)
        if not idempotency_key:
            config.ClearField("idempotency_key")  # under which the job would go on
        return await uploads.recognize(self._connection, source, config, tuple(formats), style)

    def transcribe_many(
        self,
        audios: Iterable[Audio],
        *,
        options: Options | None = None,
        labels: Mapping[str, str] | None = None,
        at_once: int = 4,
        on_event: Callable[[int, JobEvent], Awaitable[None] | None] | None = None,
    ) -> AsyncGenerator[Outcome, None]:
        """Transcribes several recordings and yields each one's outcome as it comes; one that fails stops no other.

        Leaving the iteration ends the calls; jobs that were accepted go on.

        Args:
            audios: as for `transcribe`; taken when there is room for them, so that it may be a generator over a folder.
            options: how to transcribe all of them.
            labels: marks of your own for all of them.
            at_once: recordings in the suite at a time.
            on_event: called with the recording's place, from 0, and every event of its job.
        """

        def one(audio: Audio, listener: Callable[[JobEvent], Any] | None) -> Awaitable[Result]:
            return self.transcribe(audio, options=options, labels=labels, on_event=listener)

        return outcomes(one, audios, at_once, on_event)

    def stream(
        self,
        audio: Audio,
        *,
        options: Options | None = None,
        filename: str = "",
        labels: Mapping[str, str] | None = None,
        idempotency_key: str = "",
    ) -> AsyncGenerator[JobEvent, None]:
        """Sends audio and yields its job's events until the last one, as `transcribe` does; then ask for `result`.

        A failed or cancelled job is an event here, not an exception.
        """
        source = source_of(audio)
        config = _config(options, filename or source.filename, labels, idempotency_key)
        return uploads.transcribe(self._connection, source, config)

    def stream_recognize(
        self,
        live: LiveOptions | None = None,
        *,
        options: Options | None = None,
        filename: str = "",
        labels: Mapping[str, str] | None = None,
        idempotency_key: str = "",
        callback_url: str = "",
        resume_job_id: str = "",
        next_utterance: int | None = None,
    ) -> LiveSession:
        """A session of live speech: text while it is spoken.

            async with client.stream_recognize(LiveOptions(interim_results=True)) as session: ...

        Inside, audio is sent and events are iterated over, at the same time; `recognize` does both.

        Args:
            live: the audio's encoding and rate, and what is wanted of it.
            options: how to transcribe.
            filename: name to show for the job.
            labels: as for `transcribe`.
            idempotency_key: as for `transcribe`.
            callback_url: as for `create_job`.
            resume_job_id: to go on with a session that another process began: audio is sent from the session's
                `received_samples` on.
            next_utterance: of such a session, the first one whose final text is wanted; without it, that which no
                process was given.

        Raises:
            SayItError: INVALID_OPTION for options that are out of their limits.
        """
        config = _config(options, filename, labels, idempotency_key, callback_url)
        return LiveSession(
            self._connection,
            (live or LiveOptions()).checked(),
            config,
            resume_job_id=resume_job_id,
            next_utterance=next_utterance,
        )

    async def create_job(
        self,
        audio: Audio,
        *,
        options: Options | None = None,
        filename: str = "",
        labels: Mapping[str, str] | None = None,
        idempotency_key: str = "",
        callback_url: str = "",
    ) -> Job:
        """Sends audio and returns the job as soon as it is accepted; arguments as for `transcribe`.

        `callback_url` is where the installation tells the job's end, if it sends webhooks (docs/webhooks.md).
        """
        source = source_of(audio)
        config = _config(options, filename or source.filename, labels, idempotency_key, callback_url)
        return await uploads.create_job(self._connection, source, config)

    async def upload(self, audio: Audio, *, filename: str = "") -> str:
        """Uploads audio for a later job and returns the upload's id; after a break it goes on where it was.

        Raises:
            SayItError: UNAVAILABLE also if the connection broke while reading an iterator, which cannot be read again.
        """
        source = source_of(audio)
        return await uploads.upload(self._connection, source, filename or source.filename)

    async def create_job_from_upload(
        self,
        upload_id: str,
        *,
        options: Options | None = None,
        filename: str = "",
        labels: Mapping[str, str] | None = None,
        idempotency_key: str = "",
        callback_url: str = "",
    ) -> Job:
        """Creates a job on a finished upload; arguments as for `create_job`."""
        config = _config(options, filename, labels, idempotency_key, callback_url)
        return await uploads.create_job_from_upload(self._connection, upload_id, config)

    async def create_job_from_url(
        self,
        url: str,
        *,
        options: Options | None = None,
        filename: str = "",
        labels: Mapping[str, str] | None = None,
        idempotency_key: str = "",
        callback_url: str = "",
    ) -> Job:
        """Creates a job on audio that the installation fetches itself, if it does so; arguments as for `create_job`."""
        config = _config(options, filename, labels, idempotency_key, callback_url)
        return await uploads.create_job_from_url(self._connection, url, config)

    def watch(self, job_id: str, after_seq: int = 0) -> AsyncGenerator[JobEvent, None]:
        """Yields a job's events: the durable ones after `after_seq`, then all as they happen, until the last one.

        A lost connection is opened again where it broke: no durable event comes twice, none is missed.

        Raises:
            SayItError: JOB_NOT_FOUND and the like at once; UNAVAILABLE after `reconnect_s` without any progress.
        """
        return follow(self._connection, Cursor(job_id, after_seq))

    async def wait(
        self,
        job_id: str,
        *,
        after_seq: int = 0,
        on_event: Callable[[JobEvent], Awaitable[None] | None] | None = None,
    ) -> Result:
        """Waits for a job as `transcribe` does."""
        async with aclosing(self.watch(job_id, after_seq)) as events:
            async for event in events:
                await _tell(on_event, event)
        return await self.result(job_id)

    async def result(self, job_id: str) -> Result:
        """An ended job with its transcript.

        Raises:
            SayItError: the failed job's own error, JOB_CANCELLED, JOB_NOT_FINISHED, JOB_NOT_FOUND.
        """
        job = await self.get(job_id)
        if job.state in {JobState.CANCELLED, JobState.FAILED}:
            raise pages.error_of_ended(job)
        return Result(job=job, transcript=await self.transcript(job_id))


def _config(
    options: Options | None,
    filename: str,
    labels: Mapping[str, str] | None,
    idempotency_key: str,
    callback_url: str = "",
) -> service_pb.JobConfig:
    return service_pb.JobConfig(
        options=options_to_proto(options or Options()),
        filename=filename,
        labels=labels,
        idempotency_key=idempotency_key or str(uuid.uuid4()),
        callback_url=callback_url,
    )


async def _tell(listener: Callable[[JobEvent], Any] | None, event: JobEvent) -> None:
    if listener is not None:
        heard = listener(event)
        if inspect.isawaitable(heard):
            await heard
