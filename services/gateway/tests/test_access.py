"""Who may call the gateway, where it may listen, and TLS."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pydantic import ValidationError

from sayit.chassis import probe
from sayit.chassis.principal import Principal
from sayit.chassis.start import StartError
from sayit.client import AsyncClient
from sayit.gateway.auth.access import check_exposure
from sayit.gateway.auth.keys import create_key, revoke_key
from sayit.gateway.service import running
from sayit.speech.errors import ErrorKind, SayItError
from sayit.v1 import system_service_pb2, system_service_pb2_grpc
from sayit.v1.transcription_service_pb2 import GetJobRequest

from .helper import failure, settings, suite


@pytest.mark.parametrize("listen", ["127.0.0.1:50051", "localhost:50051", "[::1]:50051", "127.3.2.1:1", "unix:/run/s"])
def test_loopback_needs_no_keys(listen: str) -> None:
    """Whoever can reach a loopback address or a Unix socket is already on this machine."""
    check_exposure(settings(listen=listen))


@pytest.mark.parametrize("listen", ["0.0.0.0:50051", "[::]:50051", "10.1.2.3:50051", "[2001:db8::1]:1"])
def test_other_addresses_need_keys_or_a_decision(listen: str, tmp_path: Path) -> None:
    """An address that others can reach is refused without keys, unless somebody asked for it by name."""
    with pytest.raises(StartError, match="SAYIT_REQUIRE_KEYS") as caught:
        check_exposure(settings(listen=listen))
    assert "\n" not in str(caught.value)
    check_exposure(settings(listen=listen, allow_unauthenticated=True))
    check_exposure(settings(listen=listen, api_keys_file=tmp_path / "keys.json"))
    check_exposure(settings(listen=listen, require_keys=True))


@pytest.mark.parametrize(
    "listen", ["50051", "127.0.0.1", "127.0.0.1:http", "127.0.0.1:70000", "no.such.host.invalid:1"]
)
def test_no_address_is_told(listen: str) -> None:
    """Something that is no address, or a host that does not resolve, is told in one line."""
    with pytest.raises(StartError):
        check_exposure(settings(listen=listen))


@pytest.mark.parametrize(
    "metadata",
    [
        lambda key: [("authorization", f"Bearer {key}")],
        lambda key: [("authorization", f"bearer {key}")],
        lambda key: [("x-api-key", key)],
    ],
    ids=["bearer", "lower case", "x-api-key"],
)
async def test_key_becomes_the_principal(metadata: Any, tmp_path: Path) -> None:
    """A valid key names the tenant to the scheduler, however it is presented."""
    stored, key = create_key(tmp_path / "keys.json", tenant="acme")
    async with suite(api_keys_file=tmp_path / "keys.json") as s:
        await s.jobs.GetJob(GetJobRequest(job_id="job-1"), metadata=metadata(key))
    assert s.fake.principals["GetJob"] == Principal(key_id=stored.id, tenant="acme")


async def test_without_a_valid_key_nothing_is_served(tmp_path: Path) -> None:
    """No key, a wrong key and a revoked key are UNAUTHENTICATED, for every kind of call."""
    keys = tmp_path / "keys.json"
    stored, key = create_key(keys, tenant="acme")
    async with suite(api_keys_file=keys) as s:
        request = GetJobRequest(job_id="job-1")
        missing = await failure(s.jobs.GetJob(request))
        wrong = await failure(s.jobs.GetJob(request, metadata=[("authorization", f"Bearer {key}x")]))
        assert missing.kind is wrong.kind is ErrorKind.UNAUTHENTICATED
        assert "is required" in str(missing)
        assert "not known" in str(wrong)
        assert "폐기된" in wrong.message("ko")
        assert (await failure(s.jobs.CreateJob())).kind is ErrorKind.UNAUTHENTICATED
        assert (await failure(s.jobs.Transcribe())).kind is ErrorKind.UNAUTHENTICATED
        revoke_key(keys, stored.id)
        right = [("x-api-key", key)]
        assert (await failure(s.jobs.GetJob(request, metadata=right))).kind is ErrorKind.UNAUTHENTICATED
    assert s.fake.principals == {}


async def test_a_key_that_a_file_gets_works_at_once(tmp_path: Path) -> None:
    """With the first call, and without a question to the database."""
    file = tmp_path / "keys.json"
    create_key(file, tenant="acme")
    async with suite(api_keys_file=file) as s:
        _, key = create_key(file, tenant="new")
        await s.jobs.GetJob(GetJobRequest(job_id="job-1"), metadata=[("x-api-key", key)])
        assert s.fake.principals["GetJob"].tenant == "new"
        assert s.stored.asked == []


async def test_forged_principal_metadata_is_ignored() -> None:
    """What a client claims to be in internal metadata does not reach the scheduler."""
    forged = Principal(key_id="x", tenant="victim").to_metadata()
    async with suite() as s:
        await s.jobs.GetJob(GetJobRequest(job_id="job-1"), metadata=[("sayit-principal-bin", forged)])
    assert s.fake.principals["GetJob"].tenant == "local"


async def test_health_is_open(tmp_path: Path) -> None:
    """A supervisor needs no key."""
    create_key(tmp_path / "keys.json", tenant="acme")
    async with suite(api_keys_file=tmp_path / "keys.json") as s:
        health: Any = health_pb2_grpc.HealthStub(s.channel)
        await health.Check(health_pb2.HealthCheckRequest())


async def test_taken_address_is_told() -> None:
    """A second gateway on the same port does not start, and says why."""
    async with suite() as s:
        with pytest.raises(StartError, match="address already in use"):
            async with running(settings(listen=s.address)):
                pass


def _self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate for localhost, made by the openssl command."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    try:
        subprocess.run(
            [*command, *subject, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True
        )
    except FileNotFoundError:
        pytest.skip("there is no openssl command to make a certificate with")
    return certificate, key


async def test_tls(tmp_path: Path) -> None:
    """With a certificate and its key the gateway speaks TLS, and only TLS."""
    certificate, key = _self_signed(tmp_path)
    async with suite(tls_cert_file=certificate, tls_key_file=key) as s:
        trust = grpc.ssl_channel_credentials(root_certificates=certificate.read_bytes())
        async with grpc.aio.secure_channel(s.address, trust) as channel:
            stub = system_service_pb2_grpc.SystemServiceStub(channel)
            await stub.GetStatus(system_service_pb2.GetStatusRequest())
        assert (await failure(s.jobs.GetJob(GetJobRequest(), timeout=5))).kind is ErrorKind.UNAVAILABLE


async def test_clients_may_have_to_show_a_certificate(tmp_path: Path) -> None:
    """Of an authority that the settings name; others reach no method, and health checks find the gateway alive."""
    certificate, key = _self_signed(tmp_path)
    (tmp_path / "other").mkdir()
    other, other_key = _self_signed(tmp_path / "other")
    roots = certificate.read_bytes()
    files = {"tls_cert_file": certificate, "tls_key_file": key, "tls_client_ca_file": certificate}
    async with suite(**files) as s:
        for own in (None, other.read_bytes() + other_key.read_bytes()):
            async with AsyncClient(s.address, root_certificates=roots, client_certificate=own, retry_s=0) as client:
                with pytest.raises(SayItError) as refused:
                    await client.status()
                assert refused.value.kind is ErrorKind.UNAVAILABLE
                assert ("--client-certificate" in str(refused.value)) is (own is None)
        async with AsyncClient(
            s.address, root_certificates=roots, client_certificate=roots + key.read_bytes()
        ) as client:
            assert (await client.status()).parts
        assert await probe.is_serving(s.address, tls=True)


async def test_half_of_tls_is_refused(tmp_path: Path) -> None:
    """A certificate without key, or a file that is no PEM, does not start in plain text."""
    (tmp_path / "cert.pem").write_text("hello")
    for values in (
        {"tls_cert_file": tmp_path / "cert.pem"},
        {"tls_cert_file": tmp_path / "a", "tls_key_file": tmp_path},
        {"tls_client_ca_file": tmp_path / "cert.pem"},
    ):
        with pytest.raises(StartError):
            async with running(settings(**values)):
                pass


@dataclass(frozen=True)
class Authority:
    """An authority of certificates, made by the openssl command."""

    folder: Path

    def certificate(self, name: str, *names: str) -> bytes:
        """A certificate with these alternative names, and its key."""
        key, request, certificate = (self.folder / f"{name}.{kind}" for kind in ("key", "csr", "pem"))
        new = f"req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={name} -keyout {key} -out {request}"
        extensions = self.folder / "extensions"
        extensions.write_text(f"subjectAltName={','.join(names)}" if names else "basicConstraints=CA:FALSE")
        sign = (
            f"x509 -req -days 2 -in {request} -CA {self.folder}/cert.pem -CAkey {self.folder}/key.pem -CAcreateserial"
        )
        for command in (new, f"{sign} -extfile {extensions} -out {certificate}"):
            subprocess.run(["openssl", *command.split()], check=True, capture_output=True)
        return certificate.read_bytes() + key.read_bytes()


async def test_a_certificate_says_whose_calls_are(tmp_path: Path) -> None:
    """By its DNS name or URI, with the setting's scopes; a key goes before it; others are refused as without a key."""
    certificate, key = _self_signed(tmp_path)
    authority, roots = Authority(tmp_path), certificate.read_bytes()
    known = "phone.example=acme spiffe://x/reader=other:read ops.example=house:admin"
    files = {"tls_cert_file": certificate, "tls_key_file": key, "tls_client_ca_file": certificate}
    async with suite(**files, tls_clients=known) as s:

        @asynccontextmanager
        async def client(own: bytes, api_key: str = "") -> AsyncIterator[AsyncClient]:
            trust = {"root_certificates": roots, "client_certificate": own}
            async with AsyncClient(s.address, api_key=api_key, retry_s=0, **trust) as made:
                yield made

        phone = authority.certificate("phone", "DNS:phone.example", "DNS:else.example")
        async with client(phone) as one:
            assert (await one.create_job(b"RIFF" * 100)).id == "job-1"
            with pytest.raises(SayItError) as caught:
                await one.list_keys()
            assert caught.value.kind is ErrorKind.PERMISSION_DENIED
        assert s.fake.principals["CreateJob"] == Principal("cert:phone.example", "acme")
        _, text = s.stored.create(tenant="keyed")
        async with client(phone, text) as one:
            await one.list_vocabularies()
        assert s.fake.principals["ListVocabularies"].tenant == "keyed"
        async with client(authority.certificate("reader", "URI:spiffe://x/reader")) as one:
            await one.list_vocabularies()
            with pytest.raises(SayItError) as caught:
                await one.create_job(b"RIFF" * 100)
            assert caught.value.kind is ErrorKind.PERMISSION_DENIED
        assert s.fake.principals["ListVocabularies"].tenant == "other"
        async with client(authority.certificate("ops", "DNS:ops.example")) as one:
            assert await one.list_keys()
        # The subject's name is none, nor one of another kind, nor a wildcard; two that are mapped say nothing.
        for name, names in (
            ("phone.example", ()),
            ("a", ("email:phone.example",)),
            ("b", ("URI:phone.example", "DNS:*.example")),
            ("c", ("DNS:phone.example", "DNS:ops.example")),
            ("d", ("DNS:phone.example.org", "DNS:spiffe://x/reader")),
        ):
            async with client(authority.certificate(name, *names)) as one:
                with pytest.raises(SayItError) as caught:
                    await one.models()
            assert caught.value.kind is ErrorKind.UNAUTHENTICATED, names
        async with client(phone, "sayit_wrong_key") as one:
            with pytest.raises(SayItError) as caught:
                await one.models()
            assert caught.value.kind is ErrorKind.UNAUTHENTICATED


@pytest.mark.parametrize("text", ["phone", "=acme", "phone=", "phone=acme:all", "phone=a phone=b", "phone=acme:"])
def test_what_maps_no_certificates_is_refused(text: str) -> None:
    """At the start, with the form that it has; also where no certificate is asked for."""
    with pytest.raises(ValidationError):
        settings(tls_clients=text)


async def test_certificates_that_are_mapped_are_asked_for() -> None:
    """Without an authority of theirs the gateway does not start."""
    with pytest.raises(StartError, match="SAYIT_TLS_CLIENT_CA_FILE"):
        async with running(settings(tls_clients="phone=acme")):
            pass
