"""Models that are away: who may still be asked for them, and what becomes of the jobs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import pytest

from sayit.chassis import principal
from sayit.scheduler.dispatch import worker_registry
from sayit.speech.errors import ErrorKind
from sayit.speech.wire.errors import error_of_call
from sayit.v1 import resources_pb2 as pb
from sayit.v1 import transcription_service_pb2 as service_pb

from .helper import ALICE, ENDED, SHORT, Suite, Transcriber, suite


async def listed(s: Suite) -> list[tuple[str, bool, int]]:
    """Names of models, whether they are the default, and how many transcribers they have."""
    with principal.use(ALICE):
        response = await s.jobs.ListModels(service_pb.ListModelsRequest())
    return [(model.name, model.default, model.transcribers) for model in response.models]


async def test_a_model_that_is_away_is_waited_for(
    tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its jobs are accepted and wait until it is back; once it was long away the answer is the list."""
    async with suite(tmp_path, redis_url, report_s=10, models_expected="large, micro") as s:
        assert await listed(s) == [("large", False, 0), ("micro", True, 0)]
        medium = Transcriber(s, model="medium")
        await medium.report()
        assert ("medium", False, 1) in await listed(s)
        await medium.report(draining=True)
        assert await listed(s) == [("large", False, 0), ("medium", False, 0), ("micro", True, 0)]
        waiting = [await s.create(SHORT, model=name) for name in ("medium", "large")]
        await s.until(waiting[0].id, pb.JOB_STATE_RUNNING)

        monkeypatch.setattr(worker_registry, "AWAY_S", 0.1)
        await asyncio.sleep(0.2)
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await s.create(SHORT, model="medium", language="ko")
        refusal = error_of_call(error.value)
        assert refusal.kind is ErrorKind.MODEL_NOT_AVAILABLE
        assert refusal.details["available"] == "large, micro"

        back = asyncio.create_task(Transcriber(s, model="medium", name="t2").run())
        done = await s.until(waiting[0].id, *ENDED)
        back.cancel()
        assert done.state == pb.JOB_STATE_COMPLETED
        assert (await s.until(waiting[1].id, pb.JOB_STATE_RUNNING, *ENDED)).state == pb.JOB_STATE_RUNNING


async def test_a_backlog_of_one_model_does_not_hold_up_the_other(tmp_path: Path, redis_url: str) -> None:
    """Each model has a queue of its own, filled by its own transcribers' room, whatever waits for the other one."""
    async with suite(tmp_path, redis_url) as s:
        await Transcriber(s, name="t1").report()
        other = Transcriber(s, name="t2", model="other")
        await other.report()
        crowd = [await s.create(SHORT + bytes([number])) for number in range(8)]
        job = await s.create(SHORT, model="other")
        attempt = await other.claim(*await other.take())
        await attempt.finish("다른 모델")
        assert (await s.until(job.id, *ENDED)).state == pb.JOB_STATE_COMPLETED
        states = [(await s.get(each.id)).state for each in crowd]
        assert not set(states) & set(ENDED)
