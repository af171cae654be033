"""Texts of chunks for other jobs: deleted with their job, when they are old, or when their tenant has too many."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import Connection, delete, func, select, tuple_

from sayit.scheduler.db import codec
from sayit.scheduler.db.engine import deleted
from sayit.scheduler.db.locks import lock_name, put
from sayit.scheduler.db.schema import chunk_cache
from sayit.scheduler.db.transactions import Store, reads, writes
from sayit.scheduler.jobs.records import ChunkOutput, NewCacheEntry

#: What a row takes beside its text, roughly, in bytes.
_ROW_BYTES = 300
#: How much of the bound is left when a tenant has exceeded it, so that not every sweep has something to do.
_KEPT_SHARE = 0.9
_SIZE = func.length(chunk_cache.c.output) + _ROW_BYTES


class ChunkCacheStore(Store):
    """Texts of chunks for other jobs. Each is deleted with the job it came from, and when it is too old (`expire`)."""

    @reads
    def lookup(self, connection: Connection, tenant: str, keys: Sequence[str]) -> dict[str, ChunkOutput]:
        """The tenant's texts under these keys, with times from the chunk's start; without those that there are not."""
        statement = select(chunk_cache.c.cache_key, chunk_cache.c.output).where(
            chunk_cache.c.tenant == tenant, chunk_cache.c.cache_key.in_(keys), chunk_cache.c.expires_s > time.time()
        )
        return {row.cache_key: codec.output_of(row.output) for row in connection.execute(statement)}

    async def shrink(self, *, max_bytes: int) -> int:
        """Forgets the oldest texts of every tenant whose texts take more; returns how many."""
        # Usually no tenant exceeds the bound; that should not cost a write transaction.
        exceeding = await self._exceeding(max_bytes)
        return await self._drop_oldest(exceeding, int(_KEPT_SHARE * max_bytes)) if exceeding else 0

    @reads
    def _exceeding(self, connection: Connection, max_bytes: int) -> list[str]:
        own = chunk_cache.c.tenant
        return list(connection.execute(select(own).group_by(own).having(func.sum(_SIZE) > max_bytes)).scalars())

    @writes
    def _drop_oldest(self, connection: Connection, tenants: Sequence[str], max_bytes: int) -> int:
        # As when rows expire: two schedulers that delete the same rows in another order could wait for each other.
        lock_name(connection, "expire")
        deleted(connection)
        key = (chunk_cache.c.tenant, chunk_cache.c.cache_key)
        newest_first = (chunk_cache.c.expires_s.desc(), chunk_cache.c.cache_key)
        total = func.sum(_SIZE).over(partition_by=chunk_cache.c.tenant, order_by=newest_first).label("total")
        sized = select(*key, total).where(chunk_cache.c.tenant.in_(tenants)).subquery()
        too_many = select(sized.c.tenant, sized.c.cache_key).where(sized.c.total > max_bytes)
        return connection.execute(delete(chunk_cache).where(tuple_(*key).in_(too_many))).rowcount


def remember(connection: Connection, tenant: str, job_id: str, what: NewCacheEntry) -> None:
    """Keeps a chunk's text for other jobs of the tenant, inside the caller's transaction."""
    values = {"job_id": job_id, "output": codec.output_bytes(what.output), "expires_s": what.expires_s}
    put(connection, chunk_cache, {"tenant": tenant, "cache_key": what.key}, values)
