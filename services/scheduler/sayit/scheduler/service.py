"""The composition root: every real part is made and wired here, and nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager

import grpc

from sayit.chassis import tasks, telemetry
from sayit.chassis.internal import internal_interceptors
from sayit.chassis.reload import Reload
from sayit.chassis.server import Running, serving
from sayit.chassis.start import StartError, is_loopback
from sayit.internal.v1 import chunk_service_pb2, chunk_service_pb2_grpc, job_service_pb2, job_service_pb2_grpc
from sayit.scheduler.decoding import DecodeLimits, DecoderPool
from sayit.scheduler.guarding import HallucinationGuard, PhrasesError, load_phrases
from sayit.scheduler.queues.arq_queue import ArqQueue
from sayit.scheduler.queues.bus import RedisBus
from sayit.scheduler.scheduling.admission import Admission
from sayit.scheduler.scheduling.attempts import Attempts
from sayit.scheduler.scheduling.control import Control
from sayit.scheduler.scheduling.dispatching import Dispatcher
from sayit.scheduler.scheduling.fleet import Fleet
from sayit.scheduler.scheduling.housekeeping import Housekeeping
from sayit.scheduler.scheduling.intake import Intake
from sayit.scheduler.scheduling.last_work import LastWork
from sayit.scheduler.scheduling.limits import Limits
from sayit.scheduler.scheduling.looks import Looks
from sayit.scheduler.scheduling.notices import Notices
from sayit.scheduler.scheduling.overview import Overview
from sayit.scheduler.scheduling.preparing import Preparer
from sayit.scheduler.scheduling.recalling import ChunkCache
from sayit.scheduler.scheduling.results import Results
from sayit.scheduler.scheduling.vocabularies import Vocabularies
from sayit.scheduler.scheduling.watching import Watching
from sayit.scheduler.servicers.chunks import ChunkServicer
from sayit.scheduler.servicers.jobs import JobServicer
from sayit.scheduler.settings import SchedulerSettings
from sayit.scheduler.splitting import SplitConfig, Splitter
from sayit.scheduler.storage.objects import Objects
from sayit.scheduler.storage.scratch import scratch_folder
from sayit.scheduler.stores.store import opened
from sayit.scheduler.voice import SileroDetector
from sayit.speech.options import LANGUAGES
from sayit.speech.presets import Presets, PresetsError, load_presets

SERVICES = tuple(
    service.full_name
    for file in (job_service_pb2.DESCRIPTOR, chunk_service_pb2.DESCRIPTOR)
    for service in file.services_by_name.values()
)
#: Files that have a preparer of their own; half a minute of audio fits in most formats.
SMALL_FILE_BYTES = 2_000_000
_HOUR_S = 3600.0
_MEGABYTE = 1_000_000


def limits_of(settings: SchedulerSettings, presets: Presets, sweep_s: float) -> Limits:
    """The use cases' numbers."""
    return Limits(
        max_upload_bytes=settings.max_upload_mb * _MEGABYTE,
        max_active_jobs=settings.max_active_jobs,
        max_active_jobs_per_tenant=settings.max_active_jobs_per_tenant,
        min_free_bytes=settings.min_free_mb * _MEGABYTE,
        upload_ttl_s=settings.upload_ttl_h * _HOUR_S,
        cache_ttl_s=settings.cache_ttl_h * _HOUR_S,
        chunk_cache_bytes=settings.chunk_cache_mb * _MEGABYTE,
        second_looks=settings.second_looks,
        lease_s=settings.lease_s,
        heartbeat_s=settings.heartbeat_s,
        redispatch_s=settings.redispatch_s,
        dispatch_ahead=settings.dispatch_ahead,
        # Preparing and merging renew it every second; a scheduler's other duties may hold that up for a while.
        work_lease_s=3 * settings.lease_s,
        max_prepare_attempts=10,
        job_ttl_s=settings.job_ttl_h * _HOUR_S,
        report_s=settings.report_s,
        presets=presets,
        sweep_s=sweep_s,
    )


@asynccontextmanager
async def running(
    settings: SchedulerSettings, reload: Reload[SchedulerSettings] | None = None, *, sweep_s: float = 1.0
) -> AsyncIterator[Running]:
    """Runs a scheduler while the block runs; limits and lifetimes follow `reload`.

    Every `sweep_s` its loops look for what no bell announced.

    At its end it says NOT_SERVING, sends watchers elsewhere, and frees what it prepares or merges for another at once.
    Uploads and chunks on an engine get the grace time; what is left of them then is given back, as an interruption.

    Raises:
        StartError: other machines could call it, and no secret keeps strangers out.
    """
    if not (is_loopback(settings.scheduler_listen) or settings.internal_secret.get_secret_value()):
        raise StartError(
            f"{settings.scheduler_listen} can be reached from other machines, and whoever calls there is believed: "
            "set SAYIT_INTERNAL_SECRET, the same for all services"
        )
    limits = limits_of(settings, _presets(settings), sweep_s)
    async with AsyncExitStack() as stack:
        scratch = stack.enter_context(scratch_folder(settings.data_dir / "scratch"))
        stack.enter_context(telemetry.serve_metrics(settings.metrics_listen))
        stores = await stack.enter_async_context(
            opened(settings.database(), result_ttl_s=settings.result_ttl_h * _HOUR_S)
        )
        objects = Objects(settings.storage(), scratch=scratch)
        redis_url = settings.redis_url.get_secret_value()
        queue = ArqQueue(redis_url, allow_evicting=settings.allow_evicting_redis)
        stack.push_async_callback(queue.close)
        await queue.verify()
        bus = RedisBus(redis_url)
        stack.push_async_callback(bus.close)
        decoder = await stack.enter_async_context(DecoderPool(DecodeLimits(max_audio_s=settings.max_audio_s)))
        notices = Notices(bus)
        last_work = LastWork()
        stack.push_async_callback(last_work.wait)

        fleet = Fleet(
            store=stores.fleet,
            default_model=settings.default_model,
            expected={name.strip() for name in settings.models_expected.split(",")},
            limits=limits,
            changed=lambda: dispatcher.bell.ring(),  # noqa: PLW0108 - the dispatcher is made after the fleet
        )
        dispatcher = Dispatcher(chunks=stores.chunks, queue=queue, fleet=fleet, limits=limits)
        guard = _guard(settings)
        looks = Looks(store=stores.looks, objects=objects, dispatcher=dispatcher, last_work=last_work)
        cache = ChunkCache(store=stores.chunk_cache, fleet=fleet, limits=limits, guard=guard)
        results = Results(
            jobs=stores.jobs,
            chunks=stores.chunks,
            objects=objects,
            notices=notices,
            limits=limits,
            last_work=last_work,
            guard=guard,
            looks=looks,
        )
        attempts = Attempts(
            chunks=stores.chunks,
            objects=objects,
            fleet=fleet,
            notices=notices,
            limits=limits,
            last_work=last_work,
            guard=guard,
            cache=cache,
            chunks_due=dispatcher.bell.ring,
            all_done=results.bell.ring,
        )
        preparer = Preparer(
            uploads=stores.uploads,
            jobs=stores.jobs,
            objects=objects,
            decoder=decoder,
            new_splitter=lambda: Splitter(SplitConfig(), SileroDetector()),
            results=results,
            notices=notices,
            limits=limits,
            last_work=last_work,
            dispatcher=dispatcher,
            fleet=fleet,
            cache=cache,
            all_done=results.bell.ring,
        )
        vocabularies = Vocabularies(stores.vocabularies)
        intake = Intake(
            uploads=stores.uploads,
            jobs=stores.jobs,
            objects=objects,
            fleet=fleet,
            vocabularies=vocabularies,
            admission=Admission(
                jobs=stores.jobs,
                fleet=stores.fleet,
                objects=objects,
                limits=limits,
                queue_full=lambda: dispatcher.queue_full,
            ),
            limits=limits,
            last_work=last_work,
            accepted=preparer.bell.ring,
        )
        housekeeping = Housekeeping(
            jobs=stores.jobs,
            chunks=stores.chunks,
            fleet=stores.fleet,
            chunk_cache=stores.chunk_cache,
            objects=objects,
            attempts=attempts,
            notices=notices,
            looks=looks,
        )
        if stores.exclusive:
            await housekeeping.take_over()
        jobs = JobServicer(
            intake=intake,
            control=Control(jobs=stores.jobs, fleet=fleet, attempts=attempts, notices=notices),
            watching=Watching(jobs=stores.jobs, bus=bus, fleet=fleet),
            results=results,
            fleet=fleet,
            vocabularies=vocabularies,
            overview=Overview(
                store=stores.fleet,
                fleet=fleet,
                queue=queue,
                objects=objects,
                expected=settings.transcribers_expected,
            ),
        )

        def register(server: grpc.aio.Server) -> None:
            job_service_pb2_grpc.add_JobServiceServicer_to_server(jobs, server)
            chunk_service_pb2_grpc.add_ChunkServiceServicer_to_server(
                ChunkServicer(attempts=attempts, fleet=fleet, exclusive=stores.exclusive), server
            )

        def adopt(now: SchedulerSettings) -> None:
            limits.adopt(limits_of(now, limits.presets, sweep_s))
            stores.jobs.result_ttl_s = stores.chunks.result_ttl_s = now.result_ttl_h * _HOUR_S
            try:
                guard.adopt(load_phrases(now.guard_phrases))
            except PhrasesError as error:
                telemetry.logger().error("guard_phrases_not_reloaded", cause=str(error))

        if reload is not None:
            reload.follow(adopt)
        stack.push_async_callback(attempts.drained)
        server = await stack.enter_async_context(
            serving(
                address=settings.scheduler_listen,
                register=register,
                service_names=SERVICES,
                interceptors=internal_interceptors(settings),
                grace_s=settings.grace_s,
                resumable=("sayit.internal.v1.JobService/WatchJob",),
            )
        )
        # Entered after the server, so that they end before it: a scheduler that stops begins nothing new.
        for loop in (dispatcher.run(), results.run(), housekeeping.run()):
            await stack.enter_async_context(_in_background(loop))
        await stack.enter_async_context(_in_background(preparer.run(max_bytes=SMALL_FILE_BYTES)))
        for _ in range(settings.prepare_concurrency):
            await stack.enter_async_context(_in_background(preparer.run()))
        await server.set_serving(True)
        telemetry.logger().info("scheduler is up", address=server.address)
        try:
            yield server
        finally:
            await server.set_serving(False)
            attempts.drain(settings.grace_s)


def _guard(settings: SchedulerSettings) -> HallucinationGuard:
    try:
        return HallucinationGuard(load_phrases(settings.guard_phrases))
    except PhrasesError as error:
        raise StartError(f"SAYIT_GUARD_PHRASES: {error}") from error


def _presets(settings: SchedulerSettings) -> Presets:
    try:
        return load_presets(LANGUAGES, settings.presets)
    except PresetsError as error:
        raise StartError(f"SAYIT_PRESETS: {error}") from error


@asynccontextmanager
async def _in_background(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Runs a loop while the block runs. A loop that ends by itself has a defect: it takes the process with it."""
    task = asyncio.create_task(work)
    owner = asyncio.current_task()

    def ended(done: asyncio.Task[None]) -> None:
        if not done.cancelled() and owner is not None:
            telemetry.logger().error("a loop of the scheduler ended", exc_info=done.exception())
            owner.cancel()

    task.add_done_callback(ended)
    try:
        yield
    finally:
        task.remove_done_callback(ended)
        await tasks.end(task)
