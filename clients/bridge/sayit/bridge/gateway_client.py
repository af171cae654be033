"""The connection to the gateway: the public stubs, with the credentials of the HTTP request."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from sayit.bridge.settings import BridgeSettings
from sayit.chassis.start import StartError
from sayit.client import AsyncClient, pages, uploads
from sayit.client.audio_sources import BLOCK_BYTES
from sayit.client.connection import GatewayConnection, Settings
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import Job
from sayit.speech.rendering import Format, SubtitleStyle
from sayit.speech.request_signatures import RequestSignature, SigningKey
from sayit.speech.share_links import SharedRecording
from sayit.speech.wire import format_to_proto, shared_from_proto, style_to_proto
from sayit.v1 import share_service_pb2 as share_pb
from sayit.v1 import transcription_service_pb2 as service_pb
from sayit.v1 import upload_service_pb2 as upload_pb

#: How long a call is tried again while no gateway answers; shorter than in the SDK, because an HTTP client waits.
_RETRY_S = 5.0
#: How long a watch goes on without any progress; its client resumes by itself afterwards.
_RECONNECT_S = 60.0
_TIMEOUT_S = 30.0
#: For how long a gateway that took a key is not asked again, and for how many keys that is remembered.
_ADMITTED_S = 30.0
_MAX_ADMITTED = 10_000

#: What can be passed on as metadata, of which gRPC takes 8 KiB; in place of what cannot goes what is no key.
_SENDABLE = re.compile(r"[\x20-\x7e]{1,6000}")
_NO_KEY = "Bearer none"

#: A file that is arriving or has arrived.
Upload = upload_pb.Upload


@dataclass(frozen=True, kw_only=True)
class GivenRecording:
    """A recording as it was sent."""

    filename: str
    #: Bytes, of all of it.
    size: int
    #: What was asked for of it; to be closed.
    data: AsyncGenerator[bytes]


class Gateway(AsyncClient):
    """The SDK's client with what only a bridge needs: uploads in steps, pages of jobs, other credentials for each call.

    Args:
        connection: an open channel; `acting_for` borrows it.
    """

    def __init__(self, connection: GatewayConnection, admitted: dict[bytes, float] | None = None) -> None:
        self._connection = connection
        #: When the gateway last took a call with some metadata, by its digest, on the loop's clock.
        self._admitted: dict[bytes, float] = {} if admitted is None else admitted

    @classmethod
    def at(cls, settings: BridgeSettings) -> Self:
        """A gateway at the address in the settings; the channel opens with the first call.

        Raises:
            StartError: the certificates cannot be read.
        """
        connection = GatewayConnection(
            Settings(
                address=settings.gateway_address,
                api_key="",
                root_certificates=_pem(settings.gateway_root_certificates),
                client_certificate=_pem(settings.gateway_client_certificate),
                tls=settings.gateway_tls,
                insecure=False,
                reconnect_s=_RECONNECT_S,
                retry_s=_RETRY_S,
                timeout_s=_TIMEOUT_S,
                server_name=settings.gateway_name,
            )
        )
        return cls(connection)

    def acting_for(
        self,
        *,
        authorization: str = "",
        traceparent: str = "",
        forwarded_for: str = "",
        signer: SigningKey | None = None,
    ) -> Gateway:
        """The same gateway, called with these credentials ("Bearer …"), in this trace, for a client at an address.

        Args:
            authorization: the credentials.
            traceparent: the trace.
            forwarded_for: addresses of the client and of proxies before the bridge, separated by commas.
            signer: the key of a client that signs, in place of credentials.
        """
        if authorization and not _SENDABLE.fullmatch(authorization):
            authorization = _NO_KEY
        metadata = {"authorization": authorization, "traceparent": traceparent, "x-forwarded-for": forwarded_for}
        given = ((name, value) for name, value in metadata.items() if _SENDABLE.fullmatch(value))
        return Gateway(self._connection.on_behalf(given, signer), self._admitted)

    @property
    def signer(self) -> str:
        """The id of the key that signs its calls; empty for none."""
        return getattr(self._connection.signer, "key_id", "")

    @property
    def credentials(self) -> str:
        """What tells the clients apart for whom it calls; empty for none."""
        return self.signer or dict(self._connection.metadata).get("authorization", "")

    async def check_signature(self, signature: RequestSignature, key: SigningKey) -> None:
        """Asks the gateway whether it takes a request that was signed, which it does once.

        Raises:
            SayItError: INVALID_SIGNATURE and the like.
        """
        signer = _Again(signature, key)
        once = Gateway(self._connection.on_behalf(self._connection.metadata, signer))
        await once._asked()  # the same class

    async def _asked(self) -> None:
        try:
            await self.models()
        except SayItError as error:
            if error.kind is not ErrorKind.PERMISSION_DENIED:  # a key that may not read is a key
                raise

    async def check_credentials(self) -> None:
        """Asks the gateway whether it takes calls with these credentials, unless it did within the last half minute.

        It is asked before a body is read; every later call is checked by the gateway itself.

        Raises:
            SayItError: UNAUTHENTICATED and the like.
        """
        given = dict(self._connection.metadata)
        who = f"{given.get('authorization', '')} {given.get('x-forwarded-for', '')}"
        digest = hashlib.sha256(who.encode()).digest()
        now_s = asyncio.get_running_loop().time()
        if now_s - self._admitted.get(digest, -_ADMITTED_S) < _ADMITTED_S:
            return
        await self._asked()
        if len(self._admitted) >= _MAX_ADMITTED:
            self._admitted.clear()
        self._admitted[digest] = now_s

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
        return await self._connection.unary(self._connection.uploads.CreateUpload, request)

    async def append(self, upload_id: str, offset: int, pieces: AsyncIterator[bytes]) -> Upload:
        """Appends bytes while they arrive and returns the upload as it is then. What `pieces` raises is raised.

        Raises:
            SayItError: UPLOAD_NOT_FOUND, UPLOAD_OFFSET_MISMATCH, FILE_TOO_LARGE, OVERLOADED, UNAVAILABLE.
        """
        return await uploads.append(self._connection, upload_id, offset, _blocks(pieces))

    async def get_upload(self, upload_id: str) -> Upload:
        """An upload as it is now."""
        request = upload_pb.GetUploadRequest(upload_id=upload_id)
        return await self._connection.unary(self._connection.uploads.GetUpload, request)

    async def delete_upload(self, upload_id: str) -> None:
        """Deletes an upload; UPLOAD_NOT_FOUND also for one that a job uses."""
        request = upload_pb.DeleteUploadRequest(upload_id=upload_id)
        await self._connection.delete(self._connection.uploads.DeleteUpload, request, ErrorKind.UPLOAD_NOT_FOUND)

    async def list_jobs(
        self, wanted: service_pb.ListJobsRequest, page_size: int, page_token: str
    ) -> tuple[list[Job], str]:
        """A page of jobs, newest first, and the token of the next one ("" on the last page)."""
        return await pages.page_of_jobs(self._connection, wanted, page_size, page_token)

    async def shared_recording(self) -> SharedRecording:
        """What the link that is the credential shows, besides the transcript."""
        request = share_pb.GetSharedRecordingRequest()
        return shared_from_proto(await self._connection.unary(self._connection.sharing.GetSharedRecording, request))

    async def shared_transcript(self, form: Format, style: SubtitleStyle) -> bytes:
        """The transcript that the link shows, as a file has it."""
        request = share_pb.GetSharedTranscriptRequest(format=format_to_proto(form), subtitles=style_to_proto(style))
        parts = self._connection.stream(self._connection.sharing.GetSharedTranscript, request)
        return b"".join([part.content async for part in parts])

    async def audio(self, job_id: str | None, *, offset: int = 0, length: int | None = None) -> GivenRecording:
        """A job's recording, or the one that the link shows, or bytes of it: see GetAudioRequest."""
        parts: AsyncGenerator[service_pb.GetAudioResponse]
        if job_id is None:
            request = share_pb.GetSharedAudioRequest(offset=offset, length=length)
            parts = self._connection.stream(self._connection.sharing.GetSharedAudio, request)
        else:
            asked = service_pb.GetAudioRequest(job_id=job_id, offset=offset, length=length)
            parts = self._connection.stream(self._connection.jobs.GetAudio, asked)
        first = await anext(parts)

        async def data() -> AsyncGenerator[bytes]:
            async with aclosing(parts):
                yield first.data
                async for part in parts:
                    yield part.data

        return GivenRecording(filename=first.filename, size=first.size_bytes, data=data())

    async def audio_address(self, job_id: str) -> str:
        """Where anyone can fetch a job's recording for a while."""
        asked = service_pb.GetAudioAddressRequest(job_id=job_id)
        return (await self._connection.unary(self._connection.jobs.GetAudioAddress, asked)).url


@dataclass(frozen=True)
class _Again:
    """Signs a call with the nonce and the time of a request, so that the gateway remembers them."""

    signature: RequestSignature
    key: SigningKey

    def headers(self, components: Mapping[str, str]) -> dict[str, str]:
        return self.key.headers(components, nonce=self.signature.nonce, created_s=self.signature.created_s)


async def _blocks(pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Bytes in blocks of one message each."""
    block = bytearray()
    async for piece in pieces:
        block += piece
        while len(block) >= BLOCK_BYTES:
            yield bytes(block[:BLOCK_BYTES])
            del block[:BLOCK_BYTES]
    if block:
        yield bytes(block)


def _pem(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise StartError(f"{path} cannot be read: {(error.strerror or '').lower()}") from None
