"""Preparing: decode the original, find speech, cut chunks, store them; the first run while the rest is decoded."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sayit.chassis import telemetry
from sayit.chassis.wake_up import WakeUp
from sayit.scheduler.db.codec import event_bytes
from sayit.scheduler.db.engine import Publish
from sayit.scheduler.db.job_leases import JobStore
from sayit.scheduler.db.lease_keeper import Leasing, one_after_the_other
from sayit.scheduler.db.objects import Objects
from sayit.scheduler.db.uploads import UploadStore
from sayit.scheduler.ingest.audio_quota import AudioQuota
from sayit.scheduler.ingest.audio_reader.pool import AudioReaderPool, AudioStream
from sayit.scheduler.jobs.channels import ChannelSpeech
from sayit.scheduler.jobs.limits import Limits
from sayit.scheduler.jobs.records import AddChunks, CachedChunk, JobRecord, NewChunk
from sayit.speech.audio import INTERACTIVE_S, SAMPLE_BYTES, samples_of, seconds_of
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import Progress
from sayit.speech.options import UNHEARD_OPTIONS, Channels, Options, resolve
from sayit.speech.presets import Presets

if TYPE_CHECKING:  # NumPy is loaded by the first recording
    from sayit.scheduler.ingest.segmentation import ChannelSplitter
    from sayit.scheduler.jobs.records import ReadyChunk

#: A stretch that sounds like speech, of which the detector found none; it is among the transcript's gaps.
SPEECH_NOT_DETECTED = "SPEECH_NOT_DETECTED"
#: Audio handed to the splitter at once (4 s): enough to be worth a thread, little enough for an early first chunk.
_FEED_BYTES = samples_of(4.0) * SAMPLE_BYTES
#: An idle transcriber claims a chunk within this time, unless the database's writer waits for the disk meanwhile.
_CLAIMED_WITHIN_S = 0.015


@dataclass(kw_only=True, eq=False)
class Preparer:
    """Prepares accepted jobs, a few at a time.

    A crash here decodes again, under a new lease: decoding and splitting give the same cuts, and chunks that are
    already there stay.
    """

    uploads: UploadStore
    jobs: JobStore
    objects: Objects
    reader: AudioReaderPool
    #: Makes the splitter of a recording of so many channels, a job's options and a threshold; may take a moment.
    new_splitter: Callable[[int, Options, float], ChannelSplitter]
    #: Where a request names none.
    voice_threshold: float
    limits: Limits
    leasing: Leasing
    publish: Publish
    #: The revision that a model's text is of; empty where that is not known.
    revision: Callable[[str], Awaitable[str]]
    estimate: Callable[[JobRecord], Awaitable[Progress]]
    #: Completes a job, of an owner, with the transcript under a key; False if there is none.
    answer_from_cache: Callable[[JobRecord, str, str], Awaitable[bool]]
    #: What the cache knows of a job's chunks.
    cached_chunks: Callable[[JobRecord, Sequence[ReadyChunk]], Awaitable[list[CachedChunk]]]
    add_chunks: AddChunks
    audio_quota: AudioQuota
    all_done: Callable[[], None]
    wake_up: WakeUp = field(default_factory=WakeUp, init=False)

    async def run(self, *, max_bytes: int | None = None) -> None:
        """Prepares jobs, one after the other, until cancelled; several of these may run side by side.

        Args:
            max_bytes: only files of at most this size, so that short recordings never wait behind long ones.
        """
        do_next = partial(self.prepare_next, max_bytes=max_bytes)
        await one_after_the_other(do_next, self.wake_up, self.limits, delayed="prepare_delayed")

    async def prepare_next(self, *, max_bytes: int | None = None) -> bool:
        """Prepares one job; False if none waits."""
        owner = secrets.token_hex(8)
        job = await self.jobs.lease_preparing(owner, until_s=self.leasing.until_s(), max_bytes=max_bytes)
        if job is None:
            return False
        # A wake-up reaches one of the loops; a loop that found work wakes the next one.
        self.wake_up.notify()
        began = time.perf_counter()
        outcome = "prepared"
        with telemetry.span_from(job.traceparent, "prepare"):
            try:
                if not await self.leasing.leased(job.id, owner, self._prepare(job, owner)):
                    outcome = "stopped"
            except SayItError as error:
                outcome = await self._failed(job, owner, error)
            except Exception:  # noqa: BLE001 - a defect of ours must end this job, and only this one
                telemetry.logger().exception("prepare_failed", job_id=job.id)
                outcome = await self._failed(job, owner, SayItError(ErrorKind.INTERNAL))
            seconds = round(time.perf_counter() - began, 4)
            telemetry.logger().info("prepare", job_id=job.id, tenant=job.tenant, outcome=outcome, seconds=seconds)
        return True

    async def _failed(self, job: JobRecord, owner: str, error: SayItError) -> str:
        if error.kind.retryable:
            await self.jobs.return_lease(job.id, owner, not_before_s=time.time() + 2 * self.limits.sweep_s)
            telemetry.logger().warning("prepare_delayed", job_id=job.id, code=error.code, cause=error.cause)
            return "delayed"
        await self.jobs.fail_job(job.id, error)
        return error.code

    async def _prepare(self, job: JobRecord, owner: str) -> None:
        if job.prepare_attempts > self.limits.max_prepare_attempts:
            raise SayItError(ErrorKind.DECODING_FAILED, cause="preparing did not finish")
        parts = await self.uploads.parts(job.upload_id)
        async with self.objects.file_of([part.object_key for part in parts]) as path:
            revision = await self.revision(job.model)
            if revision:
                cache_key = await asyncio.to_thread(
                    _cache_key, path, job, self.limits.presets, revision, self._threshold(job)
                )
                await self.jobs.set_cache_key(job.id, owner, cache_key)
                if await self.answer_from_cache(job, owner, cache_key):
                    return
            await self._split(job, owner, path)

    def _threshold(self, job: JobRecord) -> float:
        asked = job.options.voice_threshold
        return self.voice_threshold if asked is None else asked

    async def _split(self, job: JobRecord, owner: str, path: Path) -> None:
        split = job.options.channels is Channels.SPLIT
        count = from_cache = 0

        async def add(ready: Sequence[ReadyChunk], *, short: bool = False) -> bool:
            nonlocal count, from_cache
            new = await self._store(job, ready, short=short)
            count, from_cache = count + len(new), from_cache + sum(chunk.output is not None for chunk in new)
            return not new or await self._add(job, owner, new, splitter, decoding)

        async with self.reader.read(path, split=split) as decoding:
            rest = bytearray(await anext(decoding))  # no recording is empty; now its channels are known
            splitter = await asyncio.to_thread(self.new_splitter, decoding.channels, job.options, self._threshold(job))
            async for block in decoding:
                rest += block
                if len(rest) >= _FEED_BYTES * decoding.channels:
                    ready = await asyncio.to_thread(splitter.feed, bytes(rest))
                    rest.clear()
                    if not await add(ready):
                        return
            summary = decoding.summary
        ready = await asyncio.to_thread(lambda: [*splitter.feed(bytes(rest)), *splitter.finish()])
        if not await add(ready, short=splitter.total_samples <= samples_of(INTERACTIVE_S)):
            return
        if count > from_cache:
            await asyncio.sleep(_CLAIMED_WITHIN_S)
        speech = [
            ChannelSpeech(channel=channel, spans=spans, levels=splitter.levels[channel])
            for channel, spans in splitter.speech.items()
        ]
        missed = any(one.undetected for one in speech)
        finished = await self.jobs.finish_preparing(
            job.id,
            owner,
            samples=summary.samples,
            chunks=count,
            speech=speech,
            warnings=(*summary.warnings, *([SPEECH_NOT_DETECTED] if missed else [])),
        )
        if finished is None:
            return
        self.all_done()
        await self.audio_quota.spend(job.tenant, seconds_of(summary.samples))
        self.publish(job.id, event_bytes(job.id, await self.estimate(finished)))
        telemetry.logger().info("cut", job_id=job.id, tenant=job.tenant, chunks=count, from_cache=from_cache)

    async def _add(
        self, job: JobRecord, owner: str, new: Sequence[NewChunk], splitter: ChannelSplitter, decoding: AudioStream
    ) -> bool:
        """Makes chunks due, whatever else is to be done with the file; False when the job is no longer ours."""
        adding = partial(
            self.jobs.add_chunks,
            job.id,
            owner,
            new,
            scanned=splitter.total_samples,
            declared=None if decoding.declared_s is None else samples_of(decoding.declared_s),
            channels=decoding.channels,
        )
        return await self.add_chunks(job.model, len(new), lambda limit: adding(limit=limit)) is not None

    async def _store(self, job: JobRecord, ready: Sequence[ReadyChunk], *, short: bool = False) -> list[NewChunk]:
        """Stores chunks' audio and looks their texts up in the chunk cache; the caller writes their rows."""
        new: list[NewChunk] = []
        for chunk, cached in zip(ready, await self.cached_chunks(job, ready), strict=True):
            key = f"jobs/{job.id}/chunks/{chunk.index:06d}.s16le"
            await self.objects.put(key, chunk.pcm)
            new.append(
                NewChunk(
                    **chunk.place,
                    object_key=key,
                    interactive=short or chunk.first,
                    cache_key=cached.key,
                    output=cached.output,
                )
            )
        return new


def _cache_key(path: Path, job: JobRecord, presets: Presets, revision: str, threshold: float) -> str:
    """SHA-256 over the file's content, all that shapes the raw text (the preset's options too), and the revision.

    Of the voice threshold what holds, whether the request or the installation says it.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    # The vocabulary's words are among the hotwords; its name says nothing of what they are.
    silent = UNHEARD_OPTIONS | {"vocabulary", "voice_threshold"}
    shaping = {name: value for name, value in asdict(job.options).items() if name not in silent}
    shaped = [shaping, asdict(resolve(job.options, presets)), threshold, revision]
    digest.update(json.dumps(shaped, sort_keys=True).encode())
    return digest.hexdigest()
