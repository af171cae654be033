"""Dispatch: as many chunks in the queue as capacity needs; the backlog stays in the database, where it has an order."""

from __future__ import annotations

import asyncio
import time
from collections import deque

from prometheus_client import Counter

from sayit.chassis import telemetry
from sayit.scheduler.job.records import DueChunk
from sayit.scheduler.job.rules import fair_order, room
from sayit.scheduler.ports import ChunkStore, DispatchQueue
from sayit.scheduler.scheduling.bell import Bell
from sayit.scheduler.scheduling.fleet import Fleet
from sayit.scheduler.scheduling.limits import Limits
from sayit.speech.dispatch import ChunkMessage
from sayit.speech.errors import ErrorKind, SayItError

_DISPATCHED = Counter("sayit_chunks_dispatched", "Chunks rung for, by lane.", ["lane"])
_TAKEN_BACK = Counter("sayit_dispatches_taken_back", "Dispatches that nobody claimed in time.")
#: Without a ring the database is looked at this often.
_POLL_S = 1.0
_RETRY_S = 1.0
#: Candidates that fairness chooses from.
_CANDIDATES = 500


class Dispatcher:
    """Moves due chunks into the queue."""

    def __init__(self, *, chunks: ChunkStore, queue: DispatchQueue, fleet: Fleet, limits: Limits) -> None:
        self.bell = Bell()
        #: Whether the queue has refused a message and not taken one since.
        self.queue_full = False
        self._chunks = chunks
        self._queue = queue
        self._fleet = fleet
        self._limits = limits
        self._to_ring: deque[tuple[ChunkMessage, DueChunk]] = deque()

    async def run(self) -> None:
        """Dispatches until cancelled."""
        while True:
            await self.bell.wait(_POLL_S)
            turn = asyncio.create_task(self._turn())
            try:
                delay_s = await asyncio.shield(turn)
            except asyncio.CancelledError:
                # What is numbered is also rung for, or others would wait for it in vain until it counts as lost.
                await asyncio.wait({turn})
                raise
            await asyncio.sleep(delay_s)

    async def _turn(self) -> float:
        """Dispatches what there is room for; returns how long to leave the database and the queue alone, in seconds."""
        try:
            await self._ring()
            for model in await self._chunks.waiting_models():
                await self._dispatch(model)
        except SayItError as error:
            # The database or the queue is away; what is numbered is rung for as soon as it is back.
            telemetry.logger().warning("dispatch is delayed", code=error.code, cause=error.cause)
            return _RETRY_S
        return 0.0

    async def _dispatch(self, model: str) -> None:
        slots = await self._fleet.slots(model)
        if slots == 0:
            return
        lost = await self._chunks.undispatch(model, before_s=time.time() - self._limits.redispatch_s)
        _TAKEN_BACK.inc(lost)
        # Two schedulers that fill the same room would queue twice as much as fits, and in no fair order.
        async with self._chunks.dispatching(model):
            in_flight = await self._chunks.in_flight(model)
            count, interactive_count = room(slots=slots, ahead=self._limits.dispatch_ahead, in_flight=in_flight)
            if interactive_count == 0:
                return
            due = await self._chunks.due_chunks(model, per_job=interactive_count, limit=_CANDIDATES)
            chosen = fair_order(due, in_flight=in_flight, count=count, interactive_count=interactive_count)
            numbered = {message.chunk_id: message for message in await self._chunks.mark_dispatched(chosen)}
        self._to_ring += [(numbered[chunk.id], chunk) for chunk in chosen if chunk.id in numbered]
        await self._ring()

    async def _ring(self) -> None:
        """Rings for every numbered chunk; what the queue did not take stays for the next time."""
        while self._to_ring:
            message, chunk = self._to_ring[0]
            try:
                await self._queue.enqueue(message, model=chunk.model, interactive=chunk.interactive)
            except SayItError as error:
                self.queue_full = error.kind is ErrorKind.OVERLOADED
                raise
            self.queue_full = False
            self._to_ring.popleft()
            _DISPATCHED.labels("interactive" if chunk.interactive else "bulk").inc()
