"""Where keys may go, what failures mean, and what the client brings along."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import sys

import grpc
import pytest
from grpc import aio

from sayit.client import AsyncClient, Client, ErrorKind, SayItError
from sayit.client.connection import is_loopback
from sayit.speech.wire.errors import error_of_call
from sayit.v1 import system_service_pb2_grpc

from .helper import Gateway, until
from .story import JOB, STATUS


async def test_the_key_travels_in_the_metadata(gateway):
    """On the loopback a key is sent as a bearer token; without a key nothing is."""
    async with AsyncClient(gateway.address, api_key="secret") as client:
        await client.status()
    assert gateway.metadata["authorization"] == "Bearer secret"
    async with AsyncClient(gateway.address) as client:
        await client.status()
    assert "authorization" not in gateway.metadata


@pytest.mark.parametrize("make", [AsyncClient, Client])
def test_a_key_is_not_sent_over_plain_text(make):
    """To another machine a key needs TLS, or the caller's word that plain text is all right."""
    with pytest.raises(SayItError) as caught:
        make("gateway.example.com:443", api_key="secret")
    assert (caught.value.kind, caught.value.field) == (ErrorKind.INVALID_ARGUMENT, "api_key")
    assert "secret" not in str(caught.value)
    make("gateway.example.com:443", api_key="secret", tls=True)
    make("gateway.example.com:443", api_key="secret", root_certificates=b"pem")
    make("gateway.example.com:443", api_key="secret", insecure=True)
    make("gateway.example.com:443")


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("127.0.0.1:50051", True),
        ("127.1.2.3:1", True),
        ("localhost:50051", True),
        ("LOCALHOST:50051", True),
        ("[::1]:50051", True),
        ("dns:///localhost:50051", True),
        ("dns:localhost:50051", True),
        ("ipv4:127.0.0.1:50051", True),
        ("ipv6:[::1]:50051", True),
        ("unix:/run/sayit.sock", True),
        ("unix:///run/sayit.sock", True),
        ("unix-abstract:sayit", True),
        ("10.0.0.1:50051", False),
        ("0.0.0.0:50051", False),
        ("localhost.example.com:50051", False),
        ("127.0.0.1.example.com:50051", False),
        ("dns://127.0.0.1/gateway.example.com:443", False),
        ("dns:///gateway:50051", False),
        ("ipv4:127.0.0.1:50051,10.0.0.1:50051", False),
        ("[2001:db8::1]:50051", False),
        ("", False),
    ],
)
def test_loopback_addresses(address, loopback):
    """Only targets that cannot leave the machine count as loopback."""
    assert is_loopback(address) is loopback


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed certificate for localhost and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
    subprocess.run([*command.split(), *names], check=True, capture_output=True)
    return (folder / "key.pem").read_bytes(), (folder / "cert.pem").read_bytes()


async def test_tls_with_a_certificate_of_ones_own(certificate):
    """Root certificates switch TLS on; a client that does not know them gets nowhere."""
    key, chain = certificate
    server = aio.server()
    gateway = Gateway()
    system_service_pb2_grpc.add_SystemServiceServicer_to_server(gateway, server)
    port = server.add_secure_port("localhost:0", grpc.ssl_server_credentials([(key, chain)]))
    await server.start()
    try:
        async with AsyncClient(f"localhost:{port}", api_key="secret", root_certificates=chain) as client:
            assert await client.status() == STATUS
        assert gateway.metadata["authorization"] == "Bearer secret"
        async with AsyncClient(f"localhost:{port}", tls=True, retry_s=0) as client:
            with pytest.raises(SayItError) as caught:
                await client.status()
        assert caught.value.kind is ErrorKind.UNAVAILABLE
    finally:
        await server.stop(None)


@pytest.fixture
async def listeners(certificate):
    """Addresses by what is there: nothing, gRPC with TLS, gRPC of another kind in plain text, a page."""
    key, chain = certificate
    secure, plain = aio.server(), aio.server()
    ports = {
        "tls": secure.add_secure_port("localhost:0", grpc.ssl_server_credentials([(key, chain)])),
        "plain": plain.add_insecure_port("localhost:0"),
    }
    await asyncio.gather(secure.start(), plain.start())
    page = await asyncio.start_server(_answer_as_a_page, "127.0.0.1", 0)
    ports["page"] = page.sockets[0].getsockname()[1]
    with socket.create_server(("127.0.0.1", 0)) as closed:
        ports["nothing"] = closed.getsockname()[1]
    other = await asyncio.start_server(_greet, "127.0.0.1", 0)
    ports["greets"] = other.sockets[0].getsockname()[1]
    gone = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    ports["hangs up"] = gone.sockets[0].getsockname()[1]
    yield {name: f"localhost:{port}" for name, port in ports.items()} | {"unknown": "no-such-host.invalid:50051"}
    for server in (page, other, gone):
        server.close()
    await asyncio.gather(secure.stop(None), plain.stop(None))


async def _answer_as_a_page(reader, writer):
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    writer.close()


async def _greet(_, writer):
    writer.write(b"SSH-2.0-OpenSSH_9.6\r\n")
    writer.close()


@pytest.mark.parametrize(
    ("where", "tls", "english", "korean"),
    [
        ("nothing", False, "Nothing listens at", "응답하는 프로그램이 없습니다"),
        ("unknown", False, "There is no host of the name in", "호스트 이름을 찾을 수 없습니다"),
        ("tls", False, "speaks TLS", "TLS로 통신합니다"),
        ("plain", True, "speaks plain text, not TLS", "평문으로 통신합니다"),
        ("tls", True, "is not trusted (self-signed certificate)", "인증서를 신뢰할 수 없습니다"),
        ("greets", False, "does not speak gRPC", "gRPC로 통신하지 않습니다"),
        ("hangs up", False, "ends the connection at once", "연결을 바로 끊습니다"),
        ("hangs up", True, "ends the connection at once", "연결을 바로 끊습니다"),
        ("page", False, "speaks HTTP/1, not gRPC", "HTTP/1로 통신합니다"),
        ("plain", False, "it is no SayIt gateway", "SayIt 게이트웨이가 아니거나"),
    ],
)
async def test_an_error_says_what_is_wrong_with_the_address(listeners, where, tls, english, korean):
    """In both languages, with the address, and without trying on for long what cannot succeed."""
    async with AsyncClient(listeners[where], tls=tls) as client:
        with pytest.raises(SayItError) as caught:
            await client.status()
    assert english in caught.value.message("en")
    assert korean in caught.value.message("ko")
    if where != "plain" or tls:
        assert caught.value.kind is ErrorKind.UNAVAILABLE
        assert listeners[where] in caught.value.message("en")
        assert caught.value.details["address"] == listeners[where]


async def test_a_gateway_that_is_being_started_is_waited_for(listeners):
    """A refused connection may be a gateway's that is not there yet: the default gives it a moment, retry_s longer."""
    server = aio.server()
    gateway = Gateway()
    system_service_pb2_grpc.add_SystemServiceServicer_to_server(gateway, server)
    async with AsyncClient(listeners["nothing"], retry_s=20) as client:
        asking = asyncio.create_task(client.status())
        await asyncio.sleep(0)
        assert server.add_insecure_port(listeners["nothing"])
        await server.start()
        assert await asking == STATUS
    await server.stop(None)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNAVAILABLE, ErrorKind.UNAVAILABLE),
        (grpc.StatusCode.INTERNAL, ErrorKind.UNAVAILABLE),
        (grpc.StatusCode.UNKNOWN, ErrorKind.UNAVAILABLE),
        (grpc.StatusCode.CANCELLED, ErrorKind.UNAVAILABLE),
        (grpc.StatusCode.DEADLINE_EXCEEDED, ErrorKind.DEADLINE_EXCEEDED),
        (grpc.StatusCode.UNAUTHENTICATED, ErrorKind.UNAUTHENTICATED),
        (grpc.StatusCode.UNIMPLEMENTED, ErrorKind.INTERNAL),
    ],
)
def test_a_status_without_details_is_the_transports(code, kind):
    """Our services always say more; a bare status comes from a proxy or from gRPC, whose words are for the log."""
    error = error_of_call(aio.AioRpcError(code, aio.Metadata(), aio.Metadata(), details="RST_STREAM"))
    assert error.kind is kind
    assert "RST_STREAM" in error.cause
    assert "RST_STREAM" not in str(error)


async def test_closing_ends_running_calls(gateway):
    """A call that waits when its client is closed raises RuntimeError, not the task's cancellation."""
    gateway.permits = asyncio.Semaphore(0)
    client = AsyncClient(gateway.address)
    watching = asyncio.create_task(anext(client.watch(JOB)))
    transcribing = asyncio.create_task(client.transcribe(b"a"))
    await until(lambda: len(gateway.calls) == 2)
    await client.close()
    for call in (watching, transcribing):
        with pytest.raises(RuntimeError, match="closed"):
            await call


async def test_a_closed_client_stays_closed(gateway):
    """Calls on a closed client are a RuntimeError; closing twice is none."""
    client = AsyncClient(gateway.address)
    await client.status()
    await client.close()
    await client.close()
    with pytest.raises(RuntimeError, match="closed"):
        await client.status()


async def test_one_client_serves_many_tasks(gateway, client):
    """Twenty transcriptions at once share the connection."""
    results = await asyncio.gather(*(client.transcribe(bytes([number])) for number in range(20)))
    assert len(results) == 20
    assert sorted(gateway.received) == [bytes([number]) for number in range(20)]


def test_the_client_imports_no_server_code():
    """Only grpc, protobuf and the generated and shared packages are loaded."""
    script = (
        "import sys, sayit.client; names = {n.split('.')[0] for n in sys.modules} | "
        "{'.'.join(n.split('.')[:2]) for n in sys.modules if n.startswith('sayit.')}; print(*names)"
    )
    loaded = set(
        subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()
    )
    assert {name for name in loaded if name.startswith("sayit.")} == {"sayit.client", "sayit.speech", "sayit.v1"}
    assert not loaded & {"numpy", "pydantic", "structlog", "redis", "sqlalchemy", "opentelemetry", "typer", "av"}
