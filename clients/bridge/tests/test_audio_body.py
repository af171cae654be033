"""How audio arrives: as a body, as a form, slowly, too much of it, broken off."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
from multipart import MultipartSegment

from clients.python.tests.helper import until
from sayit.bridge.http.audio_body import form_events
from sayit.speech.errors import ErrorKind, SayItError

from .helper import scripted

#: Not audio, but nothing that is certainly none.
AUDIO = bytes(range(256)) * 4096


def form(*parts: tuple[str, str, bytes], boundary: str = "b", end: bool = True) -> bytes:
    """A form of (name, filename, content) parts; a filename of "" makes a plain field."""
    body = b""
    for name, filename, content in parts:
        file = f'; filename="{filename}"\r\nContent-Type: audio/wav' if filename else ""
        body += (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + content + b"\r\n"
        )
    return body + (f"--{boundary}--\r\n".encode() if end else b"")


async def post(client: httpx.AsyncClient, body: bytes, **headers: str) -> httpx.Response:
    """Posts a form."""
    return await client.post(
        "/v1/jobs", content=body, headers={"Content-Type": "multipart/form-data; boundary=b", **headers}
    )


async def sent(client: httpx.AsyncClient, data: bytes, pause_s: float = 0.0, then: bytes = b"") -> bytes:
    """Writes to the server's socket, pauses, writes more, and reads what comes until the end."""
    reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    try:
        writer.write(data)
        await writer.drain()
        await asyncio.sleep(pause_s)
        writer.write(then)
        return await asyncio.wait_for(reader.read(), 20)
    finally:
        writer.close()


def head(length: int, *more: str) -> bytes:
    """The head of a POST with a raw body."""
    lines = ["POST /v1/jobs HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {length}", *more]
    return "\r\n".join([*lines, "", ""]).encode()


def status(answer: bytes) -> int:
    """The status in an answer."""
    return int(answer.split()[1])


@pytest.mark.parametrize("step", [1, 7, 100_000])
async def test_a_form_is_parsed_as_it_comes(step: int) -> None:
    """However it is cut; names and values come out whole, the file's bytes in order."""
    body = form(("language", "", b"ko"), ("file", "a.wav", AUDIO[:3000]), ("prompt", "", "안녕".encode()))

    async def pieces():
        for start in range(0, len(body), step):
            yield body[start : start + step]

    parts: list[list[object]] = []
    async for event in form_events(pieces(), "multipart/form-data; boundary=b"):
        match event:
            case MultipartSegment():
                parts.append([event.name, event.filename, b""])
            case bytes() as data:
                parts[-1][2] += data  # type: ignore[operator]
    assert parts == [
        ["language", None, b"ko"],
        ["file", "a.wav", AUDIO[:3000]],
        ["prompt", None, "안녕".encode()],
    ]


@pytest.mark.parametrize(
    "body", [b"", b"nonsense", form(("file", "a.wav", b"x"), end=False), b"--b\r\n\r\nno name\r\n--b--\r\n"]
)
async def test_what_is_no_form_is_refused(body: bytes) -> None:
    """Also one that ends before its end: half a file must not become a job."""

    async def pieces():
        yield body

    with pytest.raises(SayItError) as error:
        _ = [event async for event in form_events(pieces(), "multipart/form-data; boundary=b")]
    assert error.value.kind is ErrorKind.INVALID_ARGUMENT


async def test_fields_may_follow_the_file() -> None:
    """The audio is on its way before they are known; the job has them all, and the file's name."""
    async with scripted() as (client, gateway):
        answer = await post(
            client,
            form(
                ("model", "", b"small"), ("file", "회의.m4a", AUDIO), ("language", "", b"ko"), ("beam_size", "", b"2")
            ),
        )
        assert answer.status_code == 202
        assert bytes(gateway.stored) == AUDIO
        (config,) = gateway.configs
        assert (config.options.model, config.options.language, config.options.beam_size) == ("small", "ko", 2)
        assert config.filename == "회의.m4a"


async def test_a_raw_body_takes_its_options_from_the_query() -> None:
    """The name from the query or from Content-Disposition; the key from its header."""
    async with scripted() as (client, gateway):
        answer = await client.post(
            "/v1/jobs?language=en&word_timestamps=true&temperature=0",
            content=AUDIO,
            headers={
                "Content-Type": "audio/wav",
                "Content-Disposition": 'attachment; filename="talk.wav"',
                "Idempotency-Key": "k1",
                "Authorization": "Bearer secret",
            },
        )
        assert answer.status_code == 202
        (config,) = gateway.configs
        assert (config.options.language, config.options.word_timestamps, config.options.temperature) == ("en", True, 0)
        assert gateway.upload_request.filename == "talk.wav"
        assert gateway.upload_request.size_bytes == len(AUDIO)
        assert config.idempotency_key == "k1"
        assert gateway.metadata["authorization"] == "Bearer secret"
        assert gateway.metadata["traceparent"]


@pytest.mark.parametrize(
    ("parts", "code", "http"),
    [
        ([("language", "", b"ko")], "FILE_REQUIRED", 400),
        ([("file", "a.wav", b"")], "FILE_REQUIRED", 400),
        ([("other", "a.wav", AUDIO)], "INVALID_ARGUMENT", 400),
        ([("file", "a.wav", AUDIO), ("file", "b.wav", AUDIO)], "INVALID_ARGUMENT", 400),
        ([("file", "a.wav", AUDIO), ("beam_size", "", b"99")], "INVALID_ARGUMENT", 400),
        ([("file", "a.wav", AUDIO), ("beem_size", "", b"1")], "INVALID_ARGUMENT", 400),
        ([("file", "a.wav", AUDIO), ("task", "", b"transcribe"), ("task", "", b"x")], "INVALID_ARGUMENT", 400),
        ([("prompt", "", b"x" * 70_000), ("file", "a.wav", AUDIO)], "INVALID_ARGUMENT", 400),
        ([("file", "a.wav", AUDIO), *[("x", "", b"1")] * 300], "INVALID_ARGUMENT", 400),
        ([("x" * 5000, "", b"1"), ("file", "a.wav", AUDIO)], "INVALID_ARGUMENT", 400),
        ([("file", "a.txt", b"just some words, and then some more of them\n" * 20)], "INVALID_FORMAT", 415),
        ([("file", "a.png", b"\x89PNG\r\n\x1a\n" + AUDIO)], "INVALID_FORMAT", 415),
    ],
)
async def test_wrong_forms_are_refused_and_leave_nothing(
    parts: list[tuple[str, str, bytes]], code: str, http: int
) -> None:
    """With the stable code; an upload that was opened is deleted, and no job is made."""
    async with scripted() as (client, gateway):
        answer = await post(client, form(*parts))
        assert (answer.status_code, answer.json()["code"]) == (http, code)
        assert gateway.calls.count("DeleteUpload") == gateway.calls.count("CreateUpload")
        assert "CreateJob" not in gateway.calls


@pytest.mark.parametrize("declared", ["image/png", "video/x-msvideo", "text/plain; charset=utf-8", "no type at all"])
async def test_declared_media_types_do_not_matter(declared: str) -> None:
    """The bytes decide."""
    async with scripted() as (client, gateway):
        answer = await client.post("/v1/jobs", content=AUDIO, headers={"Content-Type": declared})
        assert answer.status_code == 202
        assert "CreateJob" in gateway.calls


async def test_a_key_is_checked_before_a_body_is_read() -> None:
    """A stranger's bytes take no slot, and the file is not asked for; a key that was taken is not asked about again."""
    async with scripted() as (client, gateway):
        gateway.script["ListModels"] = [SayItError(ErrorKind.UNAUTHENTICATED)]
        assert status(await sent(client, head(5_000_000, "Expect: 100-continue"))) == 401
        assert gateway.calls == ["ListModels"]
        for _ in range(2):
            gateway.stored.clear()
            assert (await client.post("/v1/jobs", content=AUDIO)).status_code == 202
        assert gateway.calls.count("ListModels") == 2


async def test_too_much_is_refused_at_once_if_announced_and_while_it_comes_if_not() -> None:
    """The limit holds on the wire, and the sender hears the answer although it had more to send."""

    async def unannounced():
        for _ in range(10):
            yield AUDIO

    async with scripted(max_upload_mb=3) as (client, gateway):
        answer = await client.post("/v1/jobs", content=AUDIO * 4)
        assert (answer.status_code, answer.json()["code"]) == (413, "FILE_TOO_LARGE")
        assert "CreateUpload" not in gateway.calls
        answer = await client.post("/v1/jobs", content=unannounced())
        assert answer.status_code == 413
        assert "3 MB" in answer.json()["detail"]
        assert len(gateway.stored) <= 3_000_000
        assert gateway.calls.count("DeleteUpload") == 1


async def test_expect_100_is_refused_before_the_body_is_sent() -> None:
    """Curl asks first with large files: it gets the refusal, and no "100 Continue" before or after it."""
    async with scripted(max_upload_mb=1) as (client, _):
        answer = await sent(client, head(5_000_000, "Expect: 100-continue"))
        assert status(answer) == 413
        assert b"100 Continue" not in answer


async def test_senders_that_pause_are_cut_off() -> None:
    """408 after the idle time, whatever was announced; the upload is deleted."""
    async with scripted(upload_idle_s=0.3) as (client, gateway):
        answer = await sent(client, head(1_000_000) + AUDIO[:5000])
        assert status(answer) == 408
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "UPLOAD_TOO_SLOW"
        assert gateway.calls.count("DeleteUpload") == gateway.calls.count("CreateUpload") == 1


async def test_senders_that_trickle_are_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then keeps no connection for ever: the mean speed counts."""
    monkeypatch.setattr("sayit.bridge.http.audio_body._SPEED_AFTER_S", 0.3)
    async with scripted(upload_min_bytes_per_s=100_000) as (client, _):
        answer = await sent(client, head(1_000_000) + AUDIO[:5000], 0.6, AUDIO[:5000])
        assert status(answer) == 408


async def test_a_sender_who_dies_leaves_nothing() -> None:
    """Less than was announced, then the end: no job, no upload."""
    async with scripted() as (client, gateway):
        _, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        writer.write(head(1_000_000) + AUDIO[:300_000])
        await writer.drain()
        await until(lambda: "AppendUpload" in gateway.calls)
        writer.transport.abort()
        await until(lambda: "DeleteUpload" in gateway.calls)
        assert "CreateJob" not in gateway.calls


async def test_heads_that_never_end_are_cut_off() -> None:
    """A connection that sends nothing, or half a head, is closed."""
    async with scripted(header_timeout_s=0.3) as (client, _):
        assert await sent(client, b"") == b""
        assert await sent(client, b"GET /livez HTTP/1.1\r\nX-A") == b""


async def test_uploads_at_once_are_bounded() -> None:
    """One more is told to come back."""
    async with scripted(bridge_max_uploads=1) as (client, gateway):
        _, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        writer.write(head(1_000_000) + AUDIO[:5000])
        await until(lambda: "CreateUpload" in gateway.calls)
        answer = await client.post("/v1/jobs", content=AUDIO)
        assert (answer.status_code, answer.json()["code"]) == (429, "OVERLOADED")
        assert int(answer.headers["Retry-After"]) > 0
        writer.close()


@pytest.mark.parametrize(
    "request_head",
    [
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"y" * 70_000,
        b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"y" * 2000) for n in range(40)) + b"\r\n",
        b"POST /v1/jobs HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n" + b"T: y\r\n" * 200,
    ],
    ids=["address", "many headers", "a header that does not end", "long headers", "trailers"],
)
async def test_heads_and_trailers_are_bounded_as_they_come(request_head: bytes) -> None:
    """431 as a problem, before more is kept; the connection ends."""
    async with scripted() as (client, gateway):
        answer = await sent(client, request_head)
        assert status(answer) == 431
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "HEADERS_TOO_LARGE"
        assert "CreateJob" not in gateway.calls


async def test_trailers_that_trickle_are_cut_off() -> None:
    """The body's idle time holds for them, too."""
    async with scripted(upload_idle_s=0.3) as (client, _):
        body = b"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-A"
        assert status(await sent(client, body)) == 408


async def test_connections_are_bounded() -> None:
    """One more is refused, until one ends."""
    async with scripted(bridge_max_connections=1) as (client, _):
        _, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        writer.write(b"GET /livez HTTP/1.1\r\n")
        assert status(await sent(client, b"")) == 503
        writer.close()


async def test_a_document_that_is_too_long_is_told_so() -> None:
    """Its limit is not the file's."""
    async with scripted() as (client, _):
        answer = await client.put("/v1/vocabularies/team", json={"words": ["x" * 70_000]})
        assert (answer.status_code, answer.json()["code"]) == (413, "BODY_TOO_LARGE")
        assert "64 kB" in answer.json()["detail"]
