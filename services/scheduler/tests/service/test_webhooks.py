"""A job's end is told where the job said, whatever happens to the scheduler."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook

from sayit.chassis import principal
from sayit.chassis.service_auth import service_channel
from sayit.cli.local_suite.ports import free_ports
from sayit.internal.v1 import job_service_pb2_grpc
from sayit.scheduler.settings import SchedulerSettings
from sayit.scheduler.webhooks.signatures import tenant_secret
from sayit.speech.errors import ErrorKind
from sayit.v1 import resources_pb2 as pb
from sayit.v1 import transcription_service_pb2 as service_pb
from tests.receiver import NEVER, answer, receiver

from .helper import ALICE, SHORT, SWEEPING, Suite, Transcriber, kind_of, suite

SECRET = "s" * 32


async def created(s: Suite, url: str) -> pb.Job:
    """A job whose end is to be told there."""
    config = service_pb.JobConfig(filename="a.wav", callback_url=url)
    with principal.use(ALICE):
        messages = [{"config": config}, {"audio": SHORT}, {"audio": b""}]
        return await s.jobs.CreateJob(iter([service_pb.CreateJobRequest(**one) for one in messages]))


async def test_a_callback_is_called(tmp_path: Path, redis_url: str) -> None:
    """Once the transcript is there, signed for the tenant's receivers, and without anything that was said."""
    async with receiver(answer(200)) as server:
        settings = {"webhook_secrets": SecretStr(SECRET), "outbound_trusted": f"localhost:{server.port}"}
        async with suite(tmp_path, redis_url, sweep_s=SWEEPING, **settings) as s:
            worker = Transcriber(s)
            await worker.report()
            job = await created(s, f"http://localhost:{server.port}/done")
            attempt = await worker.claim(*await worker.take())
            await attempt.finish("quince-marmalade")
            [request] = await server.received(1)
            message = Webhook(tenant_secret(SECRET, "alice")).verify(request.body, request.headers)
            assert message["type"] == "job.completed"
            assert (message["data"]["job_id"], message["data"]["state"]) == (job.id, "completed")
            assert message["data"]["audio_s"] == pytest.approx(8.0, abs=1.0)
            assert b"quince" not in request.body
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await created(s, "http://169.254.169.254/")
            assert kind_of(error) is ErrorKind.INVALID_OPTION


async def test_without_a_secret_there_are_no_callbacks(tmp_path: Path, redis_url: str) -> None:
    """A job that names one is refused, rather than accepted and never told of."""
    async with suite(tmp_path, redis_url) as s:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await created(s, "https://example.com/")
        assert kind_of(error) is ErrorKind.INVALID_OPTION


@asynccontextmanager
async def scheduler(settings: dict[str, str]) -> AsyncIterator[job_service_pb2_grpc.JobServiceStub]:
    """A scheduler in a process of its own, which ends by SIGKILL."""
    environment = {**os.environ, **settings}
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "sayit.scheduler", env=environment)
    address = settings["SAYIT_SCHEDULER_LISTEN"]
    try:
        async with service_channel(address, SchedulerSettings()) as channel:
            yield job_service_pb2_grpc.JobServiceStub(channel)
    finally:
        process.kill()
        await process.wait()


async def test_a_killed_scheduler_delivers_one_message(tmp_path: Path, redis_url: str) -> None:
    """Killed between the end of a job and the answer of its receiver, it sends the same message after its start."""
    async with receiver(NEVER, answer(200)) as server:
        settings = {
            "SAYIT_SCHEDULER_LISTEN": f"127.0.0.1:{free_ports(1)[0]}",
            "SAYIT_DATA_DIR": str(tmp_path),
            "SAYIT_REDIS_URL": redis_url,
            "SAYIT_DEFAULT_MODEL": "micro",
            "SAYIT_WEBHOOK_SECRETS": SECRET,
            "SAYIT_OUTBOUND_TRUSTED": "localhost",
        }
        with principal.use(ALICE):
            async with scheduler(settings) as jobs:
                config = service_pb.JobConfig(callback_url=f"http://localhost:{server.port}/")
                config.options.model = "micro"
                messages = [{"config": config}, {"audio": SHORT}, {"audio": b""}]
                requests = iter([service_pb.CreateJobRequest(**one) for one in messages])
                job = await jobs.CreateJob(requests, wait_for_ready=True)
                await jobs.CancelJob(service_pb.CancelJobRequest(job_id=job.id))
                await server.received(1)
            async with scheduler(settings) as jobs:
                await jobs.GetJob(service_pb.GetJobRequest(job_id=job.id), wait_for_ready=True)
                first, second = await server.received(2)
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert first.body == second.body
