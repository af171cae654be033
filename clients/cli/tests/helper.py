"""Tiny real processes for the supervisor, and values for the displays."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

from sayit.cli.local_suite import ports
from sayit.cli.local_suite.part import PartSpec
from sayit.cli.local_suite.plan import SuiteOptions, SuitePlan
from sayit.cli.local_suite.resources import Workforce
from sayit.cli.paths import is_listening
from sayit.speech.transcript import Coverage, Segment, Transcript, Usage

#: Listens, watches its parent as the services do, notes its end, and ends on SIGTERM.
SERVER = """
import asyncio, os, signal, sys
from sayit.chassis.parent_watch import watch_parent

async def main(port, notes, name):
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    watch_parent(stop)
    print(name, "listens", flush=True)
    server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", port)
    await stop.wait()
    server.close()
    with open(notes, "a") as file:
        file.write(name + "\\n")

asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
"""
#: Answers whoever connects; a process that is stopped still accepts, and says nothing.
SPEAKING = """
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    while True:
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"here")
"""
#: Prints the signals that ask for settings to be read again.
HEEDING = """
import signal, socket, sys, time
signal.signal(signal.SIGHUP, lambda *_: print("SIGHUP", flush=True))
with socket.create_server(("127.0.0.1", int(sys.argv[1]))):
    time.sleep(600)
"""
#: Says why, and ends.
BROKEN = "import sys; print('no such thing as a teapot', file=sys.stderr); sys.exit(int(sys.argv[1]))"
#: Listens on, whatever it is told.
STUBBORN = """
import signal, socket, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
with socket.create_server(("127.0.0.1", int(sys.argv[1]))):
    time.sleep(600)
"""


def spec(
    name: str, folder: Path, *, script: str = SERVER, argument: str = "", speaks: bool = False, **changes: object
) -> PartSpec:
    """A part that runs a script; healthy when its port accepts connections, or says something if it `speaks`."""
    port = ports.free_ports(1)[0]
    address = f"127.0.0.1:{port}"

    async def check() -> bool:
        return await asyncio.to_thread(_says_something, port) if speaks else is_listening(address, 1.0)

    values: dict[str, object] = {
        "name": name,
        "arguments": (sys.executable, "-c", script, argument or str(port), str(folder / "notes"), name),
        "environment": dict(os.environ),
        "address": address,
        "metrics": "",
        "check": check,
        "grace_s": 5.0,
    }
    return PartSpec(**(values | changes))  # type: ignore[arg-type]  # a test's shorthand


def _says_something(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 0.5) as connection:
            return connection.recv(4) == b"here"
    except OSError:
        return False


def suite_options(folder: Path) -> SuiteOptions:
    """One transcriber with the model micro."""
    return SuiteOptions(
        data=folder,
        listen="127.0.0.1:0",
        rest="",
        workforce=Workforce(transcribers=1, threads=1),
        model="micro",
        model_folder=folder,
        redis_url="",
        grace_s=5.0,
        embedded=False,
        environment=dict(os.environ),
    )


def suite_plan(folder: Path, *stages: tuple[PartSpec, ...]) -> SuitePlan:
    """A plan of these parts."""
    return SuitePlan(
        options=suite_options(folder),
        gateway="127.0.0.1:1",
        tls=False,
        scheduler="127.0.0.1:2",
        rest="",
        redis_url="",
        stages=stages,
    )


def transcript(*texts: str, duration_s: float = 12.0) -> Transcript:
    """A transcript with one segment a text, two seconds each."""
    segments = tuple(
        Segment(id=i, start_s=2.0 * i, end_s=2.0 * i + 2.0, text=text, language="en") for i, text in enumerate(texts)
    )
    return Transcript(
        segments=segments,
        language="en",
        language_probability=1.0,
        duration_s=duration_s,
        coverage=Coverage(speech_detected_s=2.0 * len(texts), speech_transcribed_s=2.0 * len(texts)),
        usage=Usage(audio_s=duration_s, compute_s=1.0),
        model="micro",
        preset="en",
    )


def alive(pid: int) -> bool:
    """Whether a process is there and not a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        if Path("/proc/self").exists():
            return False
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True
    return state != "Z"


def eventually(condition: Callable[[], bool], within_s: float = 20.0) -> None:
    """Waits for something that is bound to happen."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def kill(pid: int | None) -> None:
    """Kills it as `kill -9` does."""
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
