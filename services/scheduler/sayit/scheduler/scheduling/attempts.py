"""Attempts: claims, heartbeats, results. One attempt at one chunk is one call of a transcriber."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from prometheus_client import Counter, Histogram

from sayit.chassis import telemetry
from sayit.scheduler.job.records import AttemptEnd, ChunkOutput, Claim
from sayit.scheduler.ports import ChunkStore, ObjectStore
from sayit.scheduler.scheduling.fleet import Fleet
from sayit.scheduler.scheduling.last_work import LastWork
from sayit.scheduler.scheduling.limits import Limits
from sayit.scheduler.scheduling.notices import Notices
from sayit.speech.jobs import JobState, PartialText
from sayit.speech.options import DecodeOptions, resolve
from sayit.speech.transcript import Segment

_ENDS = Counter("sayit_attempts", "Attempts at chunks, by how they ended.", ["outcome"])
_SECONDS = Histogram(
    "sayit_attempt_seconds", "Seconds from claim to result.", buckets=(0.1, 0.5, 1, 2, 5, 10, 20, 40, 80)
)


class Attempts:
    """What a transcriber's call may do."""

    def __init__(
        self,
        *,
        chunks: ChunkStore,
        objects: ObjectStore,
        fleet: Fleet,
        notices: Notices,
        limits: Limits,
        last_work: LastWork,
        chunks_due: Callable[[], None],
        all_done: Callable[[], None],
    ) -> None:
        self._chunks = chunks
        self._objects = objects
        self._fleet = fleet
        self._notices = notices
        self._chunks_due = chunks_due
        self._all_done = all_done
        self._live: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self.limits = limits
        #: Whether a call that breaks while its chunk is on the engine counts as a crash of the chunk.
        self.blaming = True
        self.last_work = last_work

    async def claim(self, chunk_id: str, dispatch: int, transcriber_id: str) -> Claim | None:
        """Claims a chunk; None when somebody else has it, or nobody may have it."""
        claim = await self._chunks.claim(chunk_id, dispatch, transcriber_id, lease_until_s=self._lease_until())
        _ENDS.labels("claimed" if claim else "refused").inc()
        return claim

    async def audio(self, claim: Claim) -> bytes:
        """The chunk's audio: mono 16 kHz s16le."""
        return await self._objects.get(claim.object_key)

    def options(self, claim: Claim) -> DecodeOptions:
        """How to decode the chunk. Beside a hard cut words are needed, for they alone tell what was heard twice."""
        options = resolve(claim.options)
        return replace(options, word_timestamps=options.word_timestamps or claim.hard_start or claim.hard_end)

    @contextmanager
    def stop_signal(self, claim: Claim) -> Iterator[asyncio.Event]:
        """An event that is set when the job is cancelled or deleted while the block runs."""
        event = asyncio.Event()
        self._live[claim.job_id].add(event)
        try:
            yield event
        finally:
            self._live[claim.job_id].discard(event)
            if not self._live[claim.job_id]:
                del self._live[claim.job_id]

    def stop_blaming(self) -> None:
        """From now on calls break because this process ends: no chunk is suspected of a crash any more."""
        self.blaming = False

    def stop(self, job_id: str) -> None:
        """Tells every attempt at the job's chunks that nobody wants them any more."""
        for event in self._live.get(job_id, ()):
            event.set()

    async def heartbeat(self, claim: Claim, *, on_engine: bool) -> bool:
        """Prolongs the lease; False when the attempt is no longer the current one."""
        until_s = self._lease_until()
        return await self._chunks.renew_claim(claim.chunk_id, claim.attempt, on_engine=on_engine, lease_until_s=until_s)

    async def partial(self, claim: Claim, segments: Sequence[Segment]) -> None:
        """Shows watchers the text so far; it is not stored."""
        shown = tuple(segments) if claim.options.word_timestamps else tuple(replace(s, words=()) for s in segments)
        await self._notices.ephemeral(claim.job_id, PartialText(chunk_index=claim.index, segments=shown))

    async def commit(self, claim: Claim, output: ChunkOutput, *, began_s: float) -> bool:
        """Stores the chunk's text, exactly once; False when the attempt was fenced."""
        committed = await self._chunks.commit(claim, output)
        self._log(claim, "committed" if committed else "fenced", began_s, compute_s=round(output.compute_s, 3))
        self._chunks_due()
        if committed is None:
            return False
        job, events = committed
        await self._notices.events(events)
        if job.state is JobState.MERGING:
            self._all_done()
            await self._notices.wake(job.id)
        else:
            await self._notices.ephemeral(job.id, await self._fleet.estimate(job))
        return True

    async def give_up(
        self,
        claim: Claim,
        end: AttemptEnd,
        detail: str,
        *,
        began_s: float,
        delay_s: float = 0.0,
        expired_s: float | None = None,
    ) -> None:
        """Ends an attempt without a result; the chunk is due again after `delay_s`, or its job has failed.

        With `expired_s`, only if the claim's lease ran out before that time.
        """
        job = await self._chunks.give_up(claim, end, detail, delay_s=delay_s, expired_s=expired_s)
        if job is None and expired_s is not None:
            return  # another scheduler was faster, or it is alive after all
        self._log(claim, end.value if job else "fenced", began_s, detail=detail[:500])
        self._chunks_due()
        if job is not None and job.state is JobState.FAILED:
            self.stop(job.id)
            await self._notices.wake(job.id)

    def _log(self, claim: Claim, outcome: str, began_s: float, **more: object) -> None:
        seconds = time.time() - began_s
        _ENDS.labels(outcome).inc()
        _SECONDS.observe(seconds)
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
