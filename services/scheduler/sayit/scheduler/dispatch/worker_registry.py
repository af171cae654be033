"""The worker registry: which models can be asked for, how many chunks transcribers can take, how fast they are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client import Counter

from sayit.chassis import telemetry
from sayit.scheduler.db.transcribers import TranscriberStore
from sayit.scheduler.dispatch.eta.queue_position import queue_position
from sayit.scheduler.dispatch.eta.simulation import Worker, ends, one_by_one_s, preparing_s, redecoding_s
from sayit.scheduler.dispatch.eta.throughput import Throughput
from sayit.scheduler.jobs.limits import Limits
from sayit.scheduler.jobs.records import Claim, JobRecord
from sayit.scheduler.jobs.redecodes import UTTERANCES
from sayit.scheduler.jobs.transcribers import Backlog, TranscriberRecord
from sayit.speech.audio import seconds_of
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import Progress
from sayit.speech.options import Context
from sayit.speech.system import Model

_DECODED = Counter("sayit_decoded_audio_seconds", "Audio of chunks whose text was committed, by model.", ["model"])
_COMPUTE = Counter("sayit_decode_compute_seconds", "Time that the model took for it, by model.", ["model"])
#: Reports that may be missed before a transcriber counts as gone.
MISSED_REPORTS = 4
#: How long a model can be asked for after its last transcriber has gone, in seconds: one that is started again, or
#: moved to another machine, should be back by then. What was asked for waits.
AWAY_S = 600.0
#: How old the knowledge of other schedulers' transcribers may be where it is asked for all the time.
_FRESH_S = 1.0
#: The same for the backlog that estimates rest on.
_BACKLOG_S = 0.5
#: How long the throughput of a transcriber that is gone is used for the next one.
_REMEMBERED_S = 3600.0


@dataclass(kw_only=True, eq=False)
class WorkerRegistry:
    """What transcribers reported."""

    store: TranscriberStore
    #: The model that an empty name means; empty for whatever the first transcriber holds.
    default_model: str
    #: Models that can be asked for however long their transcribers are away, as the default one can.
    expected: Collection[str]
    limits: Limits
    #: Called when a report changed the capacity.
    changed: Callable[[], None]
    _known: dict[str, TranscriberRecord] = field(default_factory=dict, init=False)
    _read_s: float = field(default=0.0, init=False)
    _throughput: Throughput = field(default_factory=Throughput, init=False)
    _predictions: dict[str, _Prediction] = field(default_factory=dict, init=False)
    _predicting: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def report(self, transcriber: TranscriberRecord) -> float:
        """Notes a report; returns when to report again, in seconds."""
        await self.store.report(transcriber)
        before = {each.id: each.slots for each in self._online()}
        self._known[transcriber.id] = transcriber
        if before != {each.id: each.slots for each in self._online()}:
            self.changed()
        return self.limits.report_s

    async def online(self, *, fresh_s: float = 0.0) -> list[TranscriberRecord]:
        """Transcribers that reported lately and do not drain.

        Args:
            fresh_s: how old our knowledge may be of those that report to other schedulers.
        """
        now = time.time()
        if now - self._read_s >= fresh_s:
            found = await self.store.transcribers(seen_after_s=now - _REMEMBERED_S)
            self._known, self._read_s = {each.id: each for each in found}, now
            self._throughput.forget_others(self._known)
        return self._online()

    async def revision(self, model: str) -> str:
        """The revision that a model's text is of; empty where its transcribers differ or do not say.

        While all are away it is that of the one which was there last.
        """
        await self.online(fresh_s=_FRESH_S)
        held = [each for each in self._online() if each.model == model]
        if not held:
            before = [each for each in self._known.values() if each.model == model]
            held = sorted(before, key=lambda each: each.seen_s)[-1:]
        revisions = {each.revision for each in held}
        return revisions.pop() if len(revisions) == 1 else ""

    def revision_of(self, transcriber_id: str) -> str:
        """The revision that a transcriber reported; empty for one that has not reported."""
        known = self._known.get(transcriber_id)
        return known.revision if known else ""

    def slots(self, model: str) -> int:
        """Chunks that the transcribers of a model can hold at once, as far as we know now."""
        return sum(each.slots for each in self._online() if each.model == model)

    async def models_online(self) -> list[str]:
        """The models that can take chunks; of other schedulers' transcribers as they were a moment ago."""
        return sorted({each.model for each in await self.online(fresh_s=_FRESH_S) if each.slots})

    def _online(self) -> list[TranscriberRecord]:
        seen_after_s = time.time() - MISSED_REPORTS * self.limits.report_s
        return [each for each in self._known.values() if each.seen_s > seen_after_s and not each.draining]

    async def models(self) -> list[Model]:
        """The models that can be asked for, by name: also while their transcribers are away for a moment.

        Those that are expected however long they are.
        """
        online = await self.online()
        lately_s = time.time() - AWAY_S
        seen = {each.model for each in self._known.values() if each.seen_s > lately_s}
        names = sorted((seen | {self.default_model, *self.expected}) - {""})
        default = self.default_model or (names[0] if names else "")
        return [
            Model(name=name, default=name == default, transcribers=sum(each.model == name for each in online))
            for name in names
        ]

    async def model_named(self, name: str) -> str:
        """The model that a request means.

        Raises:
            SayItError: MODEL_NOT_AVAILABLE with the list of what is; UNAVAILABLE while no transcriber ever came.
        """
        models = await self.models()
        if not models:
            raise SayItError(ErrorKind.UNAVAILABLE, retry_after_s=5.0, cause="no transcriber has reported yet")
        for model in models:
            if model.name == name or (not name and model.default):
                if not model.transcribers:
                    telemetry.logger().warning("model_away", model=model.name)
                return model.name
        available = ", ".join(model.name for model in models)
        raise SayItError(ErrorKind.MODEL_NOT_AVAILABLE, field="model", model=name[:64], available=available)

    def committed(self, claim: Claim, compute_s: float) -> None:
        """Notes what a chunk took, for estimates and for the real-time factor per model."""
        known = self._known.get(claim.transcriber_id)
        model = known.model if known else "unknown"
        _DECODED.labels(model).inc(seconds_of(claim.samples))
        _COMPUTE.labels(model).inc(compute_s)
        self._throughput.committed(
            claim.transcriber_id, claim.samples, compute_s, interactive=claim.interactive, now_s=time.time()
        )
        if claim.redecode_kind != UTTERANCES:
            self._throughput.redecoding(compute_s, again=bool(claim.redecode_kind))

    async def estimate(self, job: JobRecord) -> Progress:
        """How far a job is, with its place in the queue and when it should end, from measured throughput."""
        if job.state.terminal:
            return job.progress()
        found = await self._predict(job.model)
        eta_s = None
        # The end of a recording of unknown length cannot be estimated.
        if found.ends is not None and (job.chunks_total is not None or job.samples_declared is not None):
            left_s = max(found.ends.get(job.id, 0.0), preparing_s(job, found.read_s))
            if job.options.context is Context.SEQUENTIAL:
                left_s = max(left_s, one_by_one_s(job.id, found.backlog, found.workers))
            if self.limits.redecode:
                left_s += redecoding_s(job, found.workers, self._throughput.redecoded)
            # The backlog is a moment old.
            eta_s = max(0.0, left_s - (time.time() - found.read_s))
        return job.progress(queue_position=queue_position(job.id, found.backlog.waiting), eta_s=eta_s)

    async def _predict(self, model: str) -> _Prediction:
        """The model's simulated backlog, at most `_BACKLOG_S` old: every commit and every watcher asks for it."""
        async with self._predicting:  # concurrent callers share one simulation
            found = self._predictions.get(model)
            if found is None or time.time() - found.read_s > _BACKLOG_S:
                found = self._predictions[model] = await self._play(model)
        return found

    async def _play(self, model: str) -> _Prediction:
        await self.online(fresh_s=_FRESH_S)
        now = time.time()
        backlog = await self.store.backlog(model)
        of_model = [each for each in self._online() if each.model == model]
        known = [each for each in self._known.values() if each.model == model]
        workers = self._throughput.workers(of_model, known, backlog.running, now_s=now)
        limit = self.slots(model) + self.limits.dispatch_ahead
        # A long backlog takes tens of milliseconds to simulate.
        played = await asyncio.to_thread(ends, backlog, workers, limit=limit)
        return _Prediction(backlog=backlog, workers=workers, ends=played, read_s=now)


@dataclass(frozen=True, kw_only=True)
class _Prediction:
    """A model's backlog, and when its jobs are going to end."""

    backlog: Backlog
    workers: Sequence[Worker]
    #: Seconds from then, by job; None while no transcriber's throughput is known.
    ends: Mapping[str, float] | None
    #: When the backlog was read; seconds since the epoch.
    read_s: float
