"""The chunk cache: what was decoded once answers the same chunk in another job of the same tenant."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sayit.chassis import telemetry
from sayit.scheduler.cache.chunk_keys import audio_digest, chunk_key, revised, shifted
from sayit.scheduler.db.chunk_cache import ChunkCacheStore
from sayit.scheduler.jobs.channels import output_of_channel
from sayit.scheduler.jobs.limits import Limits
from sayit.scheduler.jobs.records import CachedChunk, ChunkOutput, Claim, JobRecord, NewCacheEntry
from sayit.scheduler.jobs.time_mapping import needs_words
from sayit.speech.audio import seconds_of
from sayit.speech.options import Guard
from sayit.speech.presets import Presets

if TYPE_CHECKING:  # NumPy is loaded by the first recording
    from sayit.scheduler.jobs.records import ReadyChunk

_LOOKUPS = telemetry.counter(
    "sayit_chunk_cache", "Chunks looked for in the chunk cache, by what was found.", "found", ("hit", "miss")
)


@dataclass(kw_only=True, eq=False)
class ChunkCache:
    """Looks up and stores chunks' texts.

    Texts are kept as the engine gave them, before the hallucination filter: another level of it, or other phrases,
    decode nothing.
    """

    store: ChunkCacheStore
    limits: Limits
    #: The revision that a model's text is of; empty where that is not known.
    revision: Callable[[str], Awaitable[str]]
    #: The hallucination filter.
    filtered: Callable[[ChunkOutput, Guard], ChunkOutput]

    @property
    def _on(self) -> bool:
        return self.limits.cache_ttl_s > 0 and self.limits.chunk_cache_bytes > 0

    async def lookup(self, job: JobRecord, chunks: Sequence[ReadyChunk]) -> list[CachedChunk]:
        """What is known of a job's chunks, in their order."""
        if not self._on:
            return [CachedChunk(key="", output=None) for _ in chunks]
        keys = await asyncio.to_thread(lambda: [_keys(job, chunk, self.limits.presets) for chunk in chunks])
        revision = await self.revision(job.model)
        found = await self._found(job, keys, revision) if revision else {}
        cached = []
        for chunk, own in zip(chunks, keys, strict=True):
            texts = (found.get(revised(key, revision)) for key in own) if revision else ()
            text = next((text for text in texts if text is not None), None)
            if own:
                _LOOKUPS.labels("miss" if text is None else "hit").inc()
            output = None if text is None else self._again(job, chunk, text)
            cached.append(CachedChunk(key=own[0] if own else "", output=output))
        return cached

    async def _found(self, job: JobRecord, keys: Sequence[tuple[str, ...]], revision: str) -> dict[str, ChunkOutput]:
        requests = [revised(key, revision) for own in keys for key in own]
        return await self.store.lookup(job.tenant, requests) if requests else {}

    def _again(self, job: JobRecord, chunk: ReadyChunk, text: ChunkOutput) -> ChunkOutput:
        """A kept text as this job's chunk says it; no engine was busy with it."""
        output = shifted(replace(text, compute_s=0.0), seconds_of(chunk.start_sample))
        return self.filtered(output_of_channel(output, chunk.channel), job.options.guard)

    def new_entry(self, claim: Claim, output: ChunkOutput, revision: str) -> NewCacheEntry | None:
        """A decoded chunk's text (before the hallucination filter) for other jobs; None if it is not to be kept.

        A chunk that ever crashed an engine is decoded again each time. The text of a transcriber without a revision is
        not kept, because it cannot be told from another revision's; nor is one that is to be redacted.
        """
        if not (self._on and claim.cache_key and revision) or claim.alone or claim.options.redacts:
            return None
        return NewCacheEntry(
            key=revised(claim.cache_key, revision),
            output=shifted(output, -seconds_of(claim.start_sample)),
            expires_s=time.time() + self.limits.cache_ttl_s,
        )


def _keys(job: JobRecord, chunk: ReadyChunk, presets: Presets) -> tuple[str, ...]:
    """The chunk's own key, then that of its text with words, which serves as well; none if it is not to be kept."""
    audio = audio_digest(chunk.pcm)
    needed = needs_words(chunk.pieces, hard=chunk.hard_start or chunk.hard_end)
    own = chunk_key(audio, chunk.pieces, job.model, job.options, presets, words=needed)
    if not own:
        return ()
    with_words = chunk_key(audio, chunk.pieces, job.model, job.options, presets, words=True)
    return (own,) if with_words == own else (own, with_words)
