"""`python -m sayit.bridge` runs a bridge until it is told to stop."""

from __future__ import annotations

import asyncio

from sayit.bridge.service import running
from sayit.bridge.settings import BridgeSettings
from sayit.chassis import telemetry
from sayit.chassis.process import run
from sayit.chassis.reload import Reload


async def main(stop: asyncio.Event) -> None:
    """Runs the bridge until `stop` is set."""
    settings = BridgeSettings()
    telemetry.setup("bridge", settings)
    with telemetry.serve_metrics(settings.metrics_listen) as metrics_address:
        async with running(settings) as bridge:
            telemetry.logger().info("listening", address=bridge.address, url=bridge.url, metrics=metrics_address)
            with Reload(settings).on_hangup():
                await stop.wait()


if __name__ == "__main__":
    run(main)
