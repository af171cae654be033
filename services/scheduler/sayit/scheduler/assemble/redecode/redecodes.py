"""Re-decodes: their audio is cut from the chunks', stored, and made due before the job is merged."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from prometheus_client import Counter

from sayit.chassis import telemetry
from sayit.scheduler.assemble.redecode import Heard
from sayit.scheduler.db.objects import Objects
from sayit.scheduler.db.redecodes import RedecodeStore
from sayit.scheduler.jobs.records import AddChunks, Dispatch, DoneChunk, JobRecord, NewChunk
from sayit.scheduler.jobs.redecodes import MAX_WAIT_S, REDECODE_NUMBERS, RedecodeRequest
from sayit.speech.audio import INTERACTIVE_S, SAMPLE_BYTES, samples_of
from sayit.speech.errors import SayItError

_REDECODES = Counter("sayit_redecodes", "Stretches of audio that are decoded once more, by reason.", ["kind"])


@dataclass(kw_only=True, eq=False)
class Redecodes:
    """Begins re-decodes and gives up those that wait for too long."""

    store: RedecodeStore
    objects: Objects
    add_chunks: AddChunks

    async def begin(self, job: JobRecord, owner: str, heard: Heard, requests: Sequence[RedecodeRequest]) -> bool:
        """Makes re-decodes due, which also returns the job's lease; False if none of them is possible.

        What is stored is found again by its place: a scheduler that is killed in between leaves nothing that another
        does not overwrite, or the end of the job take along.
        """
        short = heard.samples <= samples_of(INTERACTIVE_S)
        new: list[NewChunk] = []
        for redecode in requests:
            key = f"jobs/{job.id}/chunks/look-{redecode.channel}-{redecode.start_sample}-{redecode.end_sample}.s16le"
            try:
                pcm, pieces = await self._audio(heard.chunks, redecode)
                if not pcm:
                    continue
                await self.objects.put(key, pcm)
            except SayItError as error:
                if error.kind.retryable:
                    raise
                telemetry.logger().warning("redecode_impossible", job_id=job.id, kind=redecode.kind, cause=error.cause)
            else:
                number = heard.next_round * REDECODE_NUMBERS + len(new)
                new.append(redecode.chunk(number, key, pieces, interactive=short))
        if not new:
            return False
        # Adding ends the lease, and the lease keeper would cancel this work before the queue has the messages.
        await self.add_chunks(job.model, len(new), lambda limit: self._add(job, owner, new, limit))
        return True

    async def give_up_late(self) -> None:
        """Gives up re-decodes that no transcriber claimed: the end of their job is worth more."""
        late = await self.store.give_up_waiting(before_s=time.time() - MAX_WAIT_S)
        if late:
            telemetry.logger().warning("redecodes_given_up", count=late)

    async def _add(self, job: JobRecord, owner: str, new: Sequence[NewChunk], limit: int) -> list[Dispatch] | None:
        dispatched = await self.store.add(job.id, owner, new, limit=limit)
        if dispatched is not None:  # else the job has ended, or another scheduler has it
            kinds = sorted(redecode.redecode_kind for redecode in new)
            for kind in kinds:
                _REDECODES.labels(kind).inc()
            telemetry.logger().info("redecodes", job_id=job.id, tenant=job.tenant, kinds=kinds)
        return dispatched

    async def _audio(
        self, chunks: Sequence[DoneChunk], redecode: RedecodeRequest
    ) -> tuple[bytes, tuple[tuple[int, int], ...]]:
        """s16le samples of what chunks have of a stretch, and which pieces of the recording they are."""
        pcm = bytearray()
        pieces: list[tuple[int, int]] = []
        reached = redecode.start_sample
        for chunk in chunks:
            if (
                chunk.channel != redecode.channel
                or chunk.start_sample >= redecode.end_sample
                or chunk.end_sample <= reached
            ):
                continue
            data = await self.objects.get(chunk.object_key)
            offset = 0
            for first, last in chunk.pieces:
                start, end = max(first, reached), min(last, redecode.end_sample)
                if start < end:
                    pcm += data[(offset + start - first) * SAMPLE_BYTES : (offset + end - first) * SAMPLE_BYTES]
                    pieces.append((start, end))
                    reached = end
                offset += last - first
        return bytes(pcm), tuple(pieces)
