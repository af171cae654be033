"""The composition root: every real part of the gateway is made and wired here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import grpc

from sayit.chassis import telemetry
from sayit.chassis.background_tasks import in_background
from sayit.chassis.reload import Reload
from sayit.chassis.server import PUBLIC_MESSAGE_BYTES, ConnectionLimits, RunningServer, serving
from sayit.chassis.service_auth import service_channel
from sayit.chassis.settings import secrets_of
from sayit.chassis.start import StartError, is_loopback
from sayit.gateway.api.admin import AdminServicer
from sayit.gateway.api.event_stream import EventRelay
from sayit.gateway.api.keys import KeyServicer, looking_up
from sayit.gateway.api.live import LiveServicer
from sayit.gateway.api.sharing import ShareServicer
from sayit.gateway.api.system import SystemServicer
from sayit.gateway.api.transcription import TranscriptionServicer
from sayit.gateway.api.upload_relay import Pace
from sayit.gateway.api.uploads import UploadServicer, VocabularyServicer
from sayit.gateway.auth.access import PrincipalInterceptor, check_exposure, end_calls_of_old_keys
from sayit.gateway.auth.addresses import AddressRules
from sayit.gateway.auth.callers import Callers
from sayit.gateway.auth.certificates import Certificates
from sayit.gateway.auth.keys import KeyRing
from sayit.gateway.auth.signatures import SignedCalls
from sayit.gateway.auth.stored_keys import StoredKeys
from sayit.gateway.limits.nonces import Nonces
from sayit.gateway.limits.requests import RequestLimits
from sayit.gateway.limits.slots import Slots
from sayit.gateway.readiness import follow_scheduler
from sayit.gateway.settings import GatewaySettings
from sayit.internal.v1 import job_service_pb2_grpc, key_service_pb2_grpc
from sayit.v1 import (
    admin_service_pb2_grpc,
    live_service_pb2_grpc,
    share_service_pb2_grpc,
    system_service_pb2_grpc,
    transcription_service_pb2_grpc,
    upload_service_pb2_grpc,
    vocabulary_service_pb2_grpc,
)
from sayit.v1 import key_service_pb2_grpc as public_key_service_pb2_grpc

if TYPE_CHECKING:
    from sayit.gateway.auth.tokens import Tokens

#: Calls of one connection at once beside uploads, watchers and live sessions; further ones wait.
_OTHER_CALLS = 250

#: How long a connection without calls is kept.
_IDLE_S = 900.0

SERVICE_NAMES = (
    "sayit.v1.TranscriptionService",
    "sayit.v1.UploadService",
    "sayit.v1.VocabularyService",
    "sayit.v1.LiveService",
    "sayit.v1.KeyService",
    "sayit.v1.ShareService",
    "sayit.v1.SystemService",
    "sayit.v1.AdminService",
)


@asynccontextmanager
async def running(
    settings: GatewaySettings, reload: Reload[GatewaySettings] | None = None
) -> AsyncIterator[RunningServer]:
    """Runs a gateway while the block runs; it says SERVING while the scheduler does. Limits follow `reload`.

    Raises:
        StartError: wrong settings, the address is taken, the file of keys or the certificate cannot be read.
    """
    check_exposure(settings)
    credentials = _credentials(settings)
    async with service_channel(settings.scheduler_address, settings, retried=_RETRIED) as channel:
        parts = _Parts(settings, channel, now=lambda: settings if reload is None else reload.settings)
        if reload is not None:
            reload.follow(parts.adopt)
        async with (
            aclosing(parts.requests),
            aclosing(parts.nonces),
            serving(
                address=settings.listen,
                register=parts.register,
                service_names=SERVICE_NAMES,
                interceptors=[parts.interceptor()],
                credentials=credentials,
                receive_bytes=PUBLIC_MESSAGE_BYTES,
                grace_s=settings.grace_s,
                resumable=["sayit.v1.LiveService/StreamingRecognize"],
                limits=_connection_limits(settings),
            ) as server,
            in_background(follow_scheduler(channel, server.set_serving)),
            in_background(end_calls_of_old_keys(parts.callers, server)),
        ):
            if credentials is None and not is_loopback(settings.listen):
                telemetry.logger().warning("plain_text", address=server.address, advice="set SAYIT_TLS_CERT_FILE")
            try:
                yield server
            finally:
                parts.event_relay.drain()


class _Parts:
    """What the calls of one gateway share, and the servicers that are made of it.

    Args:
        settings: those it was started with.
        channel: to the scheduler.
        now: the settings in force.

    Raises:
        StartError: the file of keys cannot be read.
    """

    def __init__(
        self, settings: GatewaySettings, channel: grpc.aio.Channel, now: Callable[[], GatewaySettings]
    ) -> None:
        self._settings, self._channel, self._now = settings, channel, now
        key_file = KeyRing(settings.api_keys_file) if settings.api_keys_file else None
        stored = StoredKeys(looking_up(key_service_pb2_grpc.KeyServiceStub(channel)))
        secrets = secrets_of(settings.signing_secrets)
        self.nonces = Nonces(settings.redis_url.get_secret_value() if secrets else "", settings.redis_prefix)
        signed = SignedCalls(secrets, stored, self.nonces.use)
        self.callers = Callers(key_file, stored, signed, _tokens_of(settings))
        self.requests = RequestLimits(settings)
        self.event_relay = EventRelay(channel, resume_s=settings.resume_s)
        self._addresses, self._certificates = AddressRules(settings), Certificates(settings)
        self._uploads = Slots(settings.max_uploads, "uploads")
        self._watchers = Slots(settings.max_watchers, "watchers")
        self._sessions = Slots(settings.max_live_sessions, "live sessions")

    def adopt(self, now: GatewaySettings) -> None:
        """Takes limits that have changed."""
        self._uploads.limit, self._watchers.limit = now.max_uploads, now.max_watchers
        self._sessions.limit = now.max_live_sessions
        self.requests.adopt(now)
        self._addresses.adopt(now)
        self._certificates.adopt(now)

    def interceptor(self) -> PrincipalInterceptor:
        """Asks each call who calls, from where and how often."""
        return PrincipalInterceptor(
            self.callers,
            self._certificates,
            lambda who: self.requests.use(who.principal, who.requests),
            self._addresses,
            everyone=not self._settings.asks_for_keys,
        )

    def register(self, server: grpc.aio.Server) -> None:
        """Adds all servicers."""
        settings = self._settings
        scheduler = job_service_pb2_grpc.JobServiceStub(self._channel)
        pace = Pace(message_s=settings.upload_message_s, min_bytes_per_s=settings.upload_min_bytes_per_s)
        transcription = TranscriptionServicer(
            scheduler, self.event_relay, uploads=self._uploads, watchers=self._watchers, pace=pace
        )
        sharing = ShareServicer(scheduler, transcription)
        uploads = UploadServicer(scheduler, self._uploads, pace)
        live = LiveServicer(self._channel, self._sessions, idle_s=settings.live_idle_s)
        transcription_service_pb2_grpc.add_TranscriptionServiceServicer_to_server(transcription, server)
        share_service_pb2_grpc.add_ShareServiceServicer_to_server(sharing, server)
        upload_service_pb2_grpc.add_UploadServiceServicer_to_server(uploads, server)
        live_service_pb2_grpc.add_LiveServiceServicer_to_server(live, server)
        vocabulary_service_pb2_grpc.add_VocabularyServiceServicer_to_server(VocabularyServicer(scheduler), server)
        public_key_service_pb2_grpc.add_KeyServiceServicer_to_server(KeyServicer(scheduler), server)
        system_service_pb2_grpc.add_SystemServiceServicer_to_server(SystemServicer(scheduler), server)
        admin_service_pb2_grpc.add_AdminServiceServicer_to_server(self._administration(), server)

    def _administration(self) -> AdminServicer:
        return AdminServicer(
            admin_service_pb2_grpc.AdminServiceStub(self._channel),
            open=not self._settings.asks_for_keys,
            slots={
                "SAYIT_MAX_UPLOADS": self._uploads,
                "SAYIT_MAX_WATCHERS": self._watchers,
                "SAYIT_MAX_LIVE_SESSIONS": self._sessions,
            },
            settings=self._now,
        )


def _tokens_of(settings: GatewaySettings) -> Tokens | None:
    if not settings.jwt_issuer:
        return None
    # Imported here: what checks them takes 10 MB, and most installations have none.
    from sayit.gateway.auth.tokens import Tokens  # noqa: PLC0415

    return Tokens(settings)


def _connection_limits(settings: GatewaySettings) -> ConnectionLimits:
    served = settings.max_uploads + settings.max_watchers + settings.max_live_sessions
    return ConnectionLimits(
        connections=settings.max_connections,
        # More than are served at all: a bridge has one connection for all its clients.
        streams=served + _OTHER_CALLS,
        idle_s=_IDLE_S,
        age_s=settings.max_connection_age_s,
        slow_reader_s=settings.slow_reader_s,
    )


#: Storing a vocabulary twice has the effect of once. Deleting is not retried: the second call fails as not found.
_VOCABULARIES = ("PutVocabulary", "GetVocabulary", "ListVocabularies")
#: Methods that may be sent twice, so that a scheduler's restart does not reach the client.
_RETRIED = tuple(
    f"sayit.internal.v1.JobService/{method}"
    for method in (
        *("GetJob", "ListJobs", "GetTranscript", "ListModels", "GetUpload", "CancelJob", "UpdateJob"),
        *("UpdateTranscript", "GetCorrections", "ListTranscriptVersions", "ListKeys", "RevokeKey"),
        *("ListShareLinks", "GetSharedRecording", "GetSharedTranscript"),
        *_VOCABULARIES,
    )
) + tuple(
    f"sayit.v1.AdminService/{method}"
    for method in (
        *("GetUsage", "GetQueue", "ListOwnedJobs", "CancelOwnedJob", "RetryOwnedJob", "ListLimits", "ListSettings"),
        *("ListWebhookMessages", "ListAuditEntries", "ListLegalHolds", "PlaceLegalHold"),
    )
)


def _credentials(settings: GatewaySettings) -> grpc.ServerCredentials | None:
    if settings.tls_clients and settings.tls_client_ca_file is None:
        raise StartError("SAYIT_TLS_CLIENTS needs SAYIT_TLS_CLIENT_CA_FILE: else no certificate is asked for")
    files = settings.tls_cert_file, settings.tls_key_file, settings.tls_client_ca_file
    if files == (None, None, None):
        return None
    if settings.tls_cert_file is None or settings.tls_key_file is None:
        raise StartError("TLS needs both SAYIT_TLS_CERT_FILE and SAYIT_TLS_KEY_FILE")
    pair = (_pem(settings.tls_key_file), _pem(settings.tls_cert_file))
    authorities = None if settings.tls_client_ca_file is None else _pem(settings.tls_client_ca_file)
    return grpc.ssl_server_credentials([pair], authorities, require_client_auth=authorities is not None)


def _pem(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StartError(f"{path} cannot be read: {(error.strerror or '').lower()}") from None
    if b"-----BEGIN" not in content:
        raise StartError(f"{path} is no PEM file")
    return content
