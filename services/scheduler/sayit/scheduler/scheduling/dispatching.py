"""Dispatch: as many chunks in the queue as capacity needs; the backlog stays in the database, where it has an order."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence

from prometheus_client import Counter

from sayit.chassis import telemetry
from sayit.scheduler.job.records import Dispatch
from sayit.scheduler.ports import ChunkStore, DispatchQueue
from sayit.scheduler.scheduling.bell import Bell
from sayit.scheduler.scheduling.fleet import Fleet
from sayit.scheduler.scheduling.limits import Limits
from sayit.speech.errors import ErrorKind, SayItError

_DISPATCHED = Counter("sayit_chunks_dispatched", "Chunks rung for, by lane.", ["lane"])
_TAKEN_BACK = Counter("sayit_dispatches_taken_back", "Dispatches that the queue lost before anybody claimed them.")
#: Without a ring the database is looked at this often.


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
        self._to_ring: deque[Dispatch] = deque()
        self._ringing = asyncio.Lock()
        self._searched_s = 0.0

    def limit(self, model: str) -> int:
        """Chunks that may be in the queue or running, as far as we know now; 0 without transcribers."""
        slots = self._fleet.slots(model)
        return slots + self._limits.dispatch_ahead if slots else 0

    async def ring(self, dispatches: Sequence[Dispatch]) -> None:
        """Rings for chunks that were dispatched; what the queue does not take now it gets later. Never raises."""
        self._to_ring += dispatches
        try:
            await self._ring()
        except SayItError:
            self.bell.ring()

    async def run(self) -> None:
        """Dispatches until cancelled."""
        while True:
            await self.bell.wait(self._limits.sweep_s)
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
            for model in await self._fleet.models_online():
                self._to_ring += await self._chunks.dispatch(model, limit=self.limit(model))
                await self._ring()
            await self._search()
        except SayItError as error:
            # The database or the queue is away; what is numbered is rung for as soon as it is back.
            telemetry.logger().warning("dispatch is delayed", code=error.code, cause=error.cause)
            return self._limits.sweep_s
        return 0.0

    async def _search(self) -> None:
        """Takes back, now and then, what the queue has lost. What merely waits there keeps its place."""
        now = time.time()
        if now < self._searched_s + self._limits.sweep_s:
            return
        self._searched_s = now
        unclaimed = await self._chunks.unclaimed(before_s=now - self._limits.redispatch_s)
        lost = await self._queue.lost(unclaimed)
        if lost:
            _TAKEN_BACK.inc(await self._chunks.take_back(lost))
            self.bell.ring()

    async def _ring(self) -> None:
        """Rings for every numbered chunk; what the queue did not take stays for the next time."""
        async with self._ringing:
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
