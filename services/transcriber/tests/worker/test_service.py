"""The whole transcriber as a process: the bundled model, a real Valkey, a scheduler over a real connection."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from arq.connections import ArqRedis
from grpc_health.v1 import health_pb2, health_pb2_grpc

from sayit.speech.chunk_queue import RUN_CHUNK, dumps, loads, queue_name, wake_up_channel
from sayit.transcriber.settings import TranscriberSettings

from .fakes import FakeScheduler, serve, until


class _Process:
    """A transcriber and what it logged."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.log = ""

    async def read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.log += line.decode()

    def tell(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ended(self) -> int:
        async with asyncio.timeout(30):
            return await self.process.wait()


@asynccontextmanager
async def _transcriber(**variables: str) -> AsyncIterator[_Process]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SAYIT_")}
    settings = {
        "SAYIT_MODEL": "micro",
        "SAYIT_THREADS": "1",
        "SAYIT_LOG_FORMAT": "json",
        "SAYIT_GRACE_S": "10",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sayit.transcriber",
        env={**inherited, **settings, **variables},
        stderr=asyncio.subprocess.PIPE,
    )
    started = _Process(process)
    reading = asyncio.create_task(started.read())
    try:
        yield started
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await reading


async def _address(started: _Process) -> str:
    await until(lambda: "transcriber_up" in started.log or started.process.returncode is not None, 60)
    found = re.search(r'"address": ?"(127\.0\.0\.1:\d+)"', started.log)
    assert found, started.log
    return found[1]


async def _serving(address: str) -> bool:
    async with grpc.aio.insecure_channel(address) as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


async def _enqueue(redis_url: str, chunk_id: str) -> None:
    async with ArqRedis.from_url(redis_url) as client:
        client.job_serializer, client.job_deserializer = dumps, loads
        await client.enqueue_job(RUN_CHUNK, chunk_id, 1, _job_id=f"{chunk_id}:1", _queue_name=queue_name("micro"))
        await client.publish(wake_up_channel("micro"), b"")


async def test_a_transcriber_works_and_leaves(redis_url: str) -> None:
    """It serves once it is warm, transcribes what is queued, reports, and ends cleanly when told to."""
    scheduler = FakeScheduler()
    async with (
        serve(scheduler) as address,
        _transcriber(SAYIT_REDIS_URL=redis_url, SAYIT_SCHEDULER_ADDRESS=address) as started,
    ):
        await _enqueue(redis_url, "c1")
        health = await _address(started)
        call = await scheduler.call()
        await call.ended.wait()
        assert await _serving(health)
        assert call.last == "result"
        await until(lambda: any(report.audio_s > 0 for report in scheduler.reports))
        report = scheduler.reports[-1]
        assert (report.model, report.slots, report.busy, report.draining) == ("micro", 10, 0, False)
        assert report.transcriber_id == call.claim.transcriber_id
        started.tell(signal.SIGTERM)
        assert await started.ended() == 0
        assert scheduler.reports[-1].draining
    (line,) = [line for line in started.log.splitlines() if '"event": "chunk"' in line]
    assert '"outcome": "done"' in line
    assert "0af7651916cd43dd8448eb211c80319c" in line, "the line is part of the job's trace"
    assert "Traceback" not in started.log


async def test_a_process_that_takes_too_much_memory_ends(redis_url: str) -> None:
    """Above the limit it says that it drains and ends with status 0, for its supervisor to start it again."""
    scheduler = FakeScheduler()
    async with (
        serve(scheduler) as address,
        _transcriber(
            SAYIT_REDIS_URL=redis_url, SAYIT_SCHEDULER_ADDRESS=address, SAYIT_MEMORY_LIMIT_MB="1", SAYIT_BATCH="1"
        ) as started,
    ):
        assert await started.ended() == 0
    assert "memory_limit_passed" in started.log
    assert scheduler.reports[-1].draining
    assert "Traceback" not in started.log


async def test_it_starts_before_redis_and_scheduler() -> None:
    """With nobody there it warms its model, serves health, and waits."""
    async with _transcriber(SAYIT_REDIS_URL="redis://127.0.0.1:1", SAYIT_SCHEDULER_ADDRESS="127.0.0.1:1") as started:
        assert await _serving(await _address(started))
        started.tell(signal.SIGTERM)
        assert await started.ended() == 0
    assert "Traceback" not in started.log


@pytest.mark.parametrize(
    ("variables", "complaint"),
    [
        ({"SAYIT_MODEL": "no-such-model"}, "no-such-model"),
        ({"SAYIT_BATCH": "0"}, "SAYIT_BATCH"),
        ({"SAYIT_COMPUTE_TYPE": "int3"}, "int3"),
    ],
)
async def test_wrong_settings_are_one_line(variables: dict[str, str], complaint: str, tmp_path: Path) -> None:
    """What the operator got wrong is said in one line, with exit code 2."""
    async with _transcriber(HF_HOME=str(tmp_path), **variables) as started:
        assert await started.ended() == 2
    assert complaint in started.log
    assert "Traceback" not in started.log


def test_every_setting_says_what_it_is() -> None:
    """The documentation is made from the descriptions."""
    assert all(field.description for field in TranscriberSettings.model_fields.values())
