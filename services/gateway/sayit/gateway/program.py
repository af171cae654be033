"""A gateway process from its settings to its end."""

from __future__ import annotations

import asyncio
from typing import NoReturn

from sayit.chassis import process, telemetry
from sayit.chassis.reload import Reload
from sayit.chassis.settings import forget_secrets
from sayit.gateway.service import running
from sayit.gateway.settings import GatewaySettings


def run() -> NoReturn:
    """Runs until the process is told to stop, and ends it."""
    process.run(main)


async def main(stop: asyncio.Event) -> None:
    """Runs the gateway until `stop` is set."""
    settings = GatewaySettings()
    forget_secrets(settings)
    telemetry.setup("gateway", settings)
    with telemetry.serve_metrics(settings.metrics_listen) as metrics_address:
        reload = Reload(settings)
        async with running(settings, reload) as server:
            telemetry.logger().info("listening", address=server.address, metrics=metrics_address)
            with reload.on_hangup():
                await stop.wait()
