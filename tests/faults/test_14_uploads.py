"""Fault test 14: slow, broken and lying uploads over HTTP, and one Idempotency-Key many times at once.

Whatever senders do, the bridge answers with the right status or hangs up; no job is made of half a file, one key makes
one job, nothing of the uploads stays, and whoever sends properly meanwhile is served.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import psutil
import pytest

from tests.end_to_end.helper import RECORDINGS, RunningSuite, running_suite

from .harness import FAST_FAULTS, GIVEN_UP_S, LEAST_HITS, Report, scaled

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

#: Bad senders of each kind.
EACH = scaled(long=40, short=3, commit=2)
#: Senders that trickle all the while.
SLOW = scaled(long=200, short=20, commit=6)
#: Requests with one key at once.
SAME_KEY = scaled(long=50, short=25, commit=12)
#: How much the bridge may grow: a message for the gateway per sender, and what connections cost besides. The files are
#: smaller than a message, so this finds leaks; that large ones are not kept in memory is tested with the bridge.
GROWTH_MB = 60.0 + 0.262 * (SLOW + SAME_KEY + 7 * EACH)
#: Far longer than a busy machine keeps a sender of these from its next bytes.
IDLE_S = 4.0
AUDIO = (RECORDINGS / "en-8s.flac").read_bytes()


@pytest.fixture
def suite(tmp_path: Path) -> Iterator[RunningSuite]:
    """A suite whose bridge loses its patience soon."""
    settings = {**FAST_FAULTS, "SAYIT_UPLOAD_IDLE_S": str(IDLE_S), "SAYIT_HEADER_TIMEOUT_S": str(IDLE_S)}
    # Room for all of them: being refused beyond the bounds is fault test 12's, and would hide what is tested here.
    settings |= {"SAYIT_MAX_UPLOADS": "1000", "SAYIT_BRIDGE_MAX_UPLOADS": "1000"}
    with running_suite(tmp_path, **settings) as suite:
        yield suite


@dataclass(frozen=True, kw_only=True)
class Sender:
    """Somebody who talks HTTP badly."""

    host: str
    port: int
    rng: random.Random

    async def says(self, *pieces: bytes, pause_s: float = 0.0, abort: bool = False) -> int:
        """Sends pieces with pauses between them; the answer's status, 0 if the connection just ended."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause_s)
            if abort:
                writer.transport.abort()
                return 0
            line = await asyncio.wait_for(reader.readline(), 60)
            return int(line.split()[1]) if line else 0
        except ConnectionError:
            return 0
        finally:
            writer.close()

    async def pauses(self) -> int:
        """Half a file, and then nothing."""
        return await self.says(_head(len(AUDIO)) + AUDIO[: self._part()])

    async def dies(self) -> int:
        """Half a file, and then the connection breaks."""
        return await self.says(_head(len(AUDIO)) + AUDIO[: self._part()], pause_s=0.2, abort=True)

    async def lies_about_the_length(self) -> int:
        """Announces more than is allowed."""
        return await self.says(_head(10**9) + AUDIO)

    async def never_ends_its_head(self) -> int:
        """A head without an end."""
        return await self.says(b"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ", b"x")

    async def ends_its_form_early(self) -> int:
        """A form without its last boundary."""
        return await self.says(_form(AUDIO[: self._part()], last=b""))

    async def sends_what_is_no_audio(self) -> int:
        """A page."""
        return await self.says(_form(b"<html><body>" + b"no audio at all " * 5000))

    async def breaks_the_chunks(self) -> int:
        """A chunked body whose chunk has no length."""
        head = b"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        return await self.says(head + b"1000\r\n" + AUDIO[:0x1000] + b"\r\n", b"zzz\r\n")

    async def trickles(self) -> int:
        """All of it, in more time than a pause may take, but without pausing for too long: it is served."""
        step = len(AUDIO) // 12 + 1
        pieces = [AUDIO[start : start + step] for start in range(0, len(AUDIO), step)]
        return await self.says(_head(len(AUDIO)), *pieces, pause_s=IDLE_S / 8)

    def _part(self) -> int:
        return self.rng.randrange(1000, len(AUDIO) - 1000)


#: What each of them has to hear; 0: the connection ends.
EXPECTED: dict[Callable[[Sender], Awaitable[int]], set[int]] = {
    Sender.pauses: {408},
    Sender.dies: {0},
    Sender.lies_about_the_length: {413},
    Sender.never_ends_its_head: {0},
    Sender.ends_its_form_early: {400, 408},
    Sender.sends_what_is_no_audio: {415},
    Sender.breaks_the_chunks: {0, 400, 499},
}


async def test_bad_uploads(suite: RunningSuite, report: Report, rng: random.Random) -> None:
    """All of them at once, and beside them one key many times, slow senders, and a good one that stays quick."""
    async with httpx.AsyncClient(base_url=suite.rest, timeout=60.0, trust_env=False) as client:
        answer = await client.post("/v1/jobs?wait=60&language=en", content=AUDIO)
        text = answer.json()["transcript"]["text"]
        bridge = psutil.Process(suite.pid("bridge"))
        before_mb = bridge.memory_info().rss / 1e6
        sender = Sender(host="127.0.0.1", port=int(suite.rest.rpartition(":")[2]), rng=rng)
        async with asyncio.TaskGroup() as tasks:
            for kind, expected in EXPECTED.items():
                for _ in range(EACH):
                    tasks.create_task(_bad(sender, kind, expected, report))
            slow = [tasks.create_task(sender.trickles()) for _ in range(SLOW)]
            same = [tasks.create_task(_keyed(client)) for _ in range(SAME_KEY)]
            good = tasks.create_task(_good(client, text, report))
        ids = {task.result() for task in same}
        report.doubled += len(ids) - 1
        report.figures |= {"same_key": SAME_KEY, "jobs_of_it": len(ids), "good_meanwhile": good.result()}
        served = sum(task.result() == 202 for task in slow)
        report.figures |= {"slow_senders": SLOW, "slow_served": served}
        report.lost += SLOW - served
        growth_mb = bridge.memory_info().rss / 1e6 - before_mb
        report.figures["growth_mb"] = round(growth_mb, 1)
        if growth_mb > GROWTH_MB:
            report.wrong.append(f"the bridge grew by {growth_mb:.0f} MB")
        await _all_ended(client, report)
    report.figures["uploads_gone_after_s"] = await _gone("uploads", lambda: _uploads_left(suite.data), report)
    report.figures["files_gone_after_s"] = await _gone("files", lambda: _files_left(suite.data), report)
    report.conclude(least=max(LEAST_HITS, EACH * len(EXPECTED)))


async def _bad(sender: Sender, kind: Callable[[Sender], Awaitable[int]], expected: set[int], report: Report) -> None:
    name = getattr(kind, "__name__", "?")
    heard = await kind(sender)
    report.operations += 1
    report.fault(name, hit=True)
    if heard not in expected:
        report.wrong.append(f"{name} heard {heard}, not one of {sorted(expected)}")


async def _keyed(client: httpx.AsyncClient) -> str:
    """The id of the one job of the key. A client whose connection broke asks again, which is what a key is for."""
    request = partial(client.post, "/v1/jobs?language=ko", content=AUDIO, headers={"Idempotency-Key": "the same"})
    try:
        answer = await request()
    except httpx.TransportError:
        answer = await request()
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def _good(client: httpx.AsyncClient, text: str, report: Report) -> int:
    """Good senders beside the bad ones: each gets its words."""
    for number in range(3):
        params = {"wait": 60, "language": "en", "filename": f"good-{number}"}
        answer = await client.post("/v1/jobs", params=params, content=AUDIO)
        if answer.status_code != 200 or answer.json()["transcript"]["text"] != text:
            report.wrong.append(f"a good sender got {answer.status_code}: {answer.text[:200]}")
            return number
    return 3


async def _all_ended(client: httpx.AsyncClient, report: Report) -> None:
    """What was accepted ends, and ends well: no job was made of half a file."""
    jobs = (await client.get("/v1/jobs?page_size=1000")).json()["jobs"]
    for job in jobs:
        ended = (await client.get(f"/v1/jobs/{job['id']}?wait=60")).json()
        if ended["state"] != "completed":
            report.wrong.append(f"{job['id']} ended as {ended['state']}: {ended['error']}")
    report.operations += len(jobs)


def _uploads_left(data: Path) -> list[str]:
    """Uploads that no job uses."""
    with closing(sqlite3.connect(f"file:{data / 'sayit.db'}?mode=ro", uri=True)) as connection:
        sql = "SELECT id FROM uploads WHERE id NOT IN (SELECT upload_id FROM jobs WHERE upload_id IS NOT NULL)"
        return [row[0] for row in connection.execute(sql)]


def _files_left(data: Path) -> list[Path]:
    """Files that no job was made of: scratch, staged objects, half uploads."""
    with closing(sqlite3.connect(f"file:{data / 'sayit.db'}?mode=ro", uri=True)) as connection:
        used = {row[0] for row in connection.execute("SELECT upload_id FROM jobs WHERE upload_id IS NOT NULL")}
    left = [path for path in (data / "scratch").rglob("*") if path.is_file() and path.suffix != ".lock"]
    left += (data / "objects").rglob("*#*")
    return left + [folder for folder in (data / "objects" / "uploads").glob("*") if folder.name not in used]


async def _gone(what: str, left: Callable[[], Sequence[object]], report: Report) -> float:
    """Seconds until nothing is left."""
    began_s = time.monotonic()
    while found := left():
        if time.monotonic() - began_s > GIVEN_UP_S:
            report.wrong.append(f"{len(found)} {what} stay: {', '.join(map(str, found[:3]))}")
            return GIVEN_UP_S
        await asyncio.sleep(0.5)
    return round(time.monotonic() - began_s, 1)


def _head(length: int) -> bytes:
    return f"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n".encode()


def _form(content: bytes, last: bytes = b"\r\n--b--\r\n") -> bytes:
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.flac"\r\n\r\n' + content + last
    head = f"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(part)}\r\n"
    return head.encode() + b"Content-Type: multipart/form-data; boundary=b\r\n\r\n" + part
