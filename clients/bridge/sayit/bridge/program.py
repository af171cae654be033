"""A bridge process from its settings to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from sayit.bridge.service import running
from sayit.bridge.settings import BridgeSettings
from sayit.chassis import process, telemetry
from sayit.chassis.reload import Reload
from sayit.chassis.settings import forget_secrets


def run() -> NoReturn:
    """Runs until the process is told to stop, and ends it."""
    process.run(main)


async def main(
    stop: asyncio.Event, *, values: Mapping[str, Any] | None = None, say: Callable[[str], None] = lambda _: None
) -> None:
    """Runs the bridge until `stop` is set.

    Args:
        stop: ends it.
        values: settings that win over variables.
        say: told the page's address once it is there.
    """

    def read() -> BridgeSettings:
        return BridgeSettings(**(values or {}))

    settings = read()
    forget_secrets(settings)
    telemetry.setup("bridge", settings)
    with telemetry.serve_metrics(settings.metrics_listen) as metrics_address:
        async with running(settings) as bridge:
            telemetry.logger().info("listening", address=bridge.address, url=bridge.url, metrics=metrics_address)
            say(bridge.url)
            with Reload(settings, read).on_hangup():
                await stop.wait()
