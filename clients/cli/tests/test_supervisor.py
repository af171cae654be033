"""The supervisor with real, tiny processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sayit.cli.local_suite import suite_file
from sayit.cli.local_suite.part import PartFailedError, SupervisedPart
from sayit.cli.local_suite.supervisor import running

from .helper import BROKEN, HEEDING, SPEAKING, STUBBORN, alive, eventually, kill, spec, suite_plan


async def _until_other_pid(part: SupervisedPart, before: int | None) -> None:
    while part.pid in {None, before} or not part.healthy.is_set():  # noqa: ASYNC110 - the part's word is its pid
        await asyncio.sleep(0.02)


async def test_all_parts_are_healthy_then_end_in_order(tmp_path: Path) -> None:
    """Who takes work ends first and together, who holds it last; no process and no ready file stays."""
    names = ("valkey", "scheduler", "gateway", "transcriber-1")
    specs = {name: spec(name, tmp_path) for name in names}
    file = tmp_path / "ready.json"
    plan = suite_plan(tmp_path, (specs["valkey"],), tuple(specs[name] for name in names[1:]))
    async with running(plan, lambda _: None, ready_files=[file]) as suite:
        described = suite_file.read(file)
        assert described is not None
        assert [(part.name, part.healthy) for part in described.parts] == [(name, True) for name in names]
        pids = [part.pid for part in described.parts]
        assert [part.pid for part in suite.parts] == pids
        assert all(alive(pid) for pid in pids if pid)
        assert file.stat().st_mode & 0o777 == 0o600
    ended = (tmp_path / "notes").read_text().split()
    assert (set(ended[:2]), ended[2:]) == ({"gateway", "transcriber-1"}, ["scheduler", "valkey"])
    assert not any(alive(pid) for pid in pids if pid)
    assert not file.exists()


async def test_a_killed_part_is_started_again_and_the_ready_file_follows(tmp_path: Path) -> None:
    """A `kill -9` of a part costs a pause, longer if it had just come back; the ready file names the new process."""
    said: list[str] = []
    file = tmp_path / "ready.json"
    async with running(suite_plan(tmp_path, (spec("gateway", tmp_path),)), said.append, ready_files=[file]) as suite:
        part = suite.parts[0]
        for turn, sound in ((1, False), (2, False), (3, True)):
            await asyncio.sleep(2.2 if sound else 0.0)
            before = part.pid
            kill(before)
            await asyncio.wait_for(_until_other_pid(part, before), 20)
            described = json.loads(file.read_text())["parts"][0]
            assert (described["pid"], described["restarts"], described["healthy"]) == (part.pid, turn, True)
    ends = [line for line in said if line.startswith("gateway ended: killed by SIGKILL.")]
    assert [line.partition(" again in ")[2] for line in ends] == ["0.2 s.", "0.4 s.", "0.2 s."]
    assert sum(line.startswith("gateway is back") for line in said) == 3


async def test_a_stopped_part_is_killed_and_started_again(tmp_path: Path) -> None:
    """SIGSTOP keeps the port open and answers nothing: after the limit it is killed, and another takes its place."""
    said: list[str] = []
    plan = suite_plan(tmp_path, (spec("gateway", tmp_path, script=SPEAKING, dead_limit_s=1.0, speaks=True),))
    async with running(plan, said.append) as suite:
        part = suite.parts[0]
        before = part.pid
        assert before is not None
        os.kill(before, signal.SIGSTOP)
        await asyncio.wait_for(_until_other_pid(part, before), 20)
    assert "gateway has not worked for 1 s; killing it." in said
    assert "gateway ended: killed by SIGKILL. Starting it again in 0.2 s." in said


async def test_a_part_that_waits_for_another_is_not_killed(tmp_path: Path) -> None:
    """What lives but does not work is shown as not healthy, left alone, and healthy again when it works."""
    works = True

    async def check() -> bool:
        return works

    async def lives() -> bool:
        return True

    plan = suite_plan(tmp_path, (spec("gateway", tmp_path, check=check, lives=lives, dead_limit_s=0.2),))
    async with running(plan, lambda _: None) as suite:
        part = suite.parts[0]
        before = part.pid
        works = False
        while part.healthy.is_set():  # noqa: ASYNC110 - there is no event for the opposite
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.6)
        works = True
        await asyncio.wait_for(part.healthy.wait(), 20)
        assert (part.pid, part.restarts) == (before, 0)


async def test_a_hangup_reaches_those_that_read_settings(tmp_path: Path) -> None:
    """The others would die of it."""
    specs = (spec("gateway", tmp_path, script=HEEDING, reloads=True), spec("valkey", tmp_path))
    async with running(suite_plan(tmp_path, specs), lambda _: None) as suite:
        pids = [part.pid for part in suite.parts]
        suite.hang_up()
        while "SIGHUP" not in (tmp_path / "logs" / "gateway.log").read_text():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        assert [part.pid for part in suite.parts] == pids


async def test_a_part_that_never_starts_is_given_up_with_its_last_words(tmp_path: Path) -> None:
    """After the given number of attempts the suite does not start: the error carries the log, the others are ended."""
    said: list[str] = []
    good = spec("scheduler", tmp_path)
    bad = spec("gateway", tmp_path, script=BROKEN, argument="1", most_first_starts=3)
    with pytest.raises(PartFailedError) as caught:
        async with running(suite_plan(tmp_path, (good, bad)), said.append):
            pytest.fail("it cannot have started")
    log = tmp_path / "logs" / "gateway.log"
    lines = ["gateway does not start: exit status 1.", "  no such thing as a teapot", f"  (log: {log})"]
    assert str(caught.value).splitlines() == lines
    assert sum(line.startswith("gateway ended") for line in said) == 2
    assert (tmp_path / "notes").read_text() == "scheduler\n"


async def test_impossible_settings_are_believed_at_once(tmp_path: Path) -> None:
    """Exit status 2 is a process' own word that it cannot work: no second attempt."""
    said: list[str] = []
    with pytest.raises(PartFailedError):
        async with running(
            suite_plan(tmp_path, (spec("gateway", tmp_path, script=BROKEN, argument="2"),)), said.append
        ):
            pytest.fail("it cannot have started")
    assert said == []


async def test_a_part_that_ignores_the_request_to_end_is_ended(tmp_path: Path) -> None:
    """The grace time is a limit."""
    async with running(
        suite_plan(tmp_path, (spec("gateway", tmp_path, script=STUBBORN, grace_s=0.3),)), lambda _: None
    ) as suite:
        pid = suite.parts[0].pid
    assert pid is not None
    assert not alive(pid)


async def test_a_second_interrupt_does_not_wait(tmp_path: Path) -> None:
    """Cancelled while it stops, the suite kills what is left instead of waiting for the grace time."""
    plan = suite_plan(tmp_path, (spec("gateway", tmp_path, script=STUBBORN, grace_s=600.0),))
    started = asyncio.Event()
    pids: list[int | None] = []

    async def keep() -> None:
        async with running(plan, lambda _: None) as suite:
            pids.append(suite.parts[0].pid)
            started.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(keep())
    await started.wait()
    task.cancel()
    await asyncio.sleep(0.3)
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 20)
    assert pids[0] is not None
    assert not alive(pids[0])


_SUPERVISOR = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from helper import STUBBORN, spec, suite_plan
from sayit.cli.local_suite.supervisor import running

async def main(folder):
    plan = suite_plan(folder, (spec("gateway", folder), spec("valkey", folder, script=STUBBORN)))
    leftover = folder / "leftover"
    leftover.mkdir()
    async with running(plan, print, ready_files=[folder / "ready.json"], leftover=str(leftover)):
        await asyncio.Event().wait()

asyncio.run(main(Path(sys.argv[1])))
"""


def _supervisor(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", _SUPERVISOR, str(folder), str(Path(__file__).parent)])


def test_a_killed_supervisor_leaves_no_process(tmp_path: Path) -> None:
    """A `kill -9` of the supervisor ends every part, also one that does not listen, and the temporary folder."""
    with _supervisor(tmp_path) as supervisor:
        eventually((tmp_path / "ready.json").exists)
        described = suite_file.read(tmp_path / "ready.json")
        assert described is not None
        pids = [part.pid for part in described.parts if part.pid]
        assert len(pids) == 2
        assert all(alive(pid) for pid in pids)
        supervisor.kill()
    eventually(lambda: not any(alive(pid) for pid in pids))
    eventually(lambda: not (tmp_path / "leftover").exists())


def test_a_killed_supervisor_leaves_no_process_even_without_its_reaper(tmp_path: Path) -> None:
    """A new reaper takes over when the first was killed; it learns of the running parts when another is started."""
    with _supervisor(tmp_path) as supervisor:
        eventually((tmp_path / "ready.json").exists)
        described = suite_file.read(tmp_path / "ready.json")
        assert described is not None
        stubborn = next(part.pid for part in described.parts if part.name == "valkey")
        gateway = next(part.pid for part in described.parts if part.name == "gateway")
        reaper = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(supervisor.pid)], capture_output=True, text=True, check=True
        )
        for pid in map(int, reaper.stdout.split()):
            if pid not in {stubborn, gateway}:
                os.kill(pid, signal.SIGKILL)
        kill(gateway)

        def again() -> bool:
            now = suite_file.read(tmp_path / "ready.json")
            return now is not None and all(part.healthy for part in now.parts) and now.parts[0].pid != gateway

        eventually(again)
        supervisor.kill()
    assert stubborn is not None
    eventually(lambda: not alive(stubborn))
