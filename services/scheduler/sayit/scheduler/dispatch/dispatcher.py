"""Dispatch: as many chunks in the queue as capacity needs; the backlog stays in the database, where it has an order."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field

from prometheus_client import Counter

from sayit.chassis import telemetry
from sayit.chassis.background_tasks import BackgroundTasks
from sayit.chassis.wake_up import WakeUp
from sayit.scheduler.db.chunks import ChunkStore
from sayit.scheduler.dispatch.queue.arq_queue import ArqQueue
from sayit.scheduler.dispatch.worker_registry import WorkerRegistry
from sayit.scheduler.jobs.limits import Limits
from sayit.scheduler.jobs.records import Adding, Dispatch
from sayit.speech.errors import ErrorKind, SayItError

_DISPATCHED = Counter("sayit_chunks_dispatched", "Chunks that were put into the queue, by lane.", ["lane"])
_TAKEN_BACK = Counter("sayit_dispatches_taken_back", "Dispatches that the queue lost before they were claimed.")


@dataclass(kw_only=True, eq=False)
class Dispatcher:
    """Moves due chunks into the queue."""

    chunks: ChunkStore
    queue: ArqQueue
    registry: WorkerRegistry
    limits: Limits
    background: BackgroundTasks
    wake_up: WakeUp = field(default_factory=WakeUp, init=False)
    #: Whether the queue has refused a message and not taken one since.
    queue_full: bool = field(default=False, init=False)
    _to_enqueue: deque[Dispatch] = field(default_factory=deque, init=False)
    _enqueueing: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _searched_s: float = field(default=0.0, init=False)

    def limit(self, model: str) -> int:
        """Chunks that may be in the queue or running, as far as we know now; 0 without transcribers."""
        slots = self.registry.slots(model)
        return slots + self.limits.dispatch_ahead if slots else 0

    async def add_chunks(self, model: str, count: int, adding: Adding) -> list[Dispatch] | None:
        """Adds so many chunks and enqueues those that were dispatched with it; returns what `adding` returns.

        It runs to its end also when its caller is cancelled: numbered chunks must be enqueued. What the queue does not
        take now it gets later.
        """
        return await self.background.do(self._add(adding, self.limit(model), count))

    async def _add(self, adding: Adding, limit: int, count: int) -> list[Dispatch] | None:
        dispatched = await adding(limit)
        if dispatched is None:
            return None
        self._to_enqueue += dispatched
        try:
            await self._enqueue()
        except SayItError:
            self.wake_up.notify()
        if len(dispatched) < count:
            self.wake_up.notify()
        return dispatched

    async def run(self) -> None:
        """Dispatches until cancelled."""
        while True:
            await self.wake_up.wait(self.limits.sweep_s)
            turn = asyncio.create_task(self._turn())
            try:
                delay_s = await asyncio.shield(turn)
            except asyncio.CancelledError:
                # Numbered chunks must be enqueued, or they would wait until they count as lost.
                await asyncio.wait({turn})
                raise
            await asyncio.sleep(delay_s)

    async def _turn(self) -> float:
        """Dispatches what there is room for; returns how long to leave the database and the queue alone, in seconds."""
        try:
            await self._enqueue()
            for model in await self.registry.models_online():
                self._to_enqueue += await self.chunks.dispatch(model, limit=self.limit(model))
                await self._enqueue()
            await self._search()
        except SayItError as error:
            # The database or the queue does not answer; numbered chunks are enqueued as soon as it does.
            telemetry.logger().warning("dispatch_delayed", code=error.code, cause=error.cause)
            return self.limits.sweep_s
        return 0.0

    async def _search(self) -> None:
        """Takes back, now and then, messages that the queue has lost. Those that wait there keep their place."""
        now = time.time()
        if now < self._searched_s + self.limits.sweep_s:
            return
        self._searched_s = now
        unclaimed = await self.chunks.unclaimed(before_s=now - self.limits.redispatch_s)
        lost = await self.queue.lost(unclaimed)
        if lost:
            _TAKEN_BACK.inc(await self.chunks.take_back(lost))
            self.wake_up.notify()

    async def _enqueue(self) -> None:
        """Enqueues every numbered chunk; what the queue did not take stays for the next time."""
        async with self._enqueueing:
            while self._to_enqueue:
                message, chunk = self._to_enqueue[0]
                try:
                    await self.queue.enqueue(message, model=chunk.model, interactive=chunk.interactive)
                except SayItError as error:
                    self.queue_full = error.kind is ErrorKind.OVERLOADED
                    raise
                self.queue_full = False
                self._to_enqueue.popleft()
                _DISPATCHED.labels("interactive" if chunk.interactive else "bulk").inc()
