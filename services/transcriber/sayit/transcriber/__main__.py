"""`python -m sayit.transcriber`: runs a transcriber until it is told to stop."""

from __future__ import annotations

import asyncio
import os

from sayit.chassis import process, telemetry
from sayit.chassis.reload import Reload
from sayit.transcriber.allocator import keep_memory
from sayit.transcriber.settings import TranscriberSettings


async def main(stop: asyncio.Event) -> None:
    """Runs until `stop` is set."""
    settings = TranscriberSettings()
    # NumPy's and CTranslate2's libraries read it when they are imported, so that comes after.
    os.environ.setdefault("OMP_NUM_THREADS", str(settings.engine_threads()))
    from sayit.transcriber.service import running  # noqa: PLC0415 - see above

    telemetry.setup("transcriber", settings)
    async with running(settings, leave=stop.set):
        with Reload(settings).on_hangup():
            await stop.wait()


if __name__ == "__main__":
    keep_memory()
    process.run(main)
