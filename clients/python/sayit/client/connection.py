"""The connection to a gateway: address, credentials, channel, and what gRPC's failures mean."""

from __future__ import annotations

import asyncio
import functools
import ipaddress
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import grpc
from grpc import aio

from sayit.client.audio_sources import in_thread
from sayit.client.diagnosis import NOT_SAYIT, diagnose, unexplained
from sayit.client.retry import RetryBudget
from sayit.client.signing import Signer, SigningChannel
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.request_signatures import SigningKey
from sayit.speech.wire.errors import error_of_call
from sayit.v1 import (
    admin_service_pb2_grpc,
    key_service_pb2_grpc,
    live_service_pb2_grpc,
    share_service_pb2_grpc,
    system_service_pb2_grpc,
    transcription_service_pb2_grpc,
    upload_service_pb2_grpc,
    vocabulary_service_pb2_grpc,
)

_Response = TypeVar("_Response")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to reach a gateway, and how long to go on when it does not answer."""

    #: "host:port", or any gRPC target (`dns:///…`, `unix:/path`).
    address: str
    #: Sent as `authorization: Bearer …`; one that signs is not sent, but signs every call. Empty: none.
    api_key: str
    #: PEM certificates to trust instead of the system's; they imply TLS.
    root_certificates: bytes | None
    #: Whether to use TLS.
    tls: bool
    #: Whether the key may travel over plain text to another machine.
    insecure: bool
    #: Seconds without any progress after which a broken watch or upload gives up.
    reconnect_s: float
    #: Seconds for which a call that has not begun to work is tried again.
    retry_s: float
    #: Deadline in seconds of each attempt of a short call.
    timeout_s: float
    #: The name that the gateway's certificate must be valid for; empty: the address's.
    server_name: str = ""
    #: PEM certificate chain and private key for a gateway that asks for one; it implies TLS.
    client_certificate: bytes | None = None
    #: Seconds for which the first connection is tried, where that is less than `retry_s`; None: no less.
    connect_s: float | None = None
    #: Whether errors name the address and what is wrong with it: for a client whose user chose the address.
    explains: bool = False

    @property
    def secure(self) -> bool:
        """Whether the connection is encrypted."""
        return self.tls or self.root_certificates is not None or self.client_certificate is not None

    def checked(self) -> Settings:
        """These settings, or INVALID_ARGUMENT if they would send the key unencrypted to another machine."""
        if self.api_key and not (self.secure or self.insecure or is_loopback(self.address)):
            raise SayItError(
                ErrorKind.INVALID_ARGUMENT,
                field="api_key",
                reason="an API key is not sent over plain text to another machine; use tls=True (or insecure=True)",
            )
        return self


class GatewayConnection:
    """A lazily opened channel with its stubs; it belongs to the event loop that first used it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings.checked()
        key = self.settings.api_key
        #: The metadata of every call.
        self.metadata: tuple[tuple[str, str], ...] = (("authorization", f"Bearer {key}"),) if key else ()
        #: With what every call is signed, in place of credentials; None: none is.
        self.signer: Signer | None = SigningKey.of_text(key)
        if self.signer is not None:
            self.metadata = ()
        self._channel: aio.Channel | None = None
        self._closed = False
        #: Whether a gateway has answered.
        self._reached = False
        self._lender: GatewayConnection | None = None

    def on_behalf(self, metadata: Iterable[tuple[str, str]], signer: Signer | None = None) -> GatewayConnection:
        """A connection on this one's channel with other metadata: for a caller that acts for several principals."""
        borrowed = GatewayConnection(self.settings)
        borrowed.metadata, borrowed.signer = tuple(metadata), signer
        borrowed._lender = self  # the same class
        return borrowed

    @property
    def jobs(self) -> transcription_service_pb2_grpc.TranscriptionServiceAsyncStub:
        """The transcription service."""
        return transcription_service_pb2_grpc.TranscriptionServiceStub(self.channel())

    @property
    def uploads(self) -> upload_service_pb2_grpc.UploadServiceAsyncStub:
        """The upload service."""
        return upload_service_pb2_grpc.UploadServiceStub(self.channel())

    @property
    def vocabularies(self) -> vocabulary_service_pb2_grpc.VocabularyServiceAsyncStub:
        """The vocabulary service."""
        return vocabulary_service_pb2_grpc.VocabularyServiceStub(self.channel())

    @property
    def keys(self) -> key_service_pb2_grpc.KeyServiceAsyncStub:
        """The service of API keys."""
        return key_service_pb2_grpc.KeyServiceStub(self.channel())

    @property
    def sharing(self) -> share_service_pb2_grpc.ShareServiceAsyncStub:
        """The service of share links."""
        return share_service_pb2_grpc.ShareServiceStub(self.channel())

    @property
    def live(self) -> live_service_pb2_grpc.LiveServiceAsyncStub:
        """The service of live speech."""
        return live_service_pb2_grpc.LiveServiceStub(self.channel())

    @property
    def system(self) -> system_service_pb2_grpc.SystemServiceAsyncStub:
        """The system service."""
        return system_service_pb2_grpc.SystemServiceStub(self.channel())

    @property
    def admin(self) -> admin_service_pb2_grpc.AdminServiceAsyncStub:
        """The service for operators."""
        return admin_service_pb2_grpc.AdminServiceStub(self.channel())

    async def unary(
        self, method: aio.UnaryUnaryMultiCallable[Any, _Response], request: Any, *, retry: RetryBudget | None = None
    ) -> _Response:
        """Calls a method that may be called twice, again and again for `retry_s` while no answer comes."""

        async def attempt() -> _Response:
            with self.errors_translated():
                return await method(request, metadata=self.metadata, timeout=self.settings.timeout_s)

        return await (retry or self.retry_budget(self.settings.retry_s)).call(attempt)

    async def once(self, method: aio.UnaryUnaryMultiCallable[Any, _Response], request: Any) -> _Response:
        """Calls a method that must not be called twice."""
        with self.errors_translated():
            return await method(request, metadata=self.metadata, timeout=self.settings.timeout_s)

    async def delete(self, method: aio.UnaryUnaryMultiCallable[Any, Any], request: Any, missing: ErrorKind) -> None:
        """Calls a method that deletes, as `unary` does; `missing` is its error where there is nothing to delete."""
        retry = self.retry_budget(self.settings.retry_s)
        try:
            await self.unary(method, request, retry=retry)
        except SayItError as error:
            # The answer to an earlier attempt was lost, not the attempt.
            if not (error.kind is missing and retry.failures):
                raise

    async def stream(
        self, method: aio.UnaryStreamMultiCallable[Any, _Response], request: Any
    ) -> AsyncGenerator[_Response, None]:
        """One attempt at a call that answers with a stream; leaving the iteration cancels the call."""
        with self.errors_translated():
            call = method(request, metadata=self.metadata)
            try:
                async for message in call:
                    self.answered()
                    yield message
            finally:
                call.cancel()

    def answered(self) -> None:
        """Notes that a gateway has answered: one that does not any more is waited for."""
        self._reached = True

    @contextmanager
    def errors_translated(self) -> Iterator[None]:
        """Turns gRPC's failures in the block into SayItError; a block that ends has had its answer."""
        try:
            with errors_translated():
                yield
        except SayItError as error:
            self._reached = self._reached or error.sentences is not None
            if self.settings.explains and error.cause.startswith("UNIMPLEMENTED"):
                raise SayItError(ErrorKind.INTERNAL, sentences=NOT_SAYIT, cause=error.cause) from error
            raise
        self._reached = True

    def retry_budget(self, limit_s: float) -> RetryBudget:
        """For calls that are tried again for so long; for `connect_s` until a gateway has answered once."""
        first_s = limit_s if self.settings.connect_s is None else min(limit_s, self.settings.connect_s)
        return RetryBudget(lambda: limit_s if self._reached else first_s, self._explained)

    async def _explained(self, error: SayItError, *, first: bool) -> tuple[SayItError, bool]:
        """An error of the connection with what is wrong, and whether that will stay so."""
        settings = self.settings
        if not settings.explains or error.kind is not ErrorKind.UNAVAILABLE or error.sentences is not None:
            return error, False
        if first and self._reached:
            return error, False
        found = await in_thread(
            functools.partial(
                diagnose,
                settings.address,
                secure=settings.secure,
                roots=settings.root_certificates,
                server_name=settings.server_name,
                shows=settings.client_certificate is not None,
            )
        )
        sentences = found.sentences if found else unexplained(settings.address)
        explained = SayItError(
            error.kind,
            sentences=sentences,
            cause=error.cause,
            retry_after_s=error.retry_after_s,
            address=settings.address,
        )
        return explained, found is not None and found.cause.lasting and not self._reached

    async def close(self) -> None:
        """Ends all calls and closes the channel; nothing can be called afterwards."""
        self._closed = True
        if self._channel is not None:
            await self._channel.close()

    def channel(self) -> aio.Channel:
        """The channel, opened with the first call; its calls are signed where there is a signer."""
        opened = self.unsigned_channel()
        return opened if self.signer is None else cast("aio.Channel", SigningChannel(opened, self.signer))

    def unsigned_channel(self) -> aio.Channel:
        """The channel whose calls are as they are; see `channel`."""
        if self._lender is not None:
            return self._lender.unsigned_channel()
        if self._closed:
            raise _closed()
        if self._channel is None:
            options: list[tuple[str, int | str]] = [*_options(self.settings.address)]
            if self.settings.server_name:
                options.append(("grpc.ssl_target_name_override", self.settings.server_name))
            if self.settings.secure:
                # gRPC takes from each text what it looks for.
                own = self.settings.client_certificate
                credentials = grpc.ssl_channel_credentials(self.settings.root_certificates, own, own)
                self._channel = aio.secure_channel(self.settings.address, credentials, options)
            else:
                self._channel = aio.insecure_channel(self.settings.address, options)
        return self._channel


@contextmanager
def errors_translated() -> Iterator[None]:
    """Turns gRPC's failures into SayItError, and the cancellation of a call by `close` into RuntimeError."""
    try:
        yield
    except aio.AioRpcError as error:
        raise error_of_call(error) from error
    except aio.UsageError:  # the channel was closed between two steps
        raise _closed() from None
    except asyncio.CancelledError:
        # gRPC says CancelledError for a cancelled call too; only a cancelled task may see one.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise _closed() from None


def is_loopback(address: str) -> bool:
    """Whether a gRPC target cannot leave this machine."""
    if address.startswith(("unix:", "unix-abstract:")):
        return True
    hosts = address.removeprefix("dns:").removeprefix("ipv4:").removeprefix("ipv6:").rpartition("/")[2].split(",")
    return all(_is_loopback_host(host) for host in hosts)


def _is_loopback_host(host_and_port: str) -> bool:
    bracketed = host_and_port.startswith("[")
    host = host_and_port[1:].partition("]")[0] if bracketed else host_and_port.partition(":")[0]
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _options(address: str) -> list[tuple[str, int]]:
    options = [
        # A machine that vanished without closing the connection is noticed within 40 s of a call; the gateway permits
        # these pings.
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        # Without it an unanswered ping is waited for a minute, whatever the keepalive's own timeout says.
        ("grpc.http2.ping_timeout_ms", 10_000),
        # gRPC's own reconnection may pause two minutes; a restarted gateway should be found at once.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 1_000),
        ("grpc.max_reconnect_backoff_ms", 3_000),
        ("grpc.max_receive_message_length", 16 * 1024 * 1024),
    ]
    if is_loopback(address):
        # An http_proxy of the environment cannot reach this machine's loopback.
        options.append(("grpc.enable_http_proxy", 0))
    return options


def _closed() -> RuntimeError:
    return RuntimeError("The client is closed.")
