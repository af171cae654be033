"""The composition root: every use case is made and wired here, of what `service` opened."""

# ruff: noqa: D102  # each part of the wiring is described by its class
from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from typing import TYPE_CHECKING

from sayit.chassis import telemetry
from sayit.chassis.background_tasks import BackgroundTasks
from sayit.chassis.settings import secrets_of
from sayit.scheduler.api.admin_control import AdminControl
from sayit.scheduler.api.admin_service import InternalAdminServicer
from sayit.scheduler.api.chunk_service import ChunkServicer
from sayit.scheduler.api.job_control import Control, view
from sayit.scheduler.api.job_service import JobServicer
from sayit.scheduler.api.key_control import KeyControl
from sayit.scheduler.api.key_service import InternalKeyServicer
from sayit.scheduler.api.live_calls import LiveCalls
from sayit.scheduler.api.sharing import Sharing
from sayit.scheduler.api.system_status import Overview
from sayit.scheduler.assemble.corrections import CorrectedTranscripts
from sayit.scheduler.assemble.finalize import Results
from sayit.scheduler.assemble.hallucination import HallucinationFilter, PhrasesError, load_phrases
from sayit.scheduler.assemble.redecode.redecodes import Redecodes
from sayit.scheduler.cache.chunk_cache import ChunkCache
from sayit.scheduler.db.audit import SCHEDULER
from sayit.scheduler.db.lease_keeper import Leasing
from sayit.scheduler.db.objects import Objects
from sayit.scheduler.db.stores import Stores
from sayit.scheduler.dispatch.attempts import Attempts
from sayit.scheduler.dispatch.backlog_gauges import BacklogGauges
from sayit.scheduler.dispatch.dispatcher import Dispatcher
from sayit.scheduler.dispatch.queue.arq_queue import ArqQueue
from sayit.scheduler.dispatch.worker_registry import WorkerRegistry
from sayit.scheduler.events.bus import RedisBus
from sayit.scheduler.events.stream import EventStream
from sayit.scheduler.ingest.admission import Admission
from sayit.scheduler.ingest.audio_quota import AudioQuota
from sayit.scheduler.ingest.audio_reader.pool import AudioReaderPool
from sayit.scheduler.ingest.downloads import Downloads
from sayit.scheduler.ingest.prepare import Preparer
from sayit.scheduler.ingest.uploads import Intake
from sayit.scheduler.ingest.vocabularies import Vocabularies
from sayit.scheduler.jobs.limits import Limits
from sayit.scheduler.live.sessions import LiveParts, Sessions
from sayit.scheduler.live.transcribers import LiveTranscribers
from sayit.scheduler.outbound.exchange import Exchange
from sayit.scheduler.retention.sweeper import Sweeper
from sayit.scheduler.rules import limits_of, rules_of
from sayit.scheduler.settings import SchedulerSettings
from sayit.scheduler.webhooks.delivery import Webhooks
from sayit.speech.audio import samples_of
from sayit.speech.errors import SayItError
from sayit.speech.options import Channels, Options

if TYPE_CHECKING:
    from sayit.scheduler.ingest.segmentation import ChannelSplitter
    from sayit.scheduler.live.turns import Voices

#: Files that have a preparer of their own; half a minute of audio fits in most formats.
SMALL_FILE_BYTES = 2_000_000


def new_splitter(channels: int, options: Options, voice_threshold: float) -> ChannelSplitter:
    """The splitter of one recording."""
    # Loaded by the first recording: 20 MB that an idle scheduler does not need.
    from sayit.scheduler.ingest.segmentation import ChannelSplitter, SplitConfig, Splitter  # noqa: PLC0415
    from sayit.scheduler.ingest.vad import SileroDetector  # noqa: PLC0415
    from sayit.scheduler.live.turns import quiet_below  # noqa: PLC0415

    config = SplitConfig(threshold=voice_threshold, neg_threshold=quiet_below(voice_threshold))
    times = [samples_of(seconds) for seconds in options.clip_timestamps]
    return ChannelSplitter(
        lambda: Splitter(config, SileroDetector()),
        channels=channels,
        numbered=options.channels is Channels.SPLIT,
        clips=[(start, end) for start, end in zip_longest(times[::2], times[1::2])],
    )


def new_voices() -> Voices:
    """The voice detector of one live session."""
    from sayit.scheduler.ingest.vad import SileroDetector  # noqa: PLC0415 - as above

    return SileroDetector().probabilities


@dataclass(frozen=True, kw_only=True, eq=False)
class Wiring:
    """What the use cases work with; and they themselves, each made when it is first asked for."""

    settings: SchedulerSettings
    #: As they hold now: those that may change while it runs may have.
    settings_now: Callable[[], SchedulerSettings]
    limits: Limits
    hallucination_filter: HallucinationFilter
    stores: Stores
    objects: Objects
    queue: ArqQueue
    bus: RedisBus
    reader: AudioReaderPool
    background: BackgroundTasks
    audio_quota: AudioQuota

    @cached_property
    def registry(self) -> WorkerRegistry:
        return WorkerRegistry(
            store=self.stores.transcribers,
            default_model=self.settings.default_model,
            expected=[name.strip() for name in self.settings.models_expected.split(",")],
            limits=self.limits,
            changed=lambda: self.dispatcher.wake_up.notify(),  # noqa: PLW0108 - the dispatcher is made with the registry
        )

    @cached_property
    def dispatcher(self) -> Dispatcher:
        return Dispatcher(
            chunks=self.stores.chunks,
            queue=self.queue,
            registry=self.registry,
            limits=self.limits,
            background=self.background,
        )

    @cached_property
    def redecodes(self) -> Redecodes:
        return Redecodes(store=self.stores.redecodes, objects=self.objects, add_chunks=self.dispatcher.add_chunks)

    @cached_property
    def cache(self) -> ChunkCache:
        return ChunkCache(
            store=self.stores.chunk_cache,
            limits=self.limits,
            revision=self.registry.revision,
            filtered=self.hallucination_filter.output,
        )

    @cached_property
    def leasing(self) -> Leasing:
        return Leasing(jobs=self.stores.jobs, limits=self.limits, background=self.background)

    @cached_property
    def results(self) -> Results:
        return Results(
            jobs=self.stores.jobs,
            chunks=self.stores.chunks,
            live=self.stores.live,
            objects=self.objects,
            limits=self.limits,
            leasing=self.leasing,
            hallucination_filter=self.hallucination_filter,
            redecodes=self.redecodes,
            redaction_secret=self.settings.redaction_secret.get_secret_value(),
        )

    @cached_property
    def attempts(self) -> Attempts:
        return Attempts(
            chunks=self.stores.chunks,
            objects=self.objects,
            registry=self.registry,
            publish=self.bus.publish,
            limits=self.limits,
            background=self.background,
            filtered=self.hallucination_filter.output,
            cache_entry=self.cache.new_entry,
            chunks_due=self.dispatcher.wake_up.notify,
            all_done=self.results.wake_up.notify,
        )

    @cached_property
    def preparer(self) -> Preparer:
        return Preparer(
            uploads=self.stores.uploads,
            jobs=self.stores.jobs,
            objects=self.objects,
            reader=self.reader,
            new_splitter=new_splitter,
            voice_threshold=self.settings.voice_threshold,
            limits=self.limits,
            leasing=self.leasing,
            publish=self.bus.publish,
            revision=self.registry.revision,
            estimate=self.registry.estimate,
            answer_from_cache=self.results.answer_from_cache,
            cached_chunks=self.cache.lookup,
            add_chunks=self.dispatcher.add_chunks,
            audio_quota=self.audio_quota,
            all_done=self.results.wake_up.notify,
        )

    @cached_property
    def admission(self) -> Admission:
        return Admission(
            jobs=self.stores.jobs,
            uploads=self.stores.uploads,
            transcribers=self.stores.transcribers,
            objects=self.objects,
            limits=self.limits,
            queue_full=lambda: self.dispatcher.queue_full,
        )

    @cached_property
    def live_transcribers(self) -> LiveTranscribers:
        return LiveTranscribers()

    @cached_property
    def sessions(self) -> Sessions:
        parts = LiveParts(
            live=self.stores.live,
            jobs=self.stores.jobs,
            uploads=self.stores.uploads,
            objects=self.objects,
            leasing=self.leasing,
            limits=self.limits,
            transcribers=self.live_transcribers,
            publish=self.bus.publish,
            view=lambda job: view(job, job.progress()),
            filtered=self.hallucination_filter.output,
            redacted=self.results.redacted,
            room_for_audio=self.admission.audio,
            spend=self.audio_quota.spend,
            decompress=self.reader.live,
            new_voices=new_voices,
            voice_threshold=self.settings.voice_threshold,
            max_audio_s=self.settings.max_audio_s,
            all_done=self.results.wake_up.notify,
        )
        return Sessions(parts=parts)

    def stop(self, job_id: str) -> None:
        """Tells whatever works on a job that it may have ended."""
        self.attempts.stop(job_id)
        self.sessions.stop(job_id)

    @cached_property
    def sweeper(self) -> Sweeper:
        return Sweeper(
            stores=self.stores,
            objects=self.objects,
            limits=self.limits,
            free_claims=self.attempts.free_expired,
            give_up_redecodes=self.redecodes.give_up_late,
            stop=self.stop,
        )

    @cached_property
    def vocabularies(self) -> Vocabularies:
        return Vocabularies(self.stores.vocabularies)

    @cached_property
    def intake(self) -> Intake:
        return Intake(
            uploads=self.stores.uploads,
            jobs=self.stores.jobs,
            objects=self.objects,
            model_named=self.registry.model_named,
            vocabularies=self.vocabularies,
            admission=self.admission,
            audio_quota=self.audio_quota,
            limits=self.limits,
            background=self.background,
            accepted=self.preparer.wake_up.notify,
            downloads=Downloads(
                exchange=self.exchange, allowed=self.settings.fetch_audio, most_s=self.settings.fetch_s
            ),
            audio_address_s=self.settings.audio_address_s,
            callbacks=self.exchange.destinations if self.settings.secrets() else None,
            hashes=bool(self.settings.redaction_secret.get_secret_value()),
        )

    @cached_property
    def exchange(self) -> Exchange:
        return Exchange(destinations=self.settings.destinations())

    @cached_property
    def webhooks(self) -> Webhooks:
        return Webhooks(
            store=self.stores.webhooks, exchange=self.exchange, secrets=self.settings.secrets(), limits=self.limits
        )

    @cached_property
    def overview(self) -> Overview:
        return Overview(
            store=self.stores.transcribers,
            registry=self.registry,
            queue=self.queue,
            objects=self.objects,
            expected=self.settings.transcribers_expected,
        )

    @cached_property
    def control(self) -> Control:
        return Control(jobs=self.stores.jobs, registry=self.registry, stop=self.stop, bus=self.bus)

    @cached_property
    def admin_servicer(self) -> InternalAdminServicer:
        return InternalAdminServicer(
            control=AdminControl(
                stores=self.stores,
                control=self.control,
                intake=self.intake,
                limits=self.limits,
                objects=self.objects,
                settings=self.settings_now,
            )
        )

    @cached_property
    def job_servicer(self) -> JobServicer:
        transcripts = CorrectedTranscripts(results=self.results, store=self.stores.corrections)
        return JobServicer(
            intake=self.intake,
            control=self.control,
            event_stream=EventStream(jobs=self.stores.jobs, bus=self.bus, estimate=self.registry.estimate),
            transcripts=transcripts,
            audit=self.stores.audit,
            registry=self.registry,
            vocabularies=self.vocabularies,
            overview=self.overview,
            live=LiveCalls(intake=self.intake, sessions=self.sessions, background=self.background),
            keys=KeyControl(self.stores.api_keys, secrets_of(self.settings.signing_secrets)),
            sharing=Sharing(store=self.stores.share_links, jobs=self.stores.jobs, transcripts=transcripts),
        )

    @cached_property
    def chunk_servicer(self) -> ChunkServicer:
        return ChunkServicer(
            attempts=self.attempts,
            registry=self.registry,
            live_transcribers=self.live_transcribers,
            exclusive=self.stores.exclusive,
        )

    @cached_property
    def key_servicer(self) -> InternalKeyServicer:
        return InternalKeyServicer(self.stores.api_keys, self.stores.share_links)

    def loops(self) -> Iterator[Coroutine[None, None, None]]:
        """The scheduler's background loops."""
        yield self.dispatcher.run()
        yield self.results.run()
        yield self.sweeper.run()
        if self.settings.secrets():
            yield self.webhooks.run()
        yield self.sessions.run()
        if self.settings.metrics_listen:
            expected = self.settings.transcribers_expected
            yield BacklogGauges(store=self.stores.transcribers, registry=self.registry, expected=expected).run()
        yield self.preparer.run(max_bytes=SMALL_FILE_BYTES)
        for _ in range(self.settings.prepare_concurrency):
            yield self.preparer.run()

    async def _note(self, action: str, detail: str) -> None:
        """Notes what an operator did."""
        try:
            await self.stores.audit.note(action, tenant="", subject=SCHEDULER, detail=detail)
        except SayItError as error:
            telemetry.logger().error("audit_missed", action=action, detail=detail, cause=error.cause)

    def adopt(self, now: SchedulerSettings) -> None:
        """Lets settings that were read again take effect."""
        before = dict(vars(self.limits))
        self.limits.adopt(limits_of(now, self.limits.presets, self.limits.sweep_s))
        changed = [f"{name}={value}" for name, value in vars(self.limits).items() if value != before[name]]
        if changed:
            self.background.start(self._note("limits.change", " ".join(changed)))
        self.stores.rules.adopt(rules_of(now, webhooks=bool(self.settings.secrets())))
        try:
            self.hallucination_filter.adopt(load_phrases(now.hallucination_phrases))
        except PhrasesError as error:
            telemetry.logger().error("hallucination_phrases_not_reloaded", cause=str(error))
