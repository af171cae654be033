"""Gauges of the backlog, from the database: with several schedulers all show the same, so take one of them (max)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from prometheus_client import Gauge

from sayit.chassis import telemetry
from sayit.scheduler.db.transcribers import TranscriberStore
from sayit.scheduler.dispatch.worker_registry import WorkerRegistry
from sayit.speech.audio import seconds_of
from sayit.speech.errors import SayItError

_LABELS = ["model", "lane", "state"]
_JOBS = Gauge("sayit_jobs_active", "Jobs that have not ended, by model and state.", ["model", "state"])
_CHUNKS = Gauge(
    "sayit_backlog_chunks",
    "Chunks without a text, by model, lane and state: waiting (in the database), queued (in the queue), running.",
    _LABELS,
)
_AUDIO = Gauge(
    "sayit_backlog_audio_seconds",
    "Audio without a text, as sayit_backlog_chunks; uncut: not cut into chunks yet, by the length that files declare.",
    _LABELS,
)
_OLDEST = Gauge("sayit_backlog_oldest_seconds", "Since when the oldest chunk waits for a transcriber.", ["model"])
_ONLINE = Gauge("sayit_transcribers_online", "Transcribers that report, by model.", ["model"])
_EXPECTED = Gauge("sayit_transcribers_expected", "Transcribers that this installation should have; 0: not set.")
_SLOTS = Gauge("sayit_transcribers_slots", "Chunks that transcribers can hold, by model.", ["model"])
_BUSY = Gauge("sayit_transcribers_busy", "Chunks that transcribers hold by their reports, by model.", ["model"])
_ANSWERS = Gauge("sayit_database_up", "1 while the database answers, 0 while it does not.")
#: How often they are read, in seconds; Prometheus asks every 15 to 60.
_EVERY_S = 5.0


@dataclass(kw_only=True, eq=False)
class BacklogGauges:
    """Keeps the gauges current."""

    store: TranscriberStore
    registry: WorkerRegistry
    expected: int
    #: What was set; what vanishes from the database is 0, and not what it was last.
    _seen: dict[Gauge, set[tuple[str, ...]]] = field(default_factory=dict, init=False)

    async def run(self) -> None:
        """Reads the database every few seconds until cancelled."""
        _EXPECTED.set(self.expected)
        while True:
            try:
                await self.read()
            except SayItError as error:
                telemetry.logger().debug("backlog_unread", code=error.code)
                _ANSWERS.set(0)
            await asyncio.sleep(_EVERY_S)

    async def read(self) -> None:
        """Sets the gauges to what the database says now.

        Raises:
            SayItError: it does not answer.
        """
        load = await self.store.load()
        online = await self.registry.online(fresh_s=_EVERY_S)
        _ANSWERS.set(1)
        models = {each.model for each in online}
        self._set(_JOBS, load.jobs.items())
        # A model without a backlog has one of 0: autoscalers take what is not there for an error.
        none = {(model, lane, "waiting"): (0, 0) for model in models for lane in ("interactive", "bulk")}
        chunks = none | dict(load.chunks)
        self._set(_CHUNKS, ((labels, count) for labels, (count, _) in chunks.items()))
        audio = {labels: seconds_of(samples) for labels, (_, samples) in chunks.items()}
        audio |= {(model, "", "uncut"): seconds_of(samples) for model, samples in load.uncut_samples.items()}
        self._set(_AUDIO, audio.items())
        self._set(_OLDEST, (((model,), load.oldest_s.get(model, 0.0)) for model in models | load.oldest_s.keys()))
        of = {model: [each for each in online if each.model == model] for model in models}
        self._set(_ONLINE, (((model,), len(each)) for model, each in of.items()))
        self._set(_SLOTS, (((model,), sum(one.slots for one in each)) for model, each in of.items()))
        self._set(_BUSY, (((model,), sum(one.busy for one in each)) for model, each in of.items()))

    def _set(self, gauge: Gauge, values: Iterable[tuple[tuple[str, ...], float]]) -> None:
        now = dict(values)
        known = self._seen.setdefault(gauge, set())
        for labels in known - now.keys():
            gauge.labels(*labels).set(0)
        for labels, value in now.items():
            gauge.labels(*labels).set(value)
        known.update(now)
