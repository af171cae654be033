"""A real HTTP server that answers what a test says, and notes what it was asked."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

#: An answer that never comes.
NEVER = b""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What was asked."""

    #: Method and path, such as "POST /hook".
    line: str
    #: By name, in lower case.
    headers: dict[str, str]
    body: bytes


@dataclass(eq=False)
class Receiver:
    """Gives its answers in turn, and the last one again and again."""

    answers: list[bytes]
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    _came: asyncio.Event = field(default_factory=asyncio.Event)

    async def received(self, count: int) -> list[Request]:
        """The first requests, once there are so many."""
        while len(self.requests) < count:
            self._came.clear()
            await self._came.wait()
        return self.requests[:count]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:-2])}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            answer = self.answers[min(len(self.requests), len(self.answers) - 1)]
            self.requests.append(Request(line=head[0].removesuffix(" HTTP/1.1"), headers=headers, body=body))
            self._came.set()
            if answer == NEVER:
                await reader.read()  # until the other side has had enough
            writer.write(answer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def answer(status: int, *headers: str, body: bytes = b"") -> bytes:
    """An answer with a body whose length is told."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


@asynccontextmanager
async def receiver(*answers: bytes, tls: tuple[Path, Path] | None = None) -> AsyncIterator[Receiver]:
    """Runs one on 127.0.0.1, with a certificate and its key where it speaks TLS."""
    made = Receiver(list(answers))
    context = None
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
    async with await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=context) as server:
        made.port = server.sockets[0].getsockname()[1]
        yield made


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate for a host's name, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here to make a certificate with")
    made, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(made)], check=True, capture_output=True)
    return made, key
