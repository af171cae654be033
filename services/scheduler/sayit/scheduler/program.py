"""A scheduler process from its settings to its end."""

from __future__ import annotations

import asyncio
from typing import NoReturn

from sayit.chassis import process, telemetry
from sayit.chassis.reload import Reload
from sayit.chassis.settings import forget_secrets
from sayit.scheduler.service import running
from sayit.scheduler.settings import SchedulerSettings


def run() -> NoReturn:
    """Runs until the process is told to stop, and ends it."""
    process.run(main)


async def main(stop: asyncio.Event) -> None:
    """Runs until `stop` is set."""
    settings = SchedulerSettings()
    forget_secrets(settings)
    telemetry.setup("scheduler", settings)
    reload = Reload(settings)
    async with running(settings, reload):
        with reload.on_hangup():
            await stop.wait()
