"""Calls between our services: the principal is sent along, and calls without the secret are refused."""

from __future__ import annotations

import hmac
import ipaddress
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Self, cast

import grpc

from sayit.chassis import principal, telemetry
from sayit.chassis.interceptors import TRACEPARENT_KEY, is_open
from sayit.chassis.principal import PRINCIPAL_METADATA_KEY, Principal
from sayit.chassis.server import SERVICE_MESSAGE_BYTES
from sayit.chassis.settings import ServiceSettings
from sayit.chassis.start import StartError
from sayit.speech.errors import ErrorKind, SayItError

#: Metadata of the secret that all services share.
SECRET_METADATA_KEY = "sayit-internal-secret"  # noqa: S105 - the key's name, not the secret

_CHANNEL_OPTIONS: list[tuple[str, int]] = [
    ("grpc.max_receive_message_length", SERVICE_MESSAGE_BYTES),
    ("grpc.max_send_message_length", SERVICE_MESSAGE_BYTES),
    # A peer that stands still (SIGSTOP, a machine that sleeps) gets its share of the calls until a ping fails.
    ("grpc.keepalive_time_ms", 7_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # Without it an unanswered ping is waited for a minute, whatever the keepalive's own timeout says.
    ("grpc.http2.ping_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # Where a name stands for several schedulers, a new one is found within seconds, not within gRPC's thirty.
    ("grpc.dns_min_time_between_resolutions_ms", 2_000),
    # A restarted scheduler is back within seconds; gRPC's own backoff grows to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 2_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.use_local_subchannel_pool", 1),
    # Our services reach each other directly, whatever the environment says about the way out.
    ("grpc.enable_http_proxy", 0),
]


#: What the certificates of services are valid for: one name, because many addresses may stand for one service.
_INTERNAL_NAME = "sayit-internal"
_MAKE_CALLS = frozenset({"unary_unary", "unary_stream", "stream_unary", "stream_stream"})


def service_interceptors(settings: ServiceSettings) -> Sequence[grpc.aio.ServerInterceptor]:
    """Server interceptors of an internal service: the secret is checked where one is set, the principal is set."""
    return (_FromService(settings.internal_secret.get_secret_value()),)


class _FromService(grpc.aio.ServerInterceptor):
    def __init__(self, secret: str) -> None:
        self._secret = secret

    async def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]], details: grpc.HandlerCallDetails
    ) -> Any:
        if not is_open(str(details.method)):
            metadata = dict(details.invocation_metadata or ())
            self._check(metadata.get(SECRET_METADATA_KEY, ""))
            value = metadata.get(PRINCIPAL_METADATA_KEY)
            if isinstance(value, bytes):
                principal.bind(Principal.from_metadata(value))
        return await continuation(details)

    def _check(self, given: str | bytes) -> None:
        data = given if isinstance(given, bytes) else given.encode()
        if self._secret and not hmac.compare_digest(data, self._secret.encode()):
            raise SayItError(ErrorKind.UNAUTHENTICATED, cause="wrong or missing internal secret")


def service_channel(address: str, settings: ServiceSettings, *, retried: Sequence[str] = ()) -> grpc.aio.Channel:
    """A channel to another of our services; every call carries the context's principal and span, and the secret.

    Where there are several of that service, calls go to all of them in turn. One that is gone gets no more calls; those
    that it had not begun go to another by themselves, and so do the `retried` ones.

    Args:
        address: "host:port", where a DNS name may stand for several of them, "unix:path", or several "ip:port"
            separated by commas.
        settings: internal_secret and internal_certificate are used.
        retried: methods, "package.Service/Method", that gRPC sends again for some seconds while the peer is away.

    Raises:
        StartError: the address cannot be one, or the certificate cannot be read.
    """
    options: list[tuple[str, int | str]] = [*_CHANNEL_OPTIONS, ("grpc.service_config", _service_config(retried))]
    if (pems := _pems(settings)) is None:
        channel = grpc.aio.insecure_channel(target(address), options=options)
    else:
        own, authorities = pems
        options.append(("grpc.ssl_target_name_override", _INTERNAL_NAME))
        trust = grpc.ssl_channel_credentials(authorities, own, own)
        channel = grpc.aio.secure_channel(target(address), trust, options=options)
    return cast("grpc.aio.Channel", _ServiceChannel(channel, settings.internal_secret.get_secret_value()))


def service_credentials(settings: ServiceSettings) -> grpc.ServerCredentials | None:
    """With which an internal service serves the others; None for plain text.

    Raises:
        StartError: the certificate, or that of its authority, cannot be read.
    """
    if (pems := _pems(settings)) is None:
        return None
    own, authorities = pems
    return grpc.ssl_server_credentials([(own, own)], authorities, require_client_auth=True)


def _pems(settings: ServiceSettings) -> tuple[bytes, bytes] | None:
    """Certificate with key, and its authorities; gRPC takes from each text what it looks for."""
    own, authorities = settings.internal_certificate, settings.internal_ca_file
    if own is None and authorities is None:
        return None
    if own is None or authorities is None:
        raise StartError("TLS between services needs both SAYIT_INTERNAL_CERTIFICATE and SAYIT_INTERNAL_CA_FILE")
    try:
        return own.read_bytes(), authorities.read_bytes()
    except OSError as error:
        raise StartError(f"{error.filename} cannot be read: {(error.strerror or '').lower()}") from None


def target(address: str) -> str:
    """What gRPC calls an address as `service_channel` takes it.

    Raises:
        StartError: several addresses that are not all IPv4 or all IPv6.
    """
    addresses = [each.strip().replace("localhost:", "127.0.0.1:") for each in address.split(",") if each.strip()]
    if len(addresses) < 2:
        return address.strip().rstrip(",")
    try:
        kinds = {ipaddress.ip_address(each.rpartition(":")[0].strip("[]")).version for each in addresses}
    except ValueError:
        kinds = set()
    if len(kinds) != 1:
        raise StartError(
            f"'{address}' cannot be reached: several addresses must be IP addresses of one kind, as in "
            "10.0.0.1:50052,10.0.0.2:50052. Otherwise use one DNS name that stands for all of them"
        )
    return f"ipv{kinds.pop()}:{','.join(addresses)}"


def _service_config(retried: Sequence[str]) -> str:
    names = [dict(zip(("service", "method"), method.split("/"), strict=True)) for method in retried]
    policy = {
        "maxAttempts": 5,
        "initialBackoff": "0.3s",
        "maxBackoff": "3s",
        "backoffMultiplier": 2.5,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }
    methods = [{"name": names, "retryPolicy": policy}] if names else []
    return json.dumps({"loadBalancingConfig": [{"round_robin": {}}], "methodConfig": methods})


class _ServiceChannel:
    """Adds metadata where a call begins; all else is the channel's.

    It stands in for client interceptors, which in grpc.aio put a queue and a task between the caller and every
    streaming call and so would delay backpressure and cancellation.
    """

    def __init__(self, channel: grpc.aio.Channel, secret: str) -> None:
        self._channel = channel
        self._secret = secret

    def __getattr__(self, name: str) -> Any:
        """The channel's attribute; of a method that makes calls, one whose calls carry the metadata."""
        inner = getattr(self._channel, name)
        if name not in _MAKE_CALLS:
            return inner

        def make(*args: Any, **kwargs: Any) -> Any:
            begin = inner(*args, **kwargs)
            return lambda *args, metadata=None, **kwargs: begin(*args, metadata=self._extended(metadata), **kwargs)

        return make

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc_info: object) -> None:
        await self._channel.close()

    def _extended(self, metadata: Any) -> list[tuple[str, str | bytes]]:
        who = principal.current_or_none()
        ours = {
            PRINCIPAL_METADATA_KEY: who.to_metadata() if who else b"",
            TRACEPARENT_KEY: telemetry.traceparent(),
            SECRET_METADATA_KEY: self._secret,
        }
        return [*(metadata or ()), *((key, value) for key, value in ours.items() if value)]
