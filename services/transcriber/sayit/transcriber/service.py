"""The composition root: every real part is made and wired here, and nowhere else."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from sayit.chassis import telemetry
from sayit.chassis.server import RunningServer, serving
from sayit.chassis.service_auth import service_channel
from sayit.chassis.start import StartError
from sayit.internal.v1 import chunk_service_pb2 as pb
from sayit.internal.v1 import chunk_service_pb2_grpc
from sayit.transcriber import models
from sayit.transcriber.engine import BatchLimits, DecodePolicy, Engine
from sayit.transcriber.metrics import MODEL
from sayit.transcriber.revision import revision
from sayit.transcriber.settings import TranscriberSettings
from sayit.transcriber.worker.arq_loop import WakeableWorker
from sayit.transcriber.worker.live_streams import LiveStreams, schedulers
from sayit.transcriber.worker.memory_limit import resident_mb, watch_memory
from sayit.transcriber.worker.registry_report import Reporter
from sayit.transcriber.worker.slots import Runner

#: A process that is warm has about the memory it needs. So many times that, and so many MB, is too much.
_GROWTH, _GROWTH_MB = 2, 512
#: How often it is checked whether the engine is stuck.
_WATCH_S = 1.0


@asynccontextmanager
async def running(settings: TranscriberSettings, leave: Callable[[], None]) -> AsyncIterator[RunningServer]:
    """Runs a transcriber while the block runs: health answers first, SERVING once the model is warm.

    At its end it takes no more work, gives back what waits, and finishes or gives back what is on the engine within
    the grace time.

    Args:
        settings: the process's settings.
        leave: called when the process should end because its memory has grown too much; it holds no work then.

    Raises:
        StartError: the model is not on this machine, or the address is taken.
        SayItError: the model cannot be loaded.
    """
    async with AsyncExitStack() as stack:
        metrics = stack.enter_context(telemetry.serve_metrics(settings.metrics_listen))
        server = await stack.enter_async_context(
            serving(address=settings.transcriber_listen, register=lambda _: None, service_names=(), grace_s=1.0)
        )
        engine, model, revised = await _warm(settings)
        engine.start()
        # A call of the model cannot be interrupted; the process ends without waiting for it.
        stack.callback(engine.close)
        limit_mb = settings.memory_limit_mb or _GROWTH * resident_mb() + _GROWTH_MB
        channel = await stack.enter_async_context(service_channel(settings.scheduler_address, settings))
        stub = chunk_service_pb2_grpc.ChunkServiceStub(channel)
        own_id = f"{socket.gethostname()[:32]}-{os.getpid()}-{secrets.token_hex(3)}"
        runner = Runner(stub=stub, engine=engine, transcriber_id=own_id)
        MODEL.labels(model, revised[:12]).set(1)
        reporter = Reporter(
            stub=stub, runner=runner, transcriber_id=own_id, model=model, revision=revised, slots=settings.held_chunks()
        )
        live = _live_streams(
            settings, engine, runner, pb.LiveOffer(transcriber_id=own_id, model=model, revision=revised)
        )
        redis_url, prefix = settings.redis_url.get_secret_value(), settings.redis_prefix
        worker = WakeableWorker(redis_url, prefix=prefix, model=model, runner=runner, slots=settings.held_chunks())
        async with worker.working(), asyncio.TaskGroup() as tasks:
            loops = [
                tasks.create_task(reporter.run()),
                tasks.create_task(live.run()),
                tasks.create_task(_watch(engine, server, settings.stuck_after_s)),
                tasks.create_task(watch_memory(runner, limit_mb=limit_mb, stop_taking=worker.stop_taking, leave=leave)),
            ]
            await server.set_serving(True)
            known = {"transcriber_id": own_id, "model": model, "revision": revised[:12], "memory_limit_mb": limit_mb}
            telemetry.logger().info(
                "transcriber_up", **known, **_capacity(settings), address=server.address, metrics=metrics
            )
            try:
                yield server
            finally:
                worker.stop_taking()
                for loop in loops:
                    loop.cancel()
                await server.set_serving(False)
                await asyncio.gather(runner.drain(settings.grace_s), reporter.leave())


def _capacity(settings: TranscriberSettings) -> dict[str, int]:
    """How much it works on at once."""
    return {"slots": settings.held_chunks(), "batch": settings.batch, "threads": settings.engine_threads()}


def _live_streams(settings: TranscriberSettings, engine: Engine, runner: Runner, offer: pb.LiveOffer) -> LiveStreams:
    return LiveStreams(
        connect=lambda address: service_channel(address, settings),
        addresses=lambda: schedulers(settings.scheduler_address),
        engine=engine,
        runner=runner,
        offer=offer,
    )


async def _warm(settings: TranscriberSettings) -> tuple[Engine, str, str]:
    """The engine, warm, its model's name and its revision."""
    folder = models.find(settings.model)
    if folder is None:
        raise StartError(f"the model '{settings.model}' is not on this machine: name a CTranslate2 Whisper folder")
    # The engine and the digest read the same files; side by side they take hardly longer than the engine alone.
    engine, revised = await asyncio.gather(
        asyncio.to_thread(_warm_engine, folder, settings),
        asyncio.to_thread(
            revision,
            folder.path,
            decoding=(settings.compute_type, str(_policy(settings))),
        ),
    )
    return engine, settings.model_name or folder.name, revised


def _warm_engine(folder: models.ModelFolder, settings: TranscriberSettings) -> Engine:
    """The model's engine, loaded and warm; blocks."""
    began = time.monotonic()
    engine = Engine.load(
        folder.path,
        threads=settings.engine_threads(),
        compute_type=settings.compute_type,
        bounds=BatchLimits(batch=settings.batch, call_s=settings.call_s, bulk_call_s=settings.bulk_call_s),
        policy=_policy(settings),
    )
    loaded = time.monotonic()
    engine.warm_up()
    telemetry.logger().info(
        "model_warm",
        model=folder.name,
        load_s=round(loaded - began, 2),
        warm_up_s=round(time.monotonic() - loaded, 2),
        memory_mb=resident_mb(),
    )
    return engine


def _policy(settings: TranscriberSettings) -> DecodePolicy:
    return DecodePolicy(
        short_windows=settings.short_windows, greedy_first=settings.greedy_first, languages=settings.usual_languages()
    )


async def _watch(engine: Engine, server: RunningServer, stuck_after_s: float, every_s: float = _WATCH_S) -> None:
    """Reports NOT_SERVING while the engine is stuck, so that a supervisor restarts the process."""
    healthy = True
    while True:
        await asyncio.sleep(every_s)
        stuck = engine.broken or engine.busy_for_s > stuck_after_s
        if stuck is healthy:
            healthy = not stuck
            telemetry.logger().error(
                "the engine is stuck" if stuck else "the engine goes on", seconds=engine.busy_for_s
            )
            await server.set_serving(healthy)
