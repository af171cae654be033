"""Periodic clean-up: claims of schedulers that are gone, expired data, garbage objects."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count

from sayit.chassis import telemetry
from sayit.scheduler.db.objects import Objects
from sayit.scheduler.db.stores import Stores
from sayit.scheduler.jobs.limits import Limits
from sayit.scheduler.retention.clock import RetentionClock
from sayit.speech.errors import ErrorKind, SayItError

#: Every so many sweeps garbage objects are deleted, overdue jobs failed, and expired data deleted.
_GARBAGE_SWEEPS = 5
_EXPIRE_SWEEPS = 10
#: Seconds after which an upload without a job goes when the disk gets full; a slow sender needs less for a large file.
_ORPHAN_S = 3600.0


@dataclass(kw_only=True, eq=False)
class Sweeper:
    """Cleans up every `sweep_s`."""

    stores: Stores
    objects: Objects
    limits: Limits
    #: Frees the chunks whose claims have run out by then.
    free_claims: Callable[[float], Awaitable[None]]
    #: Gives up re-decodes that no transcriber claimed.
    give_up_redecodes: Callable[[], Awaitable[None]]
    #: Tells the attempts at a job's chunks to end.
    stop: Callable[[str], None]
    clock: RetentionClock = field(default_factory=RetentionClock)

    async def take_over(self) -> None:
        """Ends claims and leases of an earlier scheduler; only for the one scheduler of a database, at its start."""
        await self.stores.jobs.drop_leases()
        await self.free_claims(float("inf"))

    async def run(self) -> None:
        """Cleans up until cancelled."""
        for sweep in count():
            sweep_s = self.limits.sweep_s
            try:
                await self.free_claims(self.clock.wall_s())
                if sweep % _EXPIRE_SWEEPS == 0:
                    await self.expire()
                if sweep % _GARBAGE_SWEEPS == 0:
                    await self.make_room()
                    await self.collect_garbage()
                    await self.stores.transcribers.erase()
            except SayItError as error:
                telemetry.logger().warning("sweep_delayed", code=error.code, cause=error.cause)
            await asyncio.sleep(sweep_s)

    async def expire(self) -> None:
        """Deletes what is too old, unless the clock has just leapt: then nothing is deleted for its age."""
        await self.give_up_redecodes()
        await self._shrink_cache()
        now_s = self.clock.wall_s()
        if not self.clock.may_delete(await self.stores.transcribers.last_seen_s()):
            return
        await self._fail_overdue(now_s)
        if gone := await self.stores.transcribers.expire(now_s=now_s):
            telemetry.logger().info("expired", count=gone)

    async def make_room(self) -> None:
        """Deletes uploads that no job uses before new audio has to be refused; a client at work may be behind one."""
        free = await self.objects.free_bytes() if self.limits.min_free_bytes else None
        if free is None or free >= self.limits.scarce_bytes:
            return
        if self.clock.may_delete(await self.stores.transcribers.last_seen_s()):
            gone = await self.stores.transcribers.drop_orphans(before_s=self.clock.wall_s() - _ORPHAN_S)
            telemetry.logger().warning("disk_scarce", free_mb=free // 1_000_000, uploads_deleted=gone)

    async def _shrink_cache(self) -> None:
        """Keeps the chunk cache within its bound; one that was switched off is emptied."""
        kept_bytes = self.limits.chunk_cache_bytes if self.limits.cache_ttl_s > 0 else 0
        gone = await self.stores.chunk_cache.shrink(max_bytes=kept_bytes)
        if gone:
            telemetry.logger().info("chunk_cache_shrunk", count=gone)

    async def collect_garbage(self) -> None:
        """Deletes the objects that no row names any more."""
        for prefix in await self.stores.transcribers.garbage():
            try:
                await self.objects.delete_prefix(prefix)
            except SayItError as error:
                # It stays marked as garbage; the other prefixes need not wait for it.
                telemetry.logger().warning("objects_not_deleted", prefix=prefix, cause=error.cause)
                continue
            await self.stores.transcribers.forget_garbage(prefix)

    async def _fail_overdue(self, now_s: float) -> None:
        """Fails jobs that will never end, such as those whose model is gone: else they would never be deleted."""
        for job_id in await self.stores.transcribers.overdue(accepted_before_s=now_s - self.limits.job_ttl_s):
            if await self.stores.jobs.fail_job(job_id, SayItError(ErrorKind.DEADLINE_EXCEEDED)):
                self.stop(job_id)
