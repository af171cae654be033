"""The composition root: every real part of the gateway is made and wired here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import grpc

from sayit.chassis import telemetry
from sayit.chassis.background_tasks import in_background
from sayit.chassis.reload import Reload
from sayit.chassis.server import PUBLIC_MESSAGE_BYTES, RunningServer, serving
from sayit.chassis.service_auth import service_channel
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
from sayit.gateway.auth.keys import KeyRing
from sayit.gateway.auth.stored_keys import StoredKeys
from sayit.gateway.auth.tokens import Tokens
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
    key_file = KeyRing(settings.api_keys_file) if settings.api_keys_file else None
    tokens = Tokens(settings) if settings.jwt_issuer else None
    credentials = _credentials(settings)
    async with service_channel(settings.scheduler_address, settings, retried=_RETRIED) as channel:
        scheduler = job_service_pb2_grpc.JobServiceStub(channel)
        event_relay = EventRelay(channel, resume_s=settings.resume_s)
        pace = Pace(message_s=settings.upload_message_s, min_bytes_per_s=settings.upload_min_bytes_per_s)
        uploads, watchers = Slots(settings.max_uploads, "uploads"), Slots(settings.max_watchers, "watchers")
        sessions = Slots(settings.max_live_sessions, "live sessions")

        requests, addresses = RequestLimits(settings), AddressRules(settings)
        stored = StoredKeys(looking_up(key_service_pb2_grpc.KeyServiceStub(channel)))
        callers = Callers(key_file, stored, tokens)

        def adopt(now: GatewaySettings) -> None:
            uploads.limit, watchers.limit = now.max_uploads, now.max_watchers
            sessions.limit = now.max_live_sessions
            requests.adopt(now)
            addresses.adopt(now)

        if reload is not None:
            reload.follow(adopt)

        def register(server: grpc.aio.Server) -> None:
            transcription = TranscriptionServicer(scheduler, event_relay, uploads=uploads, watchers=watchers, pace=pace)
            transcription_service_pb2_grpc.add_TranscriptionServiceServicer_to_server(transcription, server)
            share_service_pb2_grpc.add_ShareServiceServicer_to_server(ShareServicer(scheduler, transcription), server)
            upload_service_pb2_grpc.add_UploadServiceServicer_to_server(
                UploadServicer(scheduler, uploads, pace), server
            )
            live_service_pb2_grpc.add_LiveServiceServicer_to_server(
                LiveServicer(channel, sessions, idle_s=settings.live_idle_s), server
            )
            vocabulary_service_pb2_grpc.add_VocabularyServiceServicer_to_server(VocabularyServicer(scheduler), server)
            public_key_service_pb2_grpc.add_KeyServiceServicer_to_server(KeyServicer(scheduler), server)
            system_service_pb2_grpc.add_SystemServiceServicer_to_server(SystemServicer(scheduler), server)
            administration = AdminServicer(
                admin_service_pb2_grpc.AdminServiceStub(channel),
                open=not settings.asks_for_keys,
                slots={
                    "SAYIT_MAX_UPLOADS": uploads,
                    "SAYIT_MAX_WATCHERS": watchers,
                    "SAYIT_MAX_LIVE_SESSIONS": sessions,
                },
                settings=lambda: settings if reload is None else reload.settings,
            )
            admin_service_pb2_grpc.add_AdminServiceServicer_to_server(administration, server)

        async with (
            aclosing(requests),
            serving(
                address=settings.listen,
                register=register,
                service_names=SERVICE_NAMES,
                interceptors=[
                    PrincipalInterceptor(
                        callers,
                        lambda who: requests.use(who.principal, who.requests),
                        addresses,
                        everyone=not settings.asks_for_keys,
                    )
                ],
                credentials=credentials,
                receive_bytes=PUBLIC_MESSAGE_BYTES,
                grace_s=settings.grace_s,
                resumable=["sayit.v1.LiveService/StreamingRecognize"],
                max_connection_age_s=settings.max_connection_age_s,
                slow_reader_s=settings.slow_reader_s,
                max_connections=settings.max_connections,
                max_connection_idle_s=_IDLE_S,
                # More than are served at all: a bridge has one connection for all its clients.
                max_concurrent_streams=settings.max_uploads
                + settings.max_watchers
                + settings.max_live_sessions
                + _OTHER_CALLS,
            ) as server,
            in_background(follow_scheduler(channel, server.set_serving)),
            in_background(end_calls_of_old_keys(callers, server)),
        ):
            if credentials is None and not is_loopback(settings.listen):
                telemetry.logger().warning("plain_text", address=server.address, advice="set SAYIT_TLS_CERT_FILE")
            try:
                yield server
            finally:
                event_relay.drain()


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
