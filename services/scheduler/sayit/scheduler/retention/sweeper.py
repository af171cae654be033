"""Periodic clean-up: claims of schedulers that are gone, expired data, garbage objects."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from sayit.chassis import telemetry
from sayit.scheduler.assemble.redecode.redecodes import Redecodes
from sayit.scheduler.db.chunk_cache import ChunkCacheStore
from sayit.scheduler.db.chunks import ChunkStore
from sayit.scheduler.db.job_leases import JobStore
from sayit.scheduler.db.objects import Objects
from sayit.scheduler.db.transcribers import TranscriberStore
from sayit.scheduler.dispatch.attempts import Attempts
from sayit.scheduler.jobs.records import AttemptEnd
from sayit.speech.errors import ErrorKind, SayItError

#: Every so many sweeps garbage objects are deleted, overdue jobs failed, and expired data deleted.
_GARBAGE_SWEEPS = 5
_EXPIRE_SWEEPS = 10


@dataclass(kw_only=True, eq=False)
class Sweeper:
    """Cleans up every `sweep_s`."""

    jobs: JobStore
    chunks: ChunkStore
    transcribers: TranscriberStore
    chunk_cache: ChunkCacheStore
    objects: Objects
    attempts: Attempts
    redecodes: Redecodes

    async def take_over(self) -> None:
        """Ends claims and leases of an earlier scheduler; only for the one scheduler of a database, at its start."""
        await self.jobs.drop_leases()
        await self._free_claims(float("inf"))

    async def run(self) -> None:
        """Cleans up until cancelled."""
        garbage_at = expire_at = 0.0
        while True:
            now = time.time()
            sweep_s = self.attempts.limits.sweep_s
            try:
                await self._free_claims(now)
                if now >= expire_at:
                    expire_at = now + _EXPIRE_SWEEPS * sweep_s
                    await self._fail_overdue(now)
                    await self.redecodes.give_up_late()
                    gone = await self.transcribers.expire(now_s=now)
                    if gone:
                        telemetry.logger().info("expired", count=gone)
                    await self._shrink_cache()
                if now >= garbage_at:
                    garbage_at = now + _GARBAGE_SWEEPS * sweep_s
                    await self.collect_garbage()
            except SayItError as error:
                telemetry.logger().warning("sweep_delayed", code=error.code, cause=error.cause)
            await asyncio.sleep(sweep_s)

    async def _shrink_cache(self) -> None:
        """Keeps the chunk cache within its bound; one that was switched off is emptied."""
        limits = self.attempts.limits
        gone = await self.chunk_cache.shrink(max_bytes=limits.chunk_cache_bytes if limits.cache_ttl_s > 0 else 0)
        if gone:
            telemetry.logger().info("chunk_cache_shrunk", count=gone)

    async def collect_garbage(self) -> None:
        """Deletes the objects that no row names any more."""
        for prefix in await self.transcribers.garbage():
            try:
                await self.objects.delete_prefix(prefix)
            except SayItError as error:
                # It stays marked as garbage; the other prefixes need not wait for it.
                telemetry.logger().warning("objects_not_deleted", prefix=prefix, cause=error.cause)
                continue
            await self.transcribers.forget_garbage(prefix)

    async def _fail_overdue(self, now_s: float) -> None:
        """Fails jobs that will never end, such as those whose model is gone: else they would never be deleted."""
        for job_id in await self.transcribers.overdue(accepted_before_s=now_s - self.attempts.limits.job_ttl_s):
            if await self.jobs.fail_job(job_id, SayItError(ErrorKind.DEADLINE_EXCEEDED)):
                self.attempts.stop(job_id)

    async def _free_claims(self, now_s: float) -> None:
        for claim in await self.chunks.expired_claims(now_s=now_s):
            # Not the chunk's fault: a living scheduler would have noticed the transcriber's end itself.
            await self.attempts.give_up(
                claim, AttemptEnd.INTERRUPTED, "its scheduler is gone", began_s=time.time(), expired_s=now_s
            )
