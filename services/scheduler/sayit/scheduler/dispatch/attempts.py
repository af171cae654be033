"""Attempts: claims, heartbeats, results. One attempt at one chunk is one call of a transcriber."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

from prometheus_client import Histogram

from sayit.chassis import telemetry
from sayit.chassis.background_tasks import BackgroundTasks
from sayit.chassis.process import give_back_s
from sayit.scheduler.db.chunks import ChunkStore
from sayit.scheduler.db.codec import event_bytes
from sayit.scheduler.db.engine import Publish
from sayit.scheduler.db.objects import Objects
from sayit.scheduler.dispatch.worker_registry import WorkerRegistry
from sayit.scheduler.jobs.channels import shown, tagged
from sayit.scheduler.jobs.limits import Limits
from sayit.scheduler.jobs.records import AttemptEnd, ChunkOutput, Claim, Ending, NewCacheEntry
from sayit.scheduler.jobs.time_mapping import needs_words
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import JobState, PartialText
from sayit.speech.options import DecodeOptions, Guard
from sayit.speech.transcript import Segment

_CLAIMS = telemetry.counter(
    "sayit_claims",
    "Claims of transcribers: granted, refused (another has it, or it is not due).",
    "answer",
    ("granted", "refused"),
)
_ENDS = telemetry.counter(
    "sayit_attempts", "Attempts at chunks, by how they ended.", "outcome", ("committed", "fenced", *AttemptEnd)
)
_SECONDS = Histogram(
    "sayit_attempt_seconds", "Seconds from claim to result.", buckets=(0.1, 0.5, 1, 2, 5, 10, 20, 40, 80)
)


#: How long attempts whose calls were cut off may take to give their chunks back, in seconds.
_CUT_OFF_S = 5.0


class StopSignal:
    """Tells one attempt that it is to end."""

    def __init__(self) -> None:
        #: Whether the engine has begun with the chunk, by the newest heartbeat.
        self.on_engine = False
        #: Why it is to end; empty as long as it is not.
        self.reason = ""
        self._event = asyncio.Event()

    def set(self, reason: str) -> None:
        """Ends the attempt; the first reason counts."""
        self.reason = self.reason or reason
        self._event.set()

    async def wait(self) -> None:
        """Returns once it is set."""
        await self._event.wait()


@dataclass(kw_only=True, eq=False)
class Attempts:
    """What a transcriber's call may do."""

    chunks: ChunkStore
    objects: Objects
    registry: WorkerRegistry
    publish: Publish
    limits: Limits
    background: BackgroundTasks
    #: The hallucination filter.
    filtered: Callable[[ChunkOutput, Guard], ChunkOutput]
    #: What is kept of a chunk's text for other jobs; takes the transcriber's revision, too.
    cache_entry: Callable[[Claim, ChunkOutput, str], NewCacheEntry | None]
    chunks_due: Callable[[], None]
    all_done: Callable[[], None]
    _live: defaultdict[str, set[StopSignal]] = field(default_factory=lambda: defaultdict(set), init=False)
    #: Set whenever a job has no attempt any more.
    _ended: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _draining: asyncio.Task[None] | None = field(default=None, init=False)

    @property
    def draining(self) -> bool:
        """Whether this scheduler stops: it grants no more claims, and a call that breaks is not the chunk's fault."""
        return self._draining is not None

    def drain(self, grace_s: float) -> None:
        """Asks all attempts to end: those that wait for an engine at once, the others when most of the time is over.

        A transcriber that is asked gives its chunk back, and the chunk is due at once, for any scheduler.
        """
        if self._draining is None:
            self._draining = asyncio.create_task(self._drain(grace_s))

    async def drained(self) -> None:
        """Ends the draining; returns once every attempt has ended: their last writes need the database."""
        if self._draining is not None:
            self._draining.cancel()
            await asyncio.wait({self._draining})
        with suppress(TimeoutError):
            async with asyncio.timeout(_CUT_OFF_S):
                while self._live:
                    self._ended.clear()
                    await self._ended.wait()

    async def _drain(self, grace_s: float) -> None:
        for signal in self._signals():
            if not signal.on_engine:
                signal.set("the scheduler stops")
        await asyncio.sleep(grace_s - give_back_s(grace_s))
        for signal in self._signals():
            signal.set("the scheduler stops")

    def _signals(self) -> list[StopSignal]:
        return [signal for signals in self._live.values() for signal in signals]

    async def claim(self, chunk_id: str, dispatch: int, transcriber_id: str) -> Claim | None:
        """Claims a chunk; None when another transcriber has it, or it is not due.

        Raises:
            SayItError: UNAVAILABLE while this scheduler stops; the message stays, and another answers the next claim.
        """
        if self.draining:
            raise SayItError(ErrorKind.UNAVAILABLE, retry_after_s=1.0, cause="the scheduler stops")
        claim = await self.chunks.claim(chunk_id, dispatch, transcriber_id, lease_until_s=self._lease_until())
        _CLAIMS.labels("granted" if claim else "refused").inc()
        return claim

    async def audio(self, claim: Claim) -> bytes:
        """The chunk's audio: mono 16 kHz s16le."""
        return await self.objects.get(claim.object_key)

    def options(self, claim: Claim) -> DecodeOptions:
        """How to decode the chunk."""
        options = claim.overrides.applied(claim.options, self.limits.presets)
        needed = needs_words(claim.pieces, hard=claim.hard_start or claim.hard_end)
        return replace(options, word_timestamps=options.word_timestamps or needed)

    @contextmanager
    def stop_signal(self, claim: Claim) -> Iterator[StopSignal]:
        """A signal that is set when the job is cancelled or deleted, or this scheduler stops, while the block runs."""
        signal = StopSignal()
        self._live[claim.job_id].add(signal)
        try:
            yield signal
        finally:
            self._live[claim.job_id].discard(signal)
            if not self._live[claim.job_id]:
                del self._live[claim.job_id]
                self._ended.set()

    def stop(self, job_id: str) -> None:
        """Tells every attempt at the job's chunks that they are no longer wanted."""
        for signal in self._live.get(job_id, ()):
            signal.set("cancelled")

    async def heartbeat(self, claim: Claim, *, on_engine: bool) -> bool:
        """Prolongs the lease; False when the attempt is no longer the current one."""
        until_s = self._lease_until()
        return await self.chunks.renew_claim(claim.chunk_id, claim.attempt, on_engine=on_engine, lease_until_s=until_s)

    async def partial(self, claim: Claim, segments: Sequence[Segment]) -> None:
        """Shows watchers the text so far; it is not stored."""
        if claim.options.redacts:
            return  # it is redacted when all of it is there
        if claim.redecode_kind:
            return  # watchers have the texts that it may correct; a correction is sent when the job ends
        text = shown(tagged(segments, claim.channel), words=claim.options.word_timestamps)
        self.publish(claim.job_id, event_bytes(claim.job_id, PartialText(chunk_index=claim.index, segments=text)))

    async def commit(self, claim: Claim, output: ChunkOutput, *, began_s: float) -> bool:
        """Stores the chunk's text, exactly once; False when the attempt was fenced.

        The hallucination filter runs on the chunk alone before watchers see it, and on the whole recording at merging.
        """
        remember = self.cache_entry(claim, output, self.registry.revision_of(claim.transcriber_id))
        job = await self.chunks.commit(claim, self.filtered(output, claim.options.guard), remember)
        self._log(claim, "committed" if job else "fenced", began_s, compute_s=round(output.compute_s, 3))
        self.chunks_due()
        if job is None:
            return False
        self.registry.committed(claim, output.compute_s)
        if job.state is JobState.MERGING:
            self.all_done()
        self.publish(job.id, event_bytes(job.id, await self.registry.estimate(job)))
        return True

    async def give_up(self, claim: Claim, end: Ending, *, began_s: float) -> None:
        """Ends an attempt without a result; the chunk is due again, or its job has failed."""
        job = await self.chunks.give_up(claim, end)
        if job is None and end.expired_s is not None:
            return  # another scheduler was faster, or it is alive after all
        self._log(claim, end.how.value if job else "fenced", began_s, detail=end.detail[:500])
        self.chunks_due()
        if job is not None and job.state is JobState.FAILED:
            self.stop(job.id)

    async def free_expired(self, now_s: float) -> None:
        """Frees the chunks of schedulers that are gone: their claims' leases have run out."""
        for claim in await self.chunks.expired_claims(now_s=now_s):
            # Not the chunk's fault: a living scheduler would have noticed the transcriber's end itself.
            end = Ending(how=AttemptEnd.INTERRUPTED, detail="its scheduler is gone", expired_s=now_s)
            await self.give_up(claim, end, began_s=time.time())

    def _log(self, claim: Claim, outcome: str, began_s: float, **more: object) -> None:
        seconds = time.time() - began_s
        _ENDS.labels(outcome).inc()
        _SECONDS.observe(seconds, telemetry.exemplar())
        if claim.redecode_kind:
            more["redecode"] = claim.redecode_kind
        telemetry.logger().info(
            "chunk",
            job_id=claim.job_id,
            chunk_index=claim.index,
            attempt=claim.attempt,
            tenant=claim.tenant,
            outcome=outcome,
            seconds=round(seconds, 3),
            **more,
        )

    def _lease_until(self) -> float:
        # Twice what the call itself tolerates: this lease is for when the call's scheduler is gone.
        return time.time() + 2 * self.limits.lease_s
