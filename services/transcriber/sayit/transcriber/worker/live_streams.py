"""Live speech: a call to every scheduler that stays open, on which stretches of audio come and their texts go back.

Nothing of a session is kept. Where a call breaks its stretches are given up, for its scheduler sends them to another
transcriber, and another call is made.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, TypeAlias

import grpc

from sayit.chassis.background_tasks import end
from sayit.chassis.telemetry import logger, span_from
from sayit.internal.v1 import chunk_service_pb2 as pb
from sayit.internal.v1.chunk_service_pb2_grpc import ChunkServiceStub
from sayit.transcriber import metrics
from sayit.transcriber.engine import Engine, EngineCancelled, EngineRequest, Lane
from sayit.transcriber.worker.slots import Runner
from sayit.transcriber.worker.wire import chunk_failure, chunk_output_to_proto, decode_options_from_proto

if TYPE_CHECKING:
    from sayit.internal.v1.chunk_service_pb2_grpc import ChunkServiceAsyncStub

_BACKOFF_S = (0.1, 2.0)
#: How often the schedulers' name is looked up.
_LOOK_UP_S = 5.0

#: A channel to the scheduler at an address.
Connect: TypeAlias = Callable[[str], AbstractAsyncContextManager[grpc.aio.Channel]]


class LiveStreams:
    """Serves the live sessions of all schedulers.

    Args:
        connect: opens a channel to one of them.
        addresses: where they are now.
        engine: what decodes, before everything else that it holds.
        runner: holds bulk work; it takes none while there is a session.
        offer: what is said of this process.
        look_up_s: seconds between two calls of `addresses`.
    """

    def __init__(
        self,
        *,
        connect: Connect,
        addresses: Callable[[], Awaitable[Collection[str]]],
        engine: Engine,
        runner: Runner,
        offer: pb.LiveOffer,
        look_up_s: float = _LOOK_UP_S,
    ) -> None:
        self._connect = connect
        self._addresses = addresses
        self._engine = engine
        self._runner = runner
        self._offer = offer
        self._look_up_s = look_up_s
        #: Open calls, and what their schedulers say of their sessions, by address.
        self._open: dict[str, _LiveStream] = {}
        self._sessions: dict[str, pb.LiveReserve] = {}

    async def run(self) -> None:
        """Keeps a call open to each scheduler until it is cancelled."""
        serving: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                found = set(await self._addresses())
                for address in found - serving.keys():
                    serving[address] = asyncio.create_task(self._serve(address), name=f"live {address}")
                await end(*(serving.pop(address) for address in serving.keys() - found))
                await asyncio.sleep(self._look_up_s)
        finally:
            await end(*serving.values())

    async def _serve(self, address: str) -> None:
        delay_s = _BACKOFF_S[0]
        async with self._connect(address) as channel:
            stub: ChunkServiceAsyncStub = ChunkServiceStub(channel)
            while True:
                stream = self._open[address] = _LiveStream(self._engine, self._offer)
                stream.tell(self._elsewhere(address))
                try:
                    async for said in stream.serve(stub):
                        delay_s = _BACKOFF_S[0]
                        self._reserve(address, said)
                except grpc.aio.AioRpcError as error:
                    if delay_s == _BACKOFF_S[0]:
                        logger().info("live_call_broken", scheduler=address, code=error.code().name)
                finally:
                    del self._open[address]
                    self._reserve(address, pb.LiveReserve())
                await asyncio.sleep(delay_s)
                delay_s = min(delay_s * 2, _BACKOFF_S[1])

    def _reserve(self, address: str, said: pb.LiveReserve) -> None:
        """A transcriber is reserved while a scheduler says so; the others are told what its sessions take."""
        self._sessions[address] = said
        self._runner.reserve(reserved=any(each.reserved for each in self._sessions.values()))
        for other, stream in self._open.items():
            stream.tell(self._elsewhere(other))

    def _elsewhere(self, address: str) -> float:
        """What the sessions of all other schedulers take."""
        return sum(said.load for other, said in self._sessions.items() if other != address)


class _LiveStream:
    """One call."""

    def __init__(self, engine: Engine, offer: pb.LiveOffer) -> None:
        self._engine = engine
        self._held: dict[int, EngineRequest] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._outbox: asyncio.Queue[pb.ServeLiveRequest] = asyncio.Queue()
        self._outbox.put_nowait(pb.ServeLiveRequest(offer=offer))
        self._elsewhere = 0.0

    def tell(self, elsewhere: float) -> None:
        """Says what other schedulers' sessions take, where that has changed."""
        if elsewhere != self._elsewhere:
            self._elsewhere = elsewhere
            self._outbox.put_nowait(pb.ServeLiveRequest(elsewhere=pb.LiveElsewhere(load=elsewhere)))

    async def serve(self, stub: ChunkServiceAsyncStub) -> AsyncIterator[pb.LiveReserve]:
        """Serves until the call ends; yields what sessions count on this process, whenever the scheduler says so.

        Raises:
            AioRpcError: the call broke.
        """
        call = stub.ServeLive(self._outgoing())
        try:
            while isinstance(said := await call.read(), pb.ServeLiveResponse):
                match said.WhichOneof("message"):
                    case "reserve":
                        yield said.reserve
                    case "decode":
                        self._decode(said.decode)
                    case "cancel":
                        if (held := self._held.get(said.cancel.id)) is not None:
                            held.cancel()
                    case other:
                        logger().warning("unexpected_message", message=other)
        finally:
            for held in self._held.values():
                held.cancel()
            call.cancel()
            await end(*self._tasks)

    async def _outgoing(self) -> AsyncIterator[pb.ServeLiveRequest]:
        while True:
            yield await self._outbox.get()

    def _decode(self, asked: pb.LiveDecode) -> None:
        lane = Lane.FINAL if asked.final else Lane.INTERIM
        held = self._engine.submit(asked.audio, decode_options_from_proto(asked.options), lane=lane)
        self._held[asked.id] = held
        task = asyncio.create_task(self._answer(asked.id, held, lane, asked.traceparent))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, number: int, held: EngineRequest, lane: Lane, traceparent: str) -> None:
        """Sends a stretch's text or why there is none; nothing of one that was cancelled."""
        began_s = time.monotonic()
        with span_from(traceparent, "live"):
            try:
                output = pb.LiveOutput(id=number, output=chunk_output_to_proto(await asyncio.wrap_future(held.future)))
                self._outbox.put_nowait(pb.ServeLiveRequest(output=output))
            except EngineCancelled:
                return
            except Exception as error:  # noqa: BLE001 - whatever it is, the others go on
                logger().error("engine_failed", exc_info=error)
                failure = pb.LiveFailure(id=number, failure=chunk_failure(error))
                self._outbox.put_nowait(pb.ServeLiveRequest(failure=failure))
            finally:
                del self._held[number]
            metrics.LIVE_SECONDS.labels(lane.name.lower()).observe(time.monotonic() - began_s)


async def schedulers(address: str) -> Collection[str]:
    """The schedulers' own addresses: each "host:port" of a list, and of a DNS name all that it stands for now."""
    found: list[str] = []
    for each in filter(None, map(str.strip, address.split(","))):
        host, _, port = each.rpartition(":")
        if each.startswith("unix:") or not port.isdigit():
            found.append(each)
            continue
        try:
            known = await asyncio.get_running_loop().getaddrinfo(
                host.strip("[]"), int(port), type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
            )
        except OSError:
            continue  # looked up again soon
        # A scheduler has one address of each kind; two calls to it would say the same.
        kind = min(family for family, *_ in known)
        names = {at[0] for family, _, _, _, at in known if family == kind}
        found += sorted(f"[{name}]:{port}" if kind is socket.AF_INET6 else f"{name}:{port}" for name in names)
    return dict.fromkeys(found)
