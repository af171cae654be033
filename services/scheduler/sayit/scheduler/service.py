"""A scheduler from its start to its end: what it opens, serves, runs beside that, and closes."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from importlib.metadata import version

import grpc

from sayit.chassis import telemetry
from sayit.chassis.background_tasks import BackgroundTasks, in_background
from sayit.chassis.reload import Reload
from sayit.chassis.server import RunningServer, serving
from sayit.chassis.service_auth import service_credentials, service_interceptors
from sayit.chassis.start import StartError, is_loopback
from sayit.internal.v1 import (
    chunk_service_pb2,
    chunk_service_pb2_grpc,
    job_service_pb2,
    job_service_pb2_grpc,
    key_service_pb2,
    key_service_pb2_grpc,
)
from sayit.scheduler.assemble.hallucination import HallucinationFilter, PhrasesError, load_phrases
from sayit.scheduler.db.audit import SCHEDULER
from sayit.scheduler.db.objects import Objects
from sayit.scheduler.db.scratch import scratch_folder
from sayit.scheduler.db.stores import opened
from sayit.scheduler.dispatch.queue.arq_queue import ArqQueue
from sayit.scheduler.events.bus import RedisBus
from sayit.scheduler.ingest.audio_quota import AudioQuota
from sayit.scheduler.ingest.audio_reader.limits import MediaLimits
from sayit.scheduler.ingest.audio_reader.pool import AudioReaderPool
from sayit.scheduler.jobs.limits import Limits
from sayit.scheduler.rules import limits_of, rules_of
from sayit.scheduler.settings import SchedulerSettings
from sayit.scheduler.wiring import Wiring
from sayit.speech.language_names import LANGUAGES
from sayit.speech.presets import PresetsError, load_presets
from sayit.v1 import admin_service_pb2, admin_service_pb2_grpc

SERVICES = tuple(
    service.full_name
    for file in (
        job_service_pb2.DESCRIPTOR,
        chunk_service_pb2.DESCRIPTOR,
        key_service_pb2.DESCRIPTOR,
        admin_service_pb2.DESCRIPTOR,
    )
    for service in file.services_by_name.values()
)
#: Calls that go on elsewhere when a scheduler stops: watchers, live sessions and their transcribers.
_RESUMABLE = (
    "sayit.internal.v1.JobService/WatchJob",
    "sayit.internal.v1.JobService/StreamingRecognize",
    "sayit.internal.v1.ChunkService/ServeLive",
)


@asynccontextmanager
async def running(
    settings: SchedulerSettings, reload: Reload[SchedulerSettings] | None = None, *, sweep_s: float = 1.0
) -> AsyncIterator[RunningServer]:
    """Runs a scheduler while the block runs; limits and lifetimes follow `reload`.

    Every `sweep_s` its loops check for work without a wake-up.

    At its end it reports NOT_SERVING, ends watchers' calls with UNAVAILABLE, and returns its leases at once.
    Uploads and chunks on an engine get the grace time; what is left of them then is given back, as an interruption.

    Raises:
        StartError: other machines could call it, and no secret is set; or a file that the settings name is wrong.
    """
    if not (is_loopback(settings.scheduler_listen) or settings.internal_secret.get_secret_value()):
        raise StartError(
            f"{settings.scheduler_listen} can be reached from other machines, and every caller there is trusted: "
            "set SAYIT_INTERNAL_SECRET, the same for all services"
        )
    # Before NumPy is loaded: OpenBLAS would share each frame's small products among threads that wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    async with AsyncExitStack() as stack:
        try:
            hallucination_filter = HallucinationFilter(load_phrases(settings.hallucination_phrases))
            limits = limits_of(settings, load_presets(LANGUAGES, settings.presets), sweep_s)
        except PhrasesError as error:
            raise StartError(f"SAYIT_HALLUCINATION_PHRASES: {error}") from error
        except PresetsError as error:
            raise StartError(f"SAYIT_PRESETS: {error}") from error
        wired = await _opened(reload or Reload(settings), limits, hallucination_filter, stack)
        if wired.stores.exclusive:
            await wired.sweeper.take_over()
        if reload is not None:
            reload.follow(wired.adopt)
        stack.push_async_callback(wired.attempts.drained)
        stack.push_async_callback(wired.sessions.close)
        server = await stack.enter_async_context(
            serving(
                address=settings.scheduler_listen,
                register=partial(_register, wired),
                service_names=SERVICES,
                interceptors=service_interceptors(settings),
                credentials=service_credentials(settings),
                grace_s=settings.grace_s,
                resumable=_RESUMABLE,
            )
        )
        # Entered after the server, so that they end before it: a scheduler that stops begins nothing new.
        for loop in wired.loops():
            await stack.enter_async_context(in_background(loop))
        await wired.stores.audit.note("scheduler.start", tenant="", subject=SCHEDULER, detail=version("sayit"))
        await server.set_serving(True)
        telemetry.logger().info("scheduler_up", address=server.address)
        try:
            yield server
        finally:
            await server.set_serving(False)
            wired.attempts.drain(settings.grace_s)


def _register(wired: Wiring, server: grpc.aio.Server) -> None:
    job_service_pb2_grpc.add_JobServiceServicer_to_server(wired.job_servicer, server)
    admin_service_pb2_grpc.add_AdminServiceServicer_to_server(wired.admin_servicer, server)
    chunk_service_pb2_grpc.add_ChunkServiceServicer_to_server(wired.chunk_servicer, server)
    key_service_pb2_grpc.add_KeyServiceServicer_to_server(wired.key_servicer, server)


async def _opened(
    reload: Reload[SchedulerSettings], limits: Limits, hallucination_filter: HallucinationFilter, stack: AsyncExitStack
) -> Wiring:
    """Opens what the use cases work with; the stack closes it."""
    settings = reload.settings
    try:
        scratch = stack.enter_context(scratch_folder(settings.data_dir / "scratch"))
        objects = Objects(settings.storage(), scratch=scratch)
    except OSError as error:
        raise StartError(f"the folders of SAYIT_DATA_DIR and SAYIT_STORAGE_URL cannot be used: {error}") from error
    await objects.verify()
    stack.enter_context(telemetry.serve_metrics(settings.metrics_listen))
    redis_url = settings.redis_url.get_secret_value()
    bus = RedisBus(redis_url, prefix=settings.redis_prefix)
    stack.push_async_callback(bus.close)
    stores = await stack.enter_async_context(
        opened(settings.database(), rules_of(settings, webhooks=bool(settings.secrets())), published=bus.publish_stored)
    )
    queue = ArqQueue(redis_url, prefix=settings.redis_prefix, allow_evicting=settings.allow_evicting_redis)
    stack.push_async_callback(queue.close)
    await queue.verify()
    reader = await stack.enter_async_context(AudioReaderPool(MediaLimits(max_audio_s=settings.max_audio_s)))
    audio_quota = AudioQuota(limits=limits, redis_url=redis_url, prefix=settings.redis_prefix)
    stack.push_async_callback(audio_quota.aclose)
    background = BackgroundTasks()
    stack.push_async_callback(background.wait)
    return Wiring(
        settings=settings,
        settings_now=lambda: reload.settings,
        limits=limits,
        hallucination_filter=hallucination_filter,
        stores=stores,
        objects=objects,
        queue=queue,
        bus=bus,
        reader=reader,
        background=background,
        audio_quota=audio_quota,
    )
