"""The connection to the gateway: the public stubs, in the name of whoever sent the HTTP request."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import grpc
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc

from sayit.bridge.settings import BridgeSettings
from sayit.chassis.start import StartError
from sayit.client import reading, submitting, vocabularies
from sayit.client.connection import Connection, Settings, calling
from sayit.client.following import Cursor, follow
from sayit.client.sending import sending
from sayit.client.sources import BLOCK_BYTES
from sayit.speech import wire
from sayit.speech.jobs import Job, JobEvent, JobState
from sayit.speech.options import Options
from sayit.speech.rendering import Format
from sayit.speech.system import Model, SystemStatus
from sayit.speech.transcript import Transcript
from sayit.speech.vocabularies import Vocabulary
from sayit.v1 import system_service_pb2 as system_pb
from sayit.v1 import transcription_service_pb2 as service_pb
from sayit.v1 import upload_service_pb2 as upload_pb

#: How long a call is tried again while no gateway answers; a client that waits for HTTP has less patience than an SDK.
_RETRY_S = 5.0
#: How long a watch survives without any progress; its client resumes by itself afterwards.
_RECONNECT_S = 60.0
_TIMEOUT_S = 30.0


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A file that is arriving or has arrived."""

    id: str
    filename: str
    #: Bytes stored durably; the next byte's offset.
    received: int
    #: Bytes announced; None where the client did not know.
    size: int | None
    #: When it is deleted unless a job uses it, in seconds since the epoch.
    expires_at_s: float


class Gateway:
    """The gateway's services. Calls raise `SayItError`; nothing here knows HTTP.

    Args:
        connection: an open channel; `acting_for` borrows it.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @classmethod
    def at(cls, settings: BridgeSettings) -> Self:
        """A gateway at the address in the settings; the channel opens with the first call.

        Raises:
            StartError: the certificates cannot be read.
        """
        connection = Connection(
            Settings(
                address=settings.gateway_address,
                api_key="",
                root_certificates=_pem(settings.gateway_root_certificates),
                tls=settings.gateway_tls,
                insecure=False,
                reconnect_s=_RECONNECT_S,
                retry_s=_RETRY_S,
                timeout_s=_TIMEOUT_S,
                server_name=settings.gateway_name,
            )
        )
        return cls(connection)

    def acting_for(self, *, authorization: str = "", traceparent: str = "") -> Gateway:
        """The same gateway, called with these credentials ("Bearer …") and in this trace."""
        metadata = []
        if authorization:
            metadata.append(("authorization", authorization))
        if traceparent:
            metadata.append(("traceparent", traceparent))
        return Gateway(self._connection.on_behalf(metadata))

    async def close(self) -> None:
        """Ends all calls and closes the channel."""
        await self._connection.close()

    async def is_serving(self, *, timeout_s: float = 2.0) -> bool:
        """Whether a gateway answers and can serve: its scheduler does."""
        health: Any = health_pb2_grpc.HealthStub(self._connection.channel())  # its type stubs know no asynchronous stub
        try:
            answer = await health.Check(health_pb2.HealthCheckRequest(), timeout=timeout_s)
        except (grpc.aio.AioRpcError, grpc.aio.UsageError):
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    async def create_upload(self, *, filename: str = "", size: int | None = None) -> Upload:
        """Opens an upload; FILE_TOO_LARGE for an announced size above the limit."""
        request = upload_pb.CreateUploadRequest(filename=filename, size_bytes=size)
        return _upload(await self._connection.unary(self._connection.uploads.CreateUpload, request))

    async def append(self, upload_id: str, offset: int, pieces: AsyncIterator[bytes]) -> Upload:
        """Appends bytes while they arrive and returns the upload as it is then. What `pieces` raises is raised.

        Raises:
            SayItError: UPLOAD_NOT_FOUND, UPLOAD_OFFSET_MISMATCH, FILE_TOO_LARGE, OVERLOADED, UNAVAILABLE.
        """
        with calling():
            call = self._connection.uploads.AppendUpload(metadata=self._connection.metadata)
            async with sending(call, _append_messages(upload_id, offset, pieces)):
                return _upload(await call)

    async def get_upload(self, upload_id: str) -> Upload:
        """An upload as it is now."""
        request = upload_pb.GetUploadRequest(upload_id=upload_id)
        return _upload(await self._connection.unary(self._connection.uploads.GetUpload, request))

    async def delete_upload(self, upload_id: str) -> None:
        """Deletes an upload; UPLOAD_NOT_FOUND also for one that a job uses."""
        request = upload_pb.DeleteUploadRequest(upload_id=upload_id)
        await self._connection.unary(self._connection.uploads.DeleteUpload, request)

    async def create_job(
        self, upload_id: str, *, options: Options, filename: str = "", idempotency_key: str = ""
    ) -> Job:
        """A job on a finished upload; a key that made a job before returns that one.

        Raises:
            SayItError: as the options, the upload and the service's state give reason to.
        """
        config = service_pb.JobConfig(
            options=wire.options_to_proto(options),
            filename=filename,
            # A key of our own makes it safe to try again where the answer was lost.
            idempotency_key=idempotency_key or str(uuid.uuid4()),
        )
        return await submitting.create_job_from_upload(self._connection, upload_id, config)

    async def get_job(self, job_id: str) -> Job:
        """A job as it is now."""
        request = service_pb.GetJobRequest(job_id=job_id)
        return wire.job_from_proto(await self._connection.unary(self._connection.jobs.GetJob, request))

    async def list_jobs(
        self,
        *,
        states: Iterable[JobState] = (),
        created_after_s: float | None = None,
        page_size: int = 50,
        page_token: str = "",
    ) -> tuple[tuple[Job, ...], str]:
        """A page of jobs, newest first, and the token of the next one ("" on the last page)."""
        request = service_pb.ListJobsRequest(
            states=map(wire.job_state_to_proto, states),
            created_after=None if created_after_s is None else wire.timestamp_to_proto(created_after_s),
            page_size=page_size,
            page_token=page_token,
        )
        page = await self._connection.unary(self._connection.jobs.ListJobs, request)
        return tuple(map(wire.job_from_proto, page.jobs)), page.next_page_token

    def watch(self, job_id: str, after_seq: int = 0) -> AsyncGenerator[JobEvent, None]:
        """A job's events: the durable ones after `after_seq`, then all as they happen, across lost connections."""
        return follow(self._connection, Cursor(job_id, after_seq))

    async def cancel(self, job_id: str) -> Job:
        """Cancels a job; an ended one is returned as it is."""
        request = service_pb.CancelJobRequest(job_id=job_id)
        return wire.job_from_proto(await self._connection.unary(self._connection.jobs.CancelJob, request))

    async def delete(self, job_id: str) -> None:
        """Deletes a job with its audio and text; a running one is cancelled first."""
        await self._connection.unary(self._connection.jobs.DeleteJob, service_pb.DeleteJobRequest(job_id=job_id))

    async def transcript(self, job_id: str) -> Transcript:
        """A finished job's transcript; JOB_NOT_FINISHED, JOB_FAILED, JOB_CANCELLED where there is none."""
        request = service_pb.GetTranscriptRequest(job_id=job_id)
        return wire.transcript_of_parts(await reading.transcript_parts(self._connection, request))

    async def rendered(self, job_id: str, form: Format, *, raw: bool = False) -> bytes:
        """A finished job's transcript as a file, UTF-8, raw as the model wrote it; errors as for `transcript`."""
        request = service_pb.GetTranscriptRequest(job_id=job_id, format=wire.format_to_proto(form), raw=raw)
        parts = await reading.transcript_parts(self._connection, request)
        return b"".join(part.content for part in parts)

    async def put_vocabulary(self, name: str, words: Iterable[str], prompt: str) -> Vocabulary:
        """Stores a vocabulary; INVALID_VOCABULARY, TOO_MANY_VOCABULARIES."""
        return await vocabularies.put(self._connection, name, words, prompt)

    async def get_vocabulary(self, name: str) -> Vocabulary:
        """A vocabulary, or VOCABULARY_NOT_FOUND."""
        return await vocabularies.get(self._connection, name)

    async def list_vocabularies(self) -> tuple[Vocabulary, ...]:
        """All of the caller's, by name."""
        return await vocabularies.every(self._connection)

    async def delete_vocabulary(self, name: str) -> None:
        """Deletes a vocabulary, or VOCABULARY_NOT_FOUND."""
        await vocabularies.delete(self._connection, name)

    async def models(self) -> tuple[Model, ...]:
        """The models that can be asked for."""
        found = await self._connection.unary(self._connection.jobs.ListModels, service_pb.ListModelsRequest())
        return tuple(map(wire.model_from_proto, found.models))

    async def status(self) -> SystemStatus:
        """The state of the installation."""
        request = system_pb.GetStatusRequest()
        return wire.status_from_proto(await self._connection.unary(self._connection.system.GetStatus, request))


async def _append_messages(upload_id: str, offset: int, pieces: AsyncIterator[bytes]) -> AsyncGenerator[Message, None]:
    """The head, then data in blocks, then the empty message that says that this was all."""
    yield upload_pb.AppendUploadRequest(start=upload_pb.AppendStart(upload_id=upload_id, offset=offset))
    block = bytearray()
    async for piece in pieces:
        block += piece
        while len(block) >= BLOCK_BYTES:
            yield upload_pb.AppendUploadRequest(data=bytes(block[:BLOCK_BYTES]))
            del block[:BLOCK_BYTES]
    if block:
        yield upload_pb.AppendUploadRequest(data=bytes(block))
    yield upload_pb.AppendUploadRequest(data=b"")


def _upload(message: upload_pb.Upload) -> Upload:
    return Upload(
        id=message.id,
        filename=message.filename,
        received=message.received_bytes,
        size=message.size_bytes if message.HasField("size_bytes") else None,
        expires_at_s=wire.epoch_s(message.expire_time),
    )


def _pem(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise StartError(f"{path} cannot be read: {(error.strerror or '').lower()}") from None
