"""What the scheduler hears about a transcriber, and what a supervisor hears about its engine."""

from __future__ import annotations

import asyncio

import grpc
from structlog.testing import capture_logs

from sayit.chassis.server import serving
from sayit.speech.chunk_queue import ChunkMessage
from sayit.transcriber import service
from sayit.transcriber.worker.memory_limit import resident_mb, watch_memory
from sayit.transcriber.worker.registry_report import Reporter
from sayit.transcriber.worker.slots import ClaimResult

from .fakes import Bench, bench, until


def _reporter(work: Bench) -> Reporter:
    return Reporter(stub=work.stub, runner=work.runner, transcriber_id="t1", model="small", revision="r1", slots=2)


async def test_reports_say_what_is_held_and_how_fast_it_goes() -> None:
    """Every report has the slots, what takes them, and the seconds so far; the scheduler sets the pace."""
    async with bench() as work:
        reporting = asyncio.create_task(_reporter(work).run())
        work.engine.go.clear()
        await work.runner.take(ChunkMessage(chunk_id="c1", dispatch=1))
        await until(lambda: any(report.busy == 1 for report in work.scheduler.reports))
        work.engine.go.set()
        await until(lambda: work.scheduler.reports[-1].audio_s > 0)
        reporting.cancel()
        last = work.scheduler.reports[-1]
        assert (last.transcriber_id, last.model, last.slots, last.busy, last.draining) == ("t1", "small", 2, 0, False)
        assert last.compute_s > 0
        assert await _reporter(work).report() == work.scheduler.report_interval_s


async def test_an_absent_scheduler_is_told_of_once_and_reported_to_again() -> None:
    """While the scheduler is away reporting goes on quietly; its return is noticed."""
    async with bench() as work:
        reporter = _reporter(work)
        with capture_logs() as lines:
            work.scheduler.down = grpc.StatusCode.UNAVAILABLE
            for _ in range(3):
                await reporter.report()
            work.scheduler.down = None
            for _ in range(2):
                await reporter.report()
        assert [line["event"] for line in lines] == ["scheduler_unreachable", "scheduler_reachable_again"]
        assert len(work.scheduler.reports) == 2


async def test_leaving_is_said_at_once() -> None:
    """The scheduler hears that a process drains before the process is gone."""
    async with bench() as work:
        await asyncio.gather(work.runner.drain(1.0), _reporter(work).leave())
        assert work.scheduler.reports[-1].draining


async def test_a_stuck_engine_is_not_serving() -> None:
    """A call of the model that takes too long turns health to NOT_SERVING, its end back, a broken engine for good."""
    async with (
        bench() as work,
        serving(address="127.0.0.1:0", register=lambda _: None, service_names=(), grace_s=0.1) as server,
    ):
        await server.set_serving(True)
        watching = asyncio.create_task(service._watch(work.engine, server, 0.05, every_s=0.01))
        work.engine.go.clear()
        with capture_logs() as lines:
            await work.runner.take(ChunkMessage(chunk_id="c1", dispatch=1))
            await until(lambda: "the engine is stuck" in [line["event"] for line in lines])
            work.engine.go.set()
            await until(lambda: "the engine goes on" in [line["event"] for line in lines])
            work.engine.broken = True
            await until(lambda: [line["event"] for line in lines].count("the engine is stuck") == 2)
        watching.cancel()


async def test_a_process_that_has_grown_finishes_its_work_and_leaves() -> None:
    """Past the limit nothing more is taken, the scheduler hears of it, and what is held is finished before the end."""
    async with bench() as work:
        used, stopped, left = [100, 100, 101], asyncio.Event(), asyncio.Event()
        work.engine.go.clear()
        for chunk_id in ("c1", "c2"):
            await work.runner.take(ChunkMessage(chunk_id=chunk_id, dispatch=1))
        with capture_logs() as lines:
            watching = asyncio.create_task(
                watch_memory(
                    work.runner,
                    limit_mb=100,
                    stop_taking=stopped.set,
                    leave=left.set,
                    measure_mb=lambda: used.pop(0),
                    every_s=0.01,
                )
            )
            await asyncio.wait_for(stopped.wait(), 10)
        assert [line["event"] for line in lines] == ["memory_limit_passed"]
        await asyncio.sleep(0.05)
        assert await work.runner.take(ChunkMessage(chunk_id="c3", dispatch=1)) is ClaimResult.UNANSWERED
        await _reporter(work).report()
        assert work.scheduler.reports[-1].draining
        assert not left.is_set()
        work.engine.go.set()
        await asyncio.wait_for(left.wait(), 10)
        assert [call.last for call in work.scheduler.calls] == ["result", "result"]
        await watching


def test_memory_is_measured() -> None:
    """This process takes some, and less than a machine has."""
    assert 10 < resident_mb() < 100_000
