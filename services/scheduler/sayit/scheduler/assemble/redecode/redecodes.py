"""Second looks: their audio is cut from the chunks', stored, and made due before the job is merged."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from prometheus_client import Counter

from sayit.chassis import telemetry
from sayit.scheduler.assemble.redecode import Heard
from sayit.scheduler.db.objects import Objects
from sayit.scheduler.db.redecodes import LookStore
from sayit.scheduler.dispatch.dispatcher import Dispatcher
from sayit.scheduler.jobs.records import Dispatch, DoneChunk, JobRecord
from sayit.scheduler.jobs.redecodes import PATIENCE_S, NewLook, Wanted
from sayit.speech.audio import INTERACTIVE_S, SAMPLE_BYTES, samples_of
from sayit.speech.errors import SayItError

_LOOKS = Counter("sayit_looks", "Stretches of audio that are decoded once more, by reason.", ["kind"])


@dataclass(kw_only=True, eq=False)
class Looks:
    """Begins looks and gives up those that wait for too long."""

    store: LookStore
    objects: Objects
    dispatcher: Dispatcher

    async def begin(self, job: JobRecord, owner: str, heard: Heard, wanted: Sequence[Wanted]) -> bool:
        """Makes looks due, and with that gives the job's lease back; False if none of them can be had.

        What is stored is found again by its place: a scheduler that is killed in between leaves nothing that another
        does not overwrite, or the end of the job take along.
        """
        short = heard.samples <= samples_of(INTERACTIVE_S)
        new: list[NewLook] = []
        for look in wanted:
            key = f"jobs/{job.id}/chunks/look-{look.channel}-{look.start_sample}-{look.end_sample}.s16le"
            try:
                pcm, pieces = await self._audio(heard.chunks, look)
                if not pcm:
                    continue
                await self.objects.put(key, pcm)
            except SayItError as error:
                if error.kind.retryable:
                    raise
                telemetry.logger().warning("no second look", job_id=job.id, kind=look.kind, cause=error.cause)
            else:
                new.append(NewLook(wanted=look, object_key=key, interactive=short, pieces=pieces))
        if not new:
            return False
        # Adding ends the lease, and whoever keeps it would end this work before the queue knows.
        await self.dispatcher.dispatched(self._add(job, owner, new, heard.next_round), len(new))
        return True

    async def give_up_late(self) -> None:
        """Gives up looks that no transcriber came for: they are worth less than the end of their job."""
        late = await self.store.give_up_waiting(before_s=time.time() - PATIENCE_S)
        if late:
            telemetry.logger().warning("second looks are given up", count=late)

    async def _add(self, job: JobRecord, owner: str, new: Sequence[NewLook], round_: int) -> list[Dispatch] | None:
        limit = self.dispatcher.limit(job.model)
        dispatched = await self.store.add(job.id, owner, new, round_=round_, limit=limit)
        if dispatched is not None:  # else the job has ended, or is somebody else's
            kinds = sorted(look.wanted.kind for look in new)
            for kind in kinds:
                _LOOKS.labels(kind).inc()
            telemetry.logger().info("looks", job_id=job.id, tenant=job.tenant, kinds=kinds)
        return dispatched

    async def _audio(self, chunks: Sequence[DoneChunk], look: Wanted) -> tuple[bytes, tuple[tuple[int, int], ...]]:
        """s16le samples of what chunks have of a stretch, and which pieces of the recording they are."""
        pcm = bytearray()
        pieces: list[tuple[int, int]] = []
        reached = look.start_sample
        for chunk in chunks:
            if chunk.channel != look.channel or chunk.start_sample >= look.end_sample or chunk.end_sample <= reached:
                continue
            data = await self.objects.get(chunk.object_key)
            offset = 0
            for first, last in chunk.pieces:
                start, end = max(first, reached), min(last, look.end_sample)
                if start < end:
                    pcm += data[(offset + start - first) * SAMPLE_BYTES : (offset + end - first) * SAMPLE_BYTES]
                    pieces.append((start, end))
                    reached = end
                offset += last - first
        return bytes(pcm), tuple(pieces)
