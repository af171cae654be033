"""Attacks of every kind that a stranger can try, with a key and without; each says what it heard."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import grpc
import redis
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2_grpc
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from clients.bridge.tests.raw_websocket import CONT, PING, TEXT, RawSocket, frame
from sayit.client import AsyncClient
from sayit.speech.chunk_queue import events_channel, queue_name
from sayit.speech.errors import SayItError
from sayit.speech.wire.errors import error_of_call
from sayit.v1 import live_service_pb2 as live_pb
from sayit.v1 import live_service_pb2_grpc, transcription_service_pb2_grpc
from sayit.v1 import transcription_service_pb2 as pb

from .media_corpus import silent_flac

#: This machine, spelled as only a resolver understands it.
_HERE = ("127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::1]", "[::ffff:7f00:1]", "localhost", "0")
#: Length of a file that is longer than is allowed.
SILENCE_HOURS = 0.25
#: Streams that need no key, opened at once.
_MANY = 130
_REALTIME = "/v1/realtime?intent=transcription"


@dataclass(frozen=True, kw_only=True)
class Stranger:
    """A hostile client."""

    host: str
    #: The bridge's.
    port: int
    #: The gateway's address.
    gateway: str
    redis_url: str
    #: Of a tenant of his own.
    key: str
    #: A job of another tenant.
    foreign_job: str
    #: A port of this machine where nothing may arrive.
    canary: int
    rng: random.Random

    # Heads and bodies.

    async def long_head(self) -> str:
        """A header without an end."""
        return await self._http(b"GET /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 200_000)

    async def many_headers(self) -> str:
        """More than a client has."""
        return await self._http(b"GET /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X: a\r\n" * 1000 + b"\r\n")

    async def long_address(self) -> str:
        """A path without an end."""
        return await self._http(b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")

    async def slow_head(self) -> str:
        """A head that does not go on."""
        return await self._http(b"GET /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")

    async def endless_trailers(self) -> str:
        """Headers behind a body."""
        trailers = b"".join(b"X%d: a\r\n" % number for number in range(20_000))
        return await self._post("/v1/jobs", b"1\r\na\r\n0\r\n" + trailers, "Transfer-Encoding: chunked")

    async def body_without_key(self) -> str:
        """Audio of a client that may send none."""
        return await self._http(b"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000000\r\n\r\naudio")

    async def key_that_is_none(self) -> str:
        """Bytes that no metadata can have."""
        return await self._http(b"GET /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer \xff\xfe\r\n\r\n")

    async def foreign_host(self) -> str:
        """As a rebound name would ask."""
        return await self._http(b"GET /v1/jobs HTTP/1.1\r\nHost: evil.example\r\n\r\n")

    async def many_fields(self) -> str:
        """A form of fields."""
        part = b'--b\r\nContent-Disposition: form-data; name="%d"\r\n\r\na\r\n'
        body = b"".join(part % number for number in range(1000)) + b"--b--\r\n"
        return await self._post("/v1/jobs", body, "Content-Type: multipart/form-data; boundary=b")

    async def hostile_json(self) -> str:
        """Nested deeply, with half a character, or with a number of 5,000 digits."""
        hostile = self.rng.choice(("[" * 30_000, '{"upload_id":"\\ud800"}', '{"upload_id":' + "9" * 5000 + "}"))
        return await self._post("/v1/jobs", hostile.encode(), "Content-Type: application/json")

    async def odd_uploads(self) -> str:
        """Lengths that no file has."""
        length = self.rng.choice(("-1", "1" + "0" * 400, "0x5", "NaN"))
        return await self._post("/v1/uploads", b"", "Tus-Resumable: 1.0.0", f"Upload-Length: {length}")

    async def foreign_job_over_http(self) -> str:
        """Another tenant's text."""
        head = (
            f"GET /v1/jobs/{self.foreign_job}/transcript HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Api-Key: {self.key}\r\n\r\n"
        )
        return await self._http(head.encode())

    # WebSockets.

    async def message_in_pieces(self) -> str:
        """One message in more frames than a client needs."""
        return await self._frames(frame(TEXT, fin=False), *[frame(CONT, fin=False) * 1000] * 20)

    async def pings(self) -> str:
        """Pings whose answers are read late."""
        return await self._frames(*[frame(PING, bytes(125)) * 1000] * 20)

    async def unmasked(self) -> str:
        """A frame that no client may send."""
        return await self._frames(frame(TEXT, b"{}", masked=False))

    async def socket_without_key(self) -> str:
        """Live speech of a client that may send none."""
        try:
            async with connect(f"ws://{self.host}:{self.port}{_REALTIME}", proxy=None, open_timeout=None):
                return "accepted"
        except InvalidStatus as error:
            return str(error.response.status_code)

    async def garbage_to_realtime(self) -> str:
        """What is no event; the session is begun by none of it."""
        garbage = (
            "null",
            "[" * 900 + "]" * 900,
            '{"type":"\\ud800"}',
            '{"type":"input_audio_buffer.append","audio":1}',
        )
        return await self._told(_REALTIME, *garbage, b"\xff\xfe")

    async def garbage_to_listen(self) -> str:
        """Audio that is none."""
        return await self._told("/v1/listen", b"RIFF" + self.rng.randbytes(2000))

    # gRPC.

    async def metadata_without_end(self) -> str:
        """More than a head may have."""
        return await self._call(("x-api-key", self.key), ("x-long", "a" * 100_000))

    async def call_without_key(self) -> str:
        """A method that needs one."""
        return await self._call()

    async def health_watches(self) -> str:
        """Streams that need no key."""
        stub: Any = health_pb2_grpc.HealthStub
        return await self._streams(lambda channel: stub(channel).Watch(health_pb2.HealthCheckRequest()))

    async def reflections(self) -> str:
        """Others that need none."""
        stub: Any = reflection_pb2_grpc.ServerReflectionStub
        return await self._streams(lambda channel: stub(channel).ServerReflectionInfo())

    async def live_without_config(self) -> str:
        """Audio before anything else."""
        return await self._live(live_pb.StreamingRecognizeRequest(audio=b"\0" * 3200))

    async def live_of_another(self) -> str:
        """Another tenant's session."""
        config = live_pb.LiveConfig(resume_job_id=self.foreign_job)
        return await self._live(live_pb.StreamingRecognizeRequest(config=config))

    async def live_at_no_rate(self) -> str:
        """A rate that no microphone has."""
        config = live_pb.LiveConfig(sample_rate_hz=self.rng.choice((-1, 1, 8001, 2**31 - 1)))
        return await self._live(live_pb.StreamingRecognizeRequest(config=config))

    async def commits(self) -> str:
        """A session of commits."""
        commit = live_pb.StreamingRecognizeRequest(command=live_pb.LIVE_COMMAND_COMMIT)
        config = live_pb.StreamingRecognizeRequest(config=live_pb.LiveConfig())
        return await self._live(config, *[commit] * 2000)

    # What others would do in the stranger's name.

    async def inner_callbacks(self) -> str:
        """Requests of the scheduler to this machine."""
        return await self._job(callback_url=self._inner_url())

    async def inner_audio(self) -> str:
        """Audio of this machine."""
        async with AsyncClient(self.gateway, api_key=self.key, retry_s=0.0) as client:
            try:
                return (await client.wait((await client.create_job_from_url(self._inner_url())).id)).job.state.name
            except SayItError as error:
                return error.code

    async def hours_of_silence(self) -> str:
        """A small file that is long."""
        return await self._job(silent_flac(SILENCE_HOURS))

    async def poisoned_redis(self) -> str:
        """What an attacker writes who has reached Redis."""
        poison = self.rng.choice((b"", b"\0" * 100, self.rng.randbytes(2000), b"[" * 10_000, b"chunk:-1", b"a:b:c"))
        await asyncio.to_thread(self._write, poison)
        return "written"

    def _write(self, poison: bytes) -> None:
        with redis.Redis.from_url(self.redis_url) as client:
            client.publish(events_channel(self.foreign_job), poison)
            client.publish(events_channel(""), poison)
            for queue in {queue_name("micro"), *client.scan_iter(queue_name("*"))}:
                client.zadd(queue, {poison: 0})

    def _inner_url(self) -> str:
        return f"https://{self.rng.choice(_HERE)}:{self.canary}/latest/meta-data/"

    async def _job(self, audio: bytes = b"", **more: Any) -> str:
        async with AsyncClient(self.gateway, api_key=self.key, retry_s=0.0) as client:
            try:
                job = await client.create_job(audio or silent_flac(0.001), **more)
                return (await client.wait(job.id)).job.state.name
            except SayItError as error:
                return error.code

    async def _post(self, path: str, body: bytes, *headers: str) -> str:
        sized = () if "chunked" in str(headers) else (f"Content-Length: {len(body)}",)
        lines = (f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"X-Api-Key: {self.key}", *sized, *headers, "", "")
        return await self._http("\r\n".join(lines).encode() + body)

    async def _http(self, request: bytes) -> str:
        """The answer's status; "closed" where the connection just ends."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            with suppress(ConnectionError):
                writer.write(request)
                await writer.drain()
            line = await reader.readline()
            return line.split()[1].decode() if line else "closed"
        except ConnectionError:
            return "closed"
        finally:
            writer.transport.abort()

    async def _frames(self, *sent: bytes) -> str:
        """The code that the connection is closed with; 0 where it is broken off."""
        try:
            socket = await RawSocket.opened(self.host, self.port, _REALTIME, f"X-Api-Key: {self.key}")
        except asyncio.IncompleteReadError:  # on a busy machine even the head may be late
            return "0"
        try:
            return str(await socket.close_code(*sent))
        finally:
            socket.abort()

    async def _told(self, path: str, *sent: str | bytes) -> str:
        """Whether each message was answered by an error, or the connection closed with a code."""
        url, headers = f"ws://{self.host}:{self.port}{path}", {"X-Api-Key": self.key}
        try:
            async with connect(
                url, proxy=None, additional_headers=headers, max_size=None, open_timeout=None, ping_timeout=None
            ) as socket:
                if path == _REALTIME:
                    await socket.recv()
                for message in sent:
                    await socket.send(message)
                    if json.loads(await socket.recv())["type"].lower() != "error":
                        return "no error"
            return "told"
        except ConnectionClosed as error:
            return f"closed {error.rcvd.code if error.rcvd else 0}"

    async def _call(self, *metadata: tuple[str, str]) -> str:
        async with grpc.aio.insecure_channel(self.gateway) as channel:
            stub: Any = transcription_service_pb2_grpc.TranscriptionServiceStub(channel)
            try:
                await stub.GetJob(pb.GetJobRequest(job_id=self.foreign_job), metadata=metadata)
            except grpc.aio.AioRpcError as error:
                return error.code().name
        return "OK"

    async def _streams(self, opened: Callable[[grpc.aio.Channel], Any]) -> str:
        """Whether only some of many streams are served."""
        async with grpc.aio.insecure_channel(self.gateway) as channel:
            streams = [opened(channel) for _ in range(_MANY)]
            ended = [asyncio.create_task(stream.code()) for stream in streams]
            await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
            code = next(each.result() for each in ended if each.done())
            for stream in streams:
                stream.cancel()
            await asyncio.wait(ended)
        return str(code.name)

    async def _live(self, *messages: live_pb.StreamingRecognizeRequest) -> str:
        async def requests() -> AsyncIterator[live_pb.StreamingRecognizeRequest]:
            for message in messages:
                yield message

        async with grpc.aio.insecure_channel(self.gateway) as channel:
            stub: Any = live_service_pb2_grpc.LiveServiceStub(channel)
            call = stub.StreamingRecognize(requests(), metadata=(("x-api-key", self.key),))
            try:
                async for _ in call:
                    pass
            except grpc.aio.AioRpcError as error:
                return error_of_call(error).code
        return "OK"


#: What each attack may hear. `OVERLOADED` and `UNAVAILABLE` where there is a crowd before it.
ATTACKS: Mapping[Callable[[Stranger], Awaitable[str]], set[str]] = {
    Stranger.long_head: {"431", "closed"},
    Stranger.many_headers: {"431", "closed"},
    Stranger.long_address: {"431", "closed"},
    Stranger.slow_head: {"closed"},
    Stranger.endless_trailers: {"415", "431", "closed"},
    Stranger.body_without_key: {"401"},
    Stranger.key_that_is_none: {"401"},
    Stranger.foreign_host: {"403"},
    Stranger.many_fields: {"400"},
    Stranger.hostile_json: {"400"},
    Stranger.odd_uploads: {"400"},
    Stranger.foreign_job_over_http: {"404"},
    Stranger.message_in_pieces: {"1009", "0"},
    Stranger.pings: {"1008", "0"},
    Stranger.unmasked: {"1002", "0"},
    Stranger.socket_without_key: {"401"},
    Stranger.garbage_to_realtime: {"told"},
    Stranger.garbage_to_listen: {"told"},
    Stranger.metadata_without_end: {"RESOURCE_EXHAUSTED"},
    Stranger.call_without_key: {"UNAUTHENTICATED"},
    Stranger.health_watches: {"RESOURCE_EXHAUSTED"},
    Stranger.reflections: {"RESOURCE_EXHAUSTED"},
    Stranger.live_without_config: {"INVALID_ARGUMENT"},
    Stranger.live_of_another: {"JOB_NOT_FOUND", "INVALID_ARGUMENT"},
    Stranger.live_at_no_rate: {"INVALID_OPTION"},
    Stranger.commits: {"OK", "OVERLOADED", "UNAVAILABLE"},
    Stranger.inner_callbacks: {"INVALID_OPTION", "OVERLOADED", "COMPLETED"},
    Stranger.inner_audio: {"INVALID_OPTION", "OVERLOADED"},
    Stranger.hours_of_silence: {"AUDIO_TOO_LONG", "OVERLOADED"},
    Stranger.poisoned_redis: {"written"},
}
