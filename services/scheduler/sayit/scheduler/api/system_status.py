"""The state of the suite, as far as the scheduler sees it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from importlib.metadata import version

from sayit.scheduler.db.objects import Objects
from sayit.scheduler.db.transcribers import TranscriberStore
from sayit.scheduler.dispatch.queue.arq_queue import ArqQueue
from sayit.scheduler.dispatch.worker_registry import WorkerRegistry
from sayit.speech.errors import SayItError
from sayit.speech.system import Part, PartState, SystemStatus, TranscriberStatus

_DAY_S = 86_400.0
_WORST_FIRST = (PartState.DOWN, PartState.DEGRADED, PartState.OK)


@dataclass(kw_only=True, eq=False)
class Overview:
    """Checks every part.

    Args:
        expected: transcribers that this installation should have; 0 where it is not set.
    """

    store: TranscriberStore
    registry: WorkerRegistry
    queue: ArqQueue
    objects: Objects
    expected: int
    _started_s: float = field(default_factory=time.time, init=False)

    async def status(self) -> SystemStatus:
        """The suite without its gateways. Statistics need the database: without it they are empty."""
        database = await _part("database", self.store)
        storage = await _part("storage", self.objects)
        health = await self.queue.check()
        queue = Part(
            name="queue",
            state=PartState.DOWN if not health.reachable else PartState.DEGRADED if health.detail else PartState.OK,
            detail=health.detail,
        )
        parts = [Part(name="scheduler", state=PartState.OK), database, queue, storage]
        online: tuple[TranscriberStatus, ...] = ()
        waiting = accepted = 0
        rate = mean = None
        if database.state is PartState.OK:
            online = tuple(
                TranscriberStatus(id=each.id, model=each.model, slots=each.slots, busy=each.busy, speed=each.speed)
                for each in await self.registry.online()
            )
            waiting = await self.store.chunks_waiting()
            day = await self.store.statistics(since_s=time.time() - _DAY_S)
            accepted, mean = day.accepted, day.mean_s
            rate = day.completed / (day.completed + day.failed) if day.completed + day.failed else None
        parts.append(self._transcribers(len(online)))
        return SystemStatus(
            state=worst(parts),
            parts=tuple(parts),
            transcribers_online=len(online),
            transcribers_expected=self.expected or len(online),
            transcribers=online,
            uptime_s=time.time() - self._started_s,
            jobs_per_day=accepted,
            success_rate=rate,
            mean_time_s=mean,
            version=version("sayit"),
            chunks_waiting=waiting,
        )

    def _transcribers(self, online: int) -> Part:
        if online == 0:
            return Part(name="transcribers", state=PartState.DOWN, detail="no transcriber reports")
        if online < self.expected:
            detail = f"{online} of {self.expected} report"
            return Part(name="transcribers", state=PartState.DEGRADED, detail=detail)
        return Part(name="transcribers", state=PartState.OK)


def worst(parts: list[Part]) -> PartState:
    """The worst state among parts."""
    return next(state for state in _WORST_FIRST if state is PartState.OK or any(p.state is state for p in parts))


async def _part(name: str, store: TranscriberStore | Objects) -> Part:
    try:
        await store.check()
    except SayItError as error:
        return Part(name=name, state=PartState.DOWN, detail=error.message("en"))
    return Part(name=name, state=PartState.OK)
