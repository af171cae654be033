"""What holds for every route: errors and their languages, headers, origins, exposure, the server's own limits."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from prometheus_client import REGISTRY
from starlette.requests import Request

from clients.python.tests.helper import Gateway, serving
from clients.python.tests.story import JOB, STATUS, STORY, numbered, segment
from sayit.bridge.http.problems import KIND_TO_HTTP, fault_of, language_of, problem, problem_response
from sayit.bridge.service import running
from sayit.chassis import probe
from sayit.chassis.start import StartError
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import PartialText
from sayit.speech.system import Part, PartState
from tests.receiver import certificate

from .helper import scripted, settings


def test_every_kind_of_error_has_a_status() -> None:
    """The table is complete; what is worth a retry says when, and who is unknown is asked for a key."""
    assert set(KIND_TO_HTTP) == set(ErrorKind)
    for kind in ErrorKind:
        answer = problem_response(fault_of(SayItError(kind), "en"))
        assert answer.headers["content-type"] == "application/problem+json"
        assert ("retry-after" in answer.headers) == (answer.status_code in {429, 503})
        assert ("www-authenticate" in answer.headers) == (answer.status_code == 401)


def test_a_problem_names_itself() -> None:
    """RFC 9457's members and ours; the internal cause is not among them."""
    error = SayItError(ErrorKind.OVERLOADED, field="file", retry_after_s=2.2, cause="secret")
    assert problem(fault_of(error, "ko")) == {
        "type": "https://sayit.dev/problems/overloaded",
        "title": "Overloaded",
        "status": 429,
        "detail": "서비스가 혼잡합니다. 잠시 후 다시 시도해 주세요.",
        "code": "OVERLOADED",
        "field": "file",
        "retry_after": 3,
    }


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("ko", "ko"),
        ("ko-KR,ko;q=0.9,en-US;q=0.8", "ko"),
        ("en-US,en;q=0.9,ko;q=0.8", "en"),
        ("en;q=0.1, ko;q=0.5", "ko"),
        ("fr, de", "en"),
        ("ko;q=0", "en"),
        ("ko;q=nan, ;;,=", "en"),
    ],
)
def test_the_language_is_what_the_reader_prefers(accepted: str, language: str) -> None:
    """Korean only where it is preferred."""
    scope = {"type": "http", "headers": [(b"accept-language", accepted.encode())]}
    assert language_of(Request(scope)) == language


async def test_errors_take_the_form_of_their_surface() -> None:
    """Problems, the first backend's envelope, OpenAI's object: also for what no route answers."""
    async with scripted() as (client, _):
        for path in ("/nothing", "/v1/jobs/a/nothing"):
            native = await client.get(path)
            assert (native.status_code, native.json()["code"]) == (404, "ROUTE_NOT_FOUND")
        legacy = await client.get("/api/nothing")
        assert (legacy.status_code, legacy.json()["success"], legacy.json()["error"]["code"]) == (
            404,
            False,
            "ROUTE_NOT_FOUND",
        )
        for path in ("/v1/audio/nothing", "/v1/chat/completions", "/audio/transcriptions"):
            openai = await client.post(path, json={})
            assert (openai.status_code, openai.json()["error"]["type"]) == (404, "invalid_request_error")
        wrong = await client.put("/v1/jobs")
        assert (wrong.status_code, wrong.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
        assert wrong.headers["Allow"] == "GET, POST"
        assert "GET, POST" in wrong.json()["detail"]


async def test_a_gateway_that_is_away_is_503_with_a_time_to_come_back() -> None:
    """Nothing hangs, nothing crashes; /livez stays well, /readyz says it."""
    async with scripted() as (client, gateway):
        assert gateway.server is not None
        await gateway.server.stop(None)
        answer = await client.get(f"/v1/jobs/{JOB}")
        assert (answer.status_code, answer.json()["code"]) == (503, "UNAVAILABLE")
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Accept-Language" in answer.headers["Vary"]
        assert int(answer.headers["Retry-After"]) > 0
        assert (await client.get("/livez")).status_code == 200
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (503, "down")


async def test_ready_is_what_can_work() -> None:
    """Not a gateway without a transcriber, though it answers; a stranger is told no parts."""
    async with scripted() as (client, gateway):
        assert (await client.get("/readyz")).status_code == 200
        gateway.status = replace(STATUS, state=PartState.DOWN, parts=(Part(name="transcribers", state=PartState.DOWN),))
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["parts"]["transcribers"]) == (503, "down")
        gateway.script["GetStatus"] = [SayItError(ErrorKind.UNAUTHENTICATED)]
        assert (await client.get("/readyz")).json()["parts"] == {"bridge": "ok"}


async def test_security_headers_ids_and_compression() -> None:
    """On every answer; a request's id is taken over if it is one; only what is worth it is zipped."""
    async with scripted() as (client, _):
        answer = await client.get("/v1/jobs/x", headers={"X-Request-Id": "abc-1"})
        assert answer.headers["X-Request-Id"] == "abc-1"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        other = await client.get("/livez", headers={"X-Request-Id": "two words\u00e4".encode("latin-1")})
        assert len(other.headers["X-Request-Id"]) == 32
        assert "content-encoding" not in other.headers
        document = await client.get("/openapi.json")
        assert document.headers["content-encoding"] == "gzip"
        assert "server" not in document.headers


async def test_requests_are_counted_by_route() -> None:
    """By its pattern: a path holds ids, and a client can send any."""
    async with scripted() as (client, _):
        await client.get("/v1/jobs/x")
        await client.get("/v1/no/such/path")
    families = (each for each in REGISTRY.collect() if each.name == "sayit_http_requests")
    counted = {sample.labels["route"] for each in families for sample in each.samples}
    assert {"/v1/jobs/{job_id}", "none"} <= counted
    assert "/v1/jobs/x" not in counted


async def test_pages_of_other_origins_are_kept_out_unless_allowed() -> None:
    """A page somewhere must not send files to, or delete jobs on, a bridge of its reader's machine."""
    async with scripted() as (client, gateway):
        foreign = {"Origin": "https://evil.example"}
        answer = await client.delete(f"/v1/jobs/{JOB}", headers=foreign)
        assert (answer.status_code, answer.json()["code"]) == (403, "PERMISSION_DENIED")
        assert "https://evil.example" in answer.json()["detail"]
        assert "SAYIT_CORS_ORIGINS" in answer.json()["detail"]
        in_openais = await client.post("/v1/audio/transcriptions", headers={**foreign, "Accept-Language": "ko"})
        assert "SAYIT_CORS_ORIGINS로" in in_openais.json()["error"]["message"]
        assert gateway.calls == []
        asked = await client.options("/v1/jobs", headers={**foreign, "Access-Control-Request-Method": "GET"})
        assert (asked.status_code, "SAYIT_CORS_ORIGINS" in asked.json()["detail"]) == (403, True)
        own = {"Origin": str(client.base_url).rstrip("/")}
        assert (await client.delete(f"/v1/jobs/{JOB}", headers=own)).status_code == 204
        rebound = await client.get(f"/v1/jobs/{JOB}", headers={"Host": "evil.example"})
        assert rebound.status_code == 403
        assert "SAYIT_ALLOWED_HOSTS" in rebound.json()["detail"]
        assert "access-control-allow-origin" not in (await client.get(f"/v1/jobs/{JOB}", headers=foreign)).headers
    async with scripted(cors_origins="https://app.example, https://b.example") as (client, _):
        app = {"Origin": "https://app.example"}
        answer = await client.get(f"/v1/jobs/{JOB}", headers=app)
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        assert "Location" in answer.headers["access-control-expose-headers"]
        asked = await client.options(
            "/v1/uploads/x",
            headers={
                **app,
                "Access-Control-Request-Method": "PATCH",
                "Access-Control-Request-Headers": "upload-offset",
                "Access-Control-Request-Private-Network": "true",
            },
        )
        assert asked.status_code == 200
        assert "upload-offset" in asked.headers["access-control-allow-headers"]
        assert asked.headers["access-control-allow-private-network"] == "true"
        assert (await client.delete(f"/v1/jobs/{JOB}", headers=app)).status_code == 204
        assert (await client.delete(f"/v1/jobs/{JOB}", headers={"Origin": "https://c.example"})).status_code == 403


async def test_everybody_is_served_only_if_somebody_asked_for_that() -> None:
    """Beyond loopback the gateway has to ask for keys, or the bridge does not start."""
    async with serving(Gateway()) as address:
        with pytest.raises(StartError, match="SAYIT_ALLOW_UNAUTHENTICATED"):
            async with running(settings(gateway_address=address, bridge_listen="0.0.0.0:0")):
                pass
        async with running(
            settings(gateway_address=address, bridge_listen="0.0.0.0:0", allow_unauthenticated=True)
        ) as bridge:
            assert bridge.url.startswith("http://127.0.0.1:")
    keyed = Gateway()
    keyed.script["GetStatus"] = [SayItError(ErrorKind.UNAUTHENTICATED)]
    async with (
        serving(keyed) as address,
        running(settings(gateway_address=address, bridge_listen="0.0.0.0:0")) as bridge,
    ):
        assert bridge.address.startswith("0.0.0.0:")


async def test_a_taken_port_is_told_in_one_line() -> None:
    """Before anything else happens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(StartError, match=f"cannot listen on {address}: address already in use"):
            async with running(settings(bridge_listen=address)):
                pass


async def test_wrong_certificates_are_told_in_one_line(tmp_path: Path) -> None:
    """Half of a pair, or what is no certificate."""
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("nonsense")
    with pytest.raises(StartError, match="needs both"):
        async with running(settings(tls_cert_file=wrong)):
            pass
    with pytest.raises(StartError, match="cannot be used"):
        async with running(settings(tls_cert_file=wrong, tls_key_file=wrong)):
            pass


async def test_clients_may_have_to_show_a_certificate(tmp_path: Path) -> None:
    """Of an authority that the settings name; health checks without one find the bridge alive."""
    cert, key = certificate(tmp_path, "localhost")
    files = {"tls_cert_file": cert, "tls_key_file": key, "bridge_client_ca_file": cert}
    async with running(settings(**files)) as bridge:
        context = ssl.create_default_context(cafile=cert)
        url = bridge.url.replace("127.0.0.1", "localhost")
        async with httpx.AsyncClient(verify=context, trust_env=False) as client:
            with pytest.raises(httpx.TransportError):
                await client.get(f"{url}/livez")
        context.load_cert_chain(cert, key)
        async with httpx.AsyncClient(verify=context, trust_env=False) as client:
            assert (await client.get(f"{url}/livez")).status_code == 200
        assert await probe.gets(bridge.address, "/livez", tls=True)
    with pytest.raises(StartError, match="needs SAYIT_TLS_CERT_FILE"):
        async with running(settings(bridge_client_ca_file=cert)):
            pass


async def test_a_client_that_does_not_read_is_cut_off() -> None:
    """What waits for it is bounded, and it does not wait for ever."""
    async with scripted(slow_reader_s=0.3) as (client, gateway):
        long = PartialText(chunk_index=0, segments=(replace(segment(0), text="x" * 200_000),))
        gateway.story = numbered((*STORY[:2], *[long] * 200, *STORY[2:]))
        reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port, limit=1024)
        writer.write(f"GET /v1/jobs/{JOB}/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        await asyncio.sleep(2.0)
        read = bytearray()
        with contextlib.suppress(ConnectionError):
            while piece := await asyncio.wait_for(reader.read(1 << 20), 20):
                read += piece
        writer.close()
        assert b"event: state" in read
        assert b"event: completed" not in read


async def test_the_key_is_passed_on_and_its_refusal_comes_back() -> None:
    """As Bearer or X-Api-Key; the gateway decides."""
    async with scripted() as (client, gateway):
        await client.get(f"/v1/jobs/{JOB}", headers={"X-Api-Key": "k"})
        assert gateway.metadata["authorization"] == "Bearer k"
        gateway.script["GetJob"] = [SayItError(ErrorKind.UNAUTHENTICATED)]
        answer = await client.get(f"/v1/jobs/{JOB}")
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="sayit"')


def test_settings_are_lists_of_words() -> None:
    """Separated by commas, spaces and empty entries ignored."""
    assert settings(cors_origins=" https://a ,, https://b").origins == ("https://a", "https://b")
