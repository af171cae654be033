"""A transcriber process from its settings to its end."""

from __future__ import annotations

import asyncio
import os
from typing import NoReturn

from sayit.chassis import process, telemetry
from sayit.chassis.reload import Reload
from sayit.chassis.settings import forget_secrets
from sayit.transcriber.settings import TranscriberSettings


def run() -> NoReturn:
    """Runs until a signal stops the process, and ends it."""
    process.run(_main)


async def _main(stop: asyncio.Event) -> None:
    settings = TranscriberSettings()
    # NumPy's and CTranslate2's libraries read it when they are imported, so the import follows.
    os.environ.setdefault("OMP_NUM_THREADS", str(settings.engine_threads()))
    from sayit.transcriber.service import running  # noqa: PLC0415 - see above

    forget_secrets(settings)
    telemetry.setup("transcriber", settings)
    async with running(settings, leave=stop.set):
        with Reload(settings).on_hangup():
            await stop.wait()
