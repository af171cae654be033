"""What a client may make of WebSocket frames, on a real socket."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psutil
import pytest
from websockets.asyncio.client import connect

from sayit.speech.errors import ErrorKind, SayItError

from .live_gateway import bridge
from .raw_websocket import BINARY, CLOSE, CONT, PING, PONG, TEXT, RawSocket, frame

PATH = "/v1/realtime?intent=transcription"


async def opened(url: str, *headers: str, path: str = PATH) -> RawSocket:
    """A raw connection to a bridge."""
    host, _, port = url.removeprefix("ws://").rpartition(":")
    return await RawSocket.opened(host, int(port), path, *headers)


#: What is sent, and the code that the connection is closed with.
WRONG: dict[str, tuple[bytes, int]] = {
    "not masked": (frame(TEXT, b"{}", masked=False), 1002),
    "reserved bits": (frame(TEXT, b"{}", rsv=7), 1002),
    "no such opcode": (frame(3), 1002),
    "2^63 bytes": (b"\x81\xff" + struct.pack(">Q", 1 << 63) + bytes(4), 1009),
    "2^62 bytes": (b"\x81\xff" + struct.pack(">Q", 1 << 62) + bytes(4), 1009),
    "a long ping": (frame(PING, bytes(126)), 1002),
    "half a ping": (frame(PING, fin=False), 1002),
    "an end without a beginning": (frame(CONT, b"a"), 1002),
    "a message inside a message": (frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), 1002),
    "half a code": (frame(CLOSE, b"a"), 1002),
    "no such code": (frame(CLOSE, struct.pack(">H", 999)), 1002),
    "HTTP": (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 1002),
    "a message in 100,000 frames": (frame(TEXT, b"", fin=False) + frame(CONT, b"", fin=False) * 100_000, 1009),
    "100,000 pings": (frame(PING) * 100_000, 1008),
    "100,000 pongs": (frame(PONG) * 100_000, 1008),
}


@pytest.mark.parametrize("name", WRONG)
async def test_frames_that_no_client_needs_end_the_connection(name: str) -> None:
    """With the code that says why; others are served meanwhile and afterwards."""
    sent, code = WRONG[name]
    async with bridge() as (url, _):
        attacker = await opened(url)
        # A connection that is closed with unread bytes is reset, and the code may be lost with it.
        assert await attacker.close_code(sent) in ({code, 0} if len(sent) > 4096 else {code})
        attacker.abort()
        async with connect(url + PATH, proxy=None, open_timeout=None) as other:
            assert "session.created" in str(await other.recv())


async def test_text_that_is_none_ends_the_connection() -> None:
    """As the protocol asks for it."""
    async with bridge() as (url, _):
        raw = await opened(url)
        assert await raw.close_code(frame(TEXT, b"\xff\xff")) == 1007
        raw.abort()


async def test_others_have_their_turn_between_small_frames() -> None:
    """However many frames have arrived at once, a few of them are taken at a time."""
    async with bridge() as (url, _):
        flood = await opened(url)
        sending = asyncio.create_task(flood.close_code(*[frame(BINARY, b"x") * 20_000] * 5))
        async with connect(url + PATH, proxy=None, open_timeout=None) as other:
            assert "session.created" in str(await other.recv())
        assert not sending.done()
        sending.cancel()
        flood.abort()


async def test_who_is_refused_fills_no_log(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing has failed where a stranger has no key."""
    async with bridge() as (url, gateway):
        gateway.script["ListModels"] = [SayItError(ErrorKind.UNAUTHENTICATED)]
        raw = await opened(url)
        assert b" 401 " in raw.head
        assert await raw.reader.read() != b""
        raw.abort()
    assert not [record for record in caplog.records if record.levelname in {"ERROR", "CRITICAL"}]


async def test_messages_are_not_compressed() -> None:
    """What has arrived cannot become a thousand times as much."""
    async with bridge() as (url, _):
        raw = await opened(url, "Sec-WebSocket-Extensions: permessage-deflate")
        assert b"permessage-deflate" not in raw.head
        raw.abort()


@pytest.mark.parametrize("how", ["a WebSocket", "a request"])
async def test_who_does_not_read_is_cut_off(how: str) -> None:
    """Also where less waits than a buffer holds; reading stops with it, so that nothing more is to be answered."""
    async with bridge(slow_reader_s=0.3) as (url, _):
        host, _, port = url.removeprefix("ws://").rpartition(":")
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            client.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(client, (host, int(port)))
            if how == "a request":
                asked = b"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 200
            else:
                head = f"GET {PATH} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
                wrong = frame(TEXT, b'{"type":"x","event_id":"' + b"a" * 500 + b'"}')
                await loop.sock_sendall(client, (head + key).encode())
                assert b" 101 " in await loop.sock_recv(client, 1024)
                asked = wrong * 10_000
            sending = asyncio.create_task(_all(loop, client, asked))
            await _until(lambda: _served(int(port)))
            await _until(lambda: not _served(int(port)))
            client.close()
            await asyncio.wait({sending})


async def _all(loop: Any, client: socket.socket, asked: bytes) -> None:
    with suppress(ConnectionError):
        await loop.sock_sendall(client, asked)


def _served(port: int) -> bool:
    """Whether this process, which is the bridge as well, holds a connection to a client."""
    return any(
        each.laddr.port == port and each.status == psutil.CONN_ESTABLISHED
        for each in psutil.Process().net_connections("tcp4")
    )


async def _until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110 - only the kernel knows
        await asyncio.sleep(0.02)
