"""`python -m sayit.gateway` runs a gateway until it is told to stop."""

from __future__ import annotations

import asyncio

from sayit.chassis import telemetry
from sayit.chassis.process import run
from sayit.chassis.reload import Reload
from sayit.gateway.service import running
from sayit.gateway.settings import GatewaySettings


async def main(stop: asyncio.Event) -> None:
    """Runs the gateway until `stop` is set."""
    settings = GatewaySettings()
    telemetry.setup("gateway", settings)
    with telemetry.serve_metrics(settings.metrics_listen) as metrics_address:
        reload = Reload(settings)
        async with running(settings, reload) as server:
            telemetry.logger().info("listening", address=server.address, metrics=metrics_address)
            with reload.on_hangup():
                await stop.wait()


if __name__ == "__main__":
    run(main)
