"""`python -m sayit.bridge` runs a bridge until it is told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from sayit.bridge.service import running
from sayit.bridge.settings import BridgeSettings
from sayit.chassis import telemetry
from sayit.chassis.process import run
from sayit.chassis.reload import Reload


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
    telemetry.setup("bridge", settings)
    with telemetry.serve_metrics(settings.metrics_listen) as metrics_address:
        async with running(settings) as bridge:
            telemetry.logger().info("listening", address=bridge.address, url=bridge.url, metrics=metrics_address)
            say(bridge.url)
            with Reload(settings, read).on_hangup():
                await stop.wait()


if __name__ == "__main__":
    run(main)
