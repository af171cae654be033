"""Housekeeping: claims of dead schedulers, expired data, objects in the bin."""

from __future__ import annotations

import asyncio
import time

from sayit.chassis import telemetry
from sayit.scheduler.job.records import AttemptEnd
from sayit.scheduler.ports import ChunkCacheStore, ChunkStore, FleetStore, JobStore, ObjectStore
from sayit.scheduler.scheduling.attempts import Attempts
from sayit.scheduler.scheduling.looks import Looks
from sayit.scheduler.scheduling.notices import Notices
from sayit.speech.errors import ErrorKind, SayItError

#: So many sweeps later the bin is emptied again, and what is overdue or expired is looked for.
_BIN_SWEEPS = 5
_EXPIRE_SWEEPS = 10


class Housekeeping:
    """Keeps the house."""

    def __init__(
        self,
        *,
        jobs: JobStore,
        chunks: ChunkStore,
        fleet: FleetStore,
        chunk_cache: ChunkCacheStore,
        objects: ObjectStore,
        attempts: Attempts,
        notices: Notices,
        looks: Looks,
    ) -> None:
        self._jobs = jobs
        self._chunks = chunks
        self._fleet = fleet
        self._chunk_cache = chunk_cache
        self._objects = objects
        self._attempts = attempts
        self._notices = notices
        self._looks = looks

    async def take_over(self) -> None:
        """Frees all that a scheduler before us left claimed; only for the one scheduler of a database, at its start."""
        await self._jobs.drop_leases()
        await self._free_claims(float("inf"))

    async def run(self) -> None:
        """Keeps the house until cancelled."""
        bin_at = expire_at = 0.0
        while True:
            now = time.time()
            sweep_s = self._attempts.limits.sweep_s
            try:
                await self._free_claims(now)
                if now >= expire_at:
                    expire_at = now + _EXPIRE_SWEEPS * sweep_s
                    await self._fail_overdue(now)
                    await self._looks.give_up_late()
                    gone = await self._fleet.expire(now_s=now)
                    if gone:
                        telemetry.logger().info("expired", count=gone)
                    await self._shrink_cache()
                if now >= bin_at:
                    bin_at = now + _BIN_SWEEPS * sweep_s
                    await self.empty_bin()
            except SayItError as error:
                telemetry.logger().warning("housekeeping is delayed", code=error.code, cause=error.cause)
            await asyncio.sleep(sweep_s)

    async def _shrink_cache(self) -> None:
        """Keeps the chunk cache within its bound; one that was switched off is emptied."""
        limits = self._attempts.limits
        gone = await self._chunk_cache.shrink(max_bytes=limits.chunk_cache_bytes if limits.cache_ttl_s > 0 else 0)
        if gone:
            telemetry.logger().info("chunk cache shrunk", count=gone)

    async def empty_bin(self) -> None:
        """Deletes the objects that no row names any more."""
        for prefix in await self._fleet.bin():
            try:
                await self._objects.delete_prefix(prefix)
            except SayItError as error:
                # It stays in the bin; the others need not wait for it.
                telemetry.logger().warning("objects cannot be deleted", prefix=prefix, cause=error.cause)
                continue
            await self._fleet.emptied(prefix)

    async def _fail_overdue(self, now_s: float) -> None:
        """Fails jobs that will never end, such as those whose model is gone: they would be kept for ever."""
        for job_id in await self._fleet.overdue(accepted_before_s=now_s - self._attempts.limits.job_ttl_s):
            if await self._jobs.fail_job(job_id, SayItError(ErrorKind.DEADLINE_EXCEEDED)):
                self._attempts.stop(job_id)
                await self._notices.wake(job_id)

    async def _free_claims(self, now_s: float) -> None:
        for claim in await self._chunks.expired_claims(now_s=now_s):
            # Not the chunk's fault: a living scheduler would have noticed the transcriber's end itself.
            await self._attempts.give_up(
                claim, AttemptEnd.INTERRUPTED, "its scheduler is gone", began_s=time.time(), expired_s=now_s
            )
