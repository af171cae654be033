"""Ends a child process when its parent is gone, however the parent ended (SIGKILL included), on Linux and macOS.

The parent keeps the writing end of a pipe and hands the reading end down, its number in `SAYIT_PARENT_FD`. Nothing is
written: the kernel closes the writing end when the parent ends, and end-of-file is the message. A thread waits for it,
so that a busy event loop cannot miss it. A process without the variable was started by hand or by a container engine
and watches nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time

#: Names the inherited descriptor.
PARENT_FD_VARIABLE = "SAYIT_PARENT_FD"
#: How long an orphan may take to end cleanly, in seconds; everything durable survives a hard end as well.
ORPHAN_GRACE_S = 3.0


def watch_parent(stop: asyncio.Event, *, grace_s: float = ORPHAN_GRACE_S) -> bool:
    """Sets `stop` once the parent is gone, and ends this process `grace_s` seconds later if it still runs.

    Call it inside the running event loop that `stop` belongs to, once.

    Returns:
        Whether there is a parent to watch.
    """
    number = os.environ.pop(PARENT_FD_VARIABLE, "")
    if not number.isdigit():
        return False
    descriptor = int(number)
    try:
        os.set_inheritable(descriptor, False)
    except OSError:
        return False
    loop = asyncio.get_running_loop()
    threading.Thread(target=_wait, args=(descriptor, loop, stop, grace_s), name="parent-watch", daemon=True).start()
    return True


def _wait(descriptor: int, loop: asyncio.AbstractEventLoop, stop: asyncio.Event, grace_s: float) -> None:
    try:
        while os.read(descriptor, 1):
            pass
    except OSError:
        return
    with contextlib.suppress(RuntimeError):  # the loop has ended already: the process is on its way out
        loop.call_soon_threadsafe(stop.set)
    time.sleep(grace_s)
    os._exit(1)
