"""`python -m sayit.scheduler`: runs a scheduler until it is told to stop."""

from __future__ import annotations

import asyncio

from sayit.chassis import process, telemetry
from sayit.chassis.reload import Reload
from sayit.scheduler.service import running
from sayit.scheduler.settings import SchedulerSettings


async def main(stop: asyncio.Event) -> None:
    """Runs until `stop` is set."""
    settings = SchedulerSettings()
    telemetry.setup("scheduler", settings)
    reload = Reload(settings)
    async with running(settings, reload):
        with reload.on_hangup():
            await stop.wait()


if __name__ == "__main__":
    process.run(main)
