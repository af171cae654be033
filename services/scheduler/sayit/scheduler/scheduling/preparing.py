"""Preparing: decode the original, find speech, cut chunks, store them; the first run while the rest is decoded."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sayit.chassis import telemetry
from sayit.scheduler.job.channels import ChannelSpeech
from sayit.scheduler.job.records import Dispatch, JobRecord, NewChunk
from sayit.scheduler.ports import Decoder, Decoding, JobStore, ObjectStore, UploadStore
from sayit.scheduler.scheduling.bell import Bell
from sayit.scheduler.scheduling.dispatching import Dispatcher
from sayit.scheduler.scheduling.fleet import Fleet
from sayit.scheduler.scheduling.last_work import LastWork
from sayit.scheduler.scheduling.leasing import leased
from sayit.scheduler.scheduling.limits import Limits
from sayit.scheduler.scheduling.notices import Notices
from sayit.scheduler.scheduling.recalling import ChunkCache
from sayit.scheduler.scheduling.results import Results
from sayit.scheduler.splitting import ChannelSplitter, ReadyChunk, Splitter
from sayit.speech.audio import INTERACTIVE_S, SAMPLE_BYTES, samples_of
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.options import WRITING_OPTIONS, Channels, resolve
from sayit.speech.presets import Presets

#: Audio handed to the splitter at once (4 s): enough to be worth a thread, little enough for an early first chunk.
_FEED_BYTES = samples_of(4.0) * SAMPLE_BYTES
#: An idle transcriber claims a chunk within this time, unless the database's writer waits for the disk meanwhile.
_CLAIMED_WITHIN_S = 0.015


class Preparer:
    """Prepares accepted jobs, a few at a time.

    A crash here decodes again, under a new lease: decoding and splitting give the same cuts, and chunks that are
    already there stay.
    """

    def __init__(
        self,
        *,
        uploads: UploadStore,
        jobs: JobStore,
        objects: ObjectStore,
        decoder: Decoder,
        new_splitter: Callable[[], Splitter],
        results: Results,
        notices: Notices,
        limits: Limits,
        last_work: LastWork,
        dispatcher: Dispatcher,
        fleet: Fleet,
        cache: ChunkCache,
        all_done: Callable[[], None],
    ) -> None:
        self.bell = Bell()
        self._uploads = uploads
        self._jobs = jobs
        self._objects = objects
        self._decoder = decoder
        self._new_splitter = new_splitter
        self._results = results
        self._notices = notices
        self._limits = limits
        self._last_work = last_work
        self._dispatcher = dispatcher
        self._fleet = fleet
        self._cache = cache
        self._all_done = all_done

    async def run(self, *, max_bytes: int | None = None) -> None:
        """Prepares jobs, one after the other, until cancelled; several of these may run side by side.

        Args:
            max_bytes: only files of at most this size, so that short recordings never wait behind long ones.
        """
        while True:
            try:
                prepared = await self.prepare_next(max_bytes=max_bytes)
            except SayItError as error:
                telemetry.logger().warning("preparing is delayed", code=error.code, cause=error.cause)
                prepared = False
                await asyncio.sleep(2 * self._limits.sweep_s)
            if not prepared:
                await self.bell.wait(self._limits.sweep_s)

    async def prepare_next(self, *, max_bytes: int | None = None) -> bool:
        """Prepares one job; False if none waits."""
        owner = secrets.token_hex(8)
        until_s = time.time() + self._limits.work_lease_s
        job = await self._jobs.lease_preparing(owner, until_s=until_s, max_bytes=max_bytes)
        if job is None:
            return False
        # The bell wakes one of the loops; whoever found work lets the next one look.
        self.bell.ring()
        began = time.perf_counter()
        outcome = "prepared"
        with telemetry.span_from(job.traceparent, "prepare"):
            try:
                self._check_attempts(job)
                work = self._prepare(job, owner)
                lease_s = self._limits.work_lease_s
                if not await leased(
                    work, jobs=self._jobs, job_id=job.id, owner=owner, lease_s=lease_s, last_work=self._last_work
                ):
                    outcome = "stopped"
            except SayItError as error:
                outcome = await self._failed(job, owner, error)
            except Exception:  # noqa: BLE001 - a defect of ours must end this job, and only this one
                telemetry.logger().exception("preparing failed", job_id=job.id)
                outcome = await self._failed(job, owner, SayItError(ErrorKind.INTERNAL))
            seconds = round(time.perf_counter() - began, 4)
            telemetry.logger().info("prepare", job_id=job.id, tenant=job.tenant, outcome=outcome, seconds=seconds)
        return True

    def _check_attempts(self, job: JobRecord) -> None:
        if job.prepare_attempts > self._limits.max_prepare_attempts:
            raise SayItError(ErrorKind.DECODING_FAILED, cause="preparing never came to its end")

    async def _failed(self, job: JobRecord, owner: str, error: SayItError) -> str:
        if error.kind.retryable:
            await self._jobs.return_lease(job.id, owner, not_before_s=time.time() + 2 * self._limits.sweep_s)
            telemetry.logger().warning("preparing is delayed", job_id=job.id, code=error.code, cause=error.cause)
            return "delayed"
        await self._jobs.fail_job(job.id, error)
        await self._notices.wake(job.id)
        return error.code

    async def _prepare(self, job: JobRecord, owner: str) -> None:
        parts = await self._uploads.parts(job.upload_id)
        async with self._objects.file_of([part.object_key for part in parts]) as path:
            revision = await self._fleet.revision(job.model)
            if revision:
                cache_key = await asyncio.to_thread(_cache_key, path, job, self._limits.presets, revision)
                await self._jobs.set_cache_key(job.id, owner, cache_key)
                if await self._results.answer_from_cache(job, owner, cache_key):
                    return
            await self._split(job, owner, path)

    async def _split(self, job: JobRecord, owner: str, path: Path) -> None:
        split = job.options.channels is Channels.SPLIT
        count = from_cache = 0

        async def add(ready: Sequence[ReadyChunk], *, short: bool = False) -> bool:
            nonlocal count, from_cache
            new = await self._store(job, ready, short=short)
            count, from_cache = count + len(new), from_cache + _with_text(new)
            return not new or await self._add(job, owner, new, splitter, decoding)

        async with self._decoder.decode(path, split=split) as decoding:
            rest = bytearray(await anext(decoding))  # no recording is empty; now its channels are known
            splitter = ChannelSplitter(self._new_splitter, channels=decoding.channels, numbered=split)
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
        finished = await self._jobs.finish_preparing(
            job.id,
            owner,
            samples=summary.samples,
            chunks=count,
            speech=[
                ChannelSpeech(channel=channel, spans=spans, levels=splitter.levels.get(channel, b""))
                for channel, spans in splitter.speech.items()
            ],
            warnings=summary.warnings,
        )
        if not finished:
            return
        self._all_done()
        await self._notices.wake(job.id)
        telemetry.logger().info("cut", job_id=job.id, tenant=job.tenant, chunks=count, from_cache=from_cache)

    async def _add(
        self, job: JobRecord, owner: str, new: Sequence[NewChunk], splitter: ChannelSplitter, decoding: Decoding
    ) -> bool:
        """Makes chunks due, whatever else is to be done with the file; False when the job is no longer ours."""
        added = self._jobs.add_chunks(
            job.id,
            owner,
            new,
            scanned=splitter.total_samples,
            declared=None if decoding.declared_s is None else samples_of(decoding.declared_s),
            channels=decoding.channels,
            limit=self._dispatcher.limit(job.model),
        )
        if not await self._last_work.do(self._ring(added, len(new))):
            return False
        if _with_text(new):
            await self._notices.wake(job.id)
        return True

    async def _store(self, job: JobRecord, ready: Sequence[ReadyChunk], *, short: bool = False) -> list[NewChunk]:
        """Stores chunks' audio and looks whether their text is known; their rows are to be written then."""
        new: list[NewChunk] = []
        for chunk, recalled in zip(ready, await self._cache.recall(job, ready), strict=True):
            key = f"jobs/{job.id}/chunks/{chunk.index:06d}.s16le"
            await self._objects.put(key, chunk.pcm)
            new.append(
                NewChunk(
                    index=chunk.index,
                    start_sample=chunk.start_sample,
                    end_sample=chunk.end_sample,
                    hard_start=chunk.hard_start,
                    hard_end=chunk.hard_end,
                    object_key=key,
                    interactive=short or chunk.first,
                    pieces=chunk.pieces if len(chunk.pieces) > 1 else (),
                    channel=chunk.channel,
                    cache_key=recalled.key,
                    output=recalled.output,
                )
            )
        return new

    async def _ring(self, adding: Coroutine[Any, Any, list[Dispatch] | None], count: int) -> bool:
        """Adds chunks and rings for those that were dispatched with it; False when the job is no longer ours.

        It runs to its end also when nobody waits for it any more: what is numbered is to be rung for.
        """
        dispatched = await adding
        if dispatched is None:
            return False
        await self._dispatcher.ring(dispatched)
        if len(dispatched) < count:
            self._dispatcher.bell.ring()
        return True


def _with_text(new: Sequence[NewChunk]) -> int:
    return sum(chunk.output is not None for chunk in new)


def _cache_key(path: Path, job: JobRecord, presets: Presets, revision: str) -> str:
    """SHA-256 over the file's content, all that shapes the raw text (the preset's options too), and the revision."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    # The vocabulary's words are among the hotwords; its name says nothing of what they are.
    silent = WRITING_OPTIONS | {"vocabulary"}
    shaping = {name: value for name, value in asdict(job.options).items() if name not in silent}
    digest.update(json.dumps([shaping, asdict(resolve(job.options, presets)), revision], sort_keys=True).encode())
    return digest.hexdigest()
