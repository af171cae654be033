"""Results: merging a job's chunks into its transcript, storing it, and answering the same request from the cache."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from sayit.chassis import telemetry
from sayit.chassis.principal import Principal
from sayit.chassis.wake_up import WakeUp
from sayit.scheduler.assemble.formatting import formatted
from sayit.scheduler.assemble.hallucination import HallucinationFilter
from sayit.scheduler.assemble.merge import UNKNOWN, Loudness, Merged, merge
from sayit.scheduler.assemble.redaction.texts import Redaction, key_of
from sayit.scheduler.assemble.redaction.transcripts import redacted, redacted_utterance, without_data
from sayit.scheduler.assemble.redecode import KINDS, REFINING, Heard, redecode_requests, texts_with_redecodes
from sayit.scheduler.assemble.redecode.redecodes import Redecodes
from sayit.scheduler.db.chunks import ChunkStore
from sayit.scheduler.db.job_leases import JobStore
from sayit.scheduler.db.lease_keeper import Leasing, one_after_the_other
from sayit.scheduler.db.live_sessions import LiveStore
from sayit.scheduler.db.objects import Objects
from sayit.scheduler.jobs.channels import ChannelSpeech, shown
from sayit.scheduler.jobs.limits import Limits
from sayit.scheduler.jobs.live import OPTIONS
from sayit.scheduler.jobs.records import ChunkOutput, JobRecord
from sayit.speech import wire
from sayit.speech.audio import samples_of, seconds_of
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import ChunkText, Completed, EventBody, JobState, Refinement
from sayit.speech.options import Guard, preset_name
from sayit.speech.presets import Presets
from sayit.speech.transcript import Segment, Span, Transcript, Usage
from sayit.v1 import resources_pb2 as pb

_LOOKUPS = telemetry.counter(
    "sayit_result_cache",
    "Jobs whose whole answer was looked for in the cache, by what was found.",
    "found",
    ("hit", "miss"),
)
#: Segments in one event of a cached answer, which keeps it far below the message limit.
_SEGMENTS_PER_EVENT = 200


@dataclass(kw_only=True, eq=False)
class Results:
    """Turns finished chunks into transcripts, and keeps them."""

    jobs: JobStore
    chunks: ChunkStore
    live: LiveStore
    objects: Objects
    limits: Limits
    leasing: Leasing
    hallucination_filter: HallucinationFilter
    redecodes: Redecodes
    #: What keys of hashes in redacted text are made of; empty where there are none.
    redaction_secret: str
    wake_up: WakeUp = field(default_factory=WakeUp, init=False)

    async def run(self) -> None:
        """Merges jobs as they are done, until cancelled."""
        await one_after_the_other(self.merge_next, self.wake_up, self.limits, delayed="merge_delayed")

    async def merge_next(self) -> bool:
        """Merges one job whose chunks are all done, or begins its re-decodes first; False if there is none."""
        owner = secrets.token_hex(8)
        job = await self.jobs.lease_merging(owner, until_s=self.leasing.until_s())
        if job is None:
            return False
        began = time.perf_counter()
        with telemetry.span_from(job.traceparent, "merge"):
            try:
                await self.leasing.leased(job.id, owner, self._merge(job, owner))
            except SayItError as error:
                if error.kind.retryable:
                    await self.jobs.return_lease(job.id, owner, not_before_s=time.time() + 2 * self.limits.sweep_s)
                    raise
                await self.jobs.fail_job(job.id, error)
            except Exception:  # noqa: BLE001 - a defect of ours must end this job, and only this one
                telemetry.logger().exception("merge_failed", job_id=job.id)
                await self.jobs.fail_job(job.id, SayItError(ErrorKind.INTERNAL))
            seconds = round(time.perf_counter() - began, 4)
            telemetry.logger().info("merge", job_id=job.id, tenant=job.tenant, seconds=seconds)
        return True

    async def transcript(self, who: Principal, job_id: str, *, raw: bool = False) -> Transcript:
        """A finished job's transcript, written as its options ask, or, raw, as the model wrote it.

        Raises:
            SayItError: JOB_NOT_FOUND, JOB_NOT_FINISHED, JOB_CANCELLED, JOB_FAILED.
        """
        job = await self.jobs.get_job(who.tenant, job_id)
        if job.state is JobState.COMPLETED:
            transcript = await self._load(job.id)
            return transcript if raw else await asyncio.to_thread(formatted, transcript, job.options)
        if job.state is JobState.CANCELLED:
            raise SayItError(ErrorKind.JOB_CANCELLED, job_id=job.id)
        if job.state is JobState.FAILED:
            raise SayItError(ErrorKind.JOB_FAILED, job_id=job.id, reason=job.error_code)
        raise SayItError(ErrorKind.JOB_NOT_FINISHED, job_id=job.id, retry_after_s=1.0)

    async def redaction(self, who: Principal, job_id: str) -> Redaction:
        """What a job's text is redacted of; JOB_NOT_FOUND."""
        return self._redaction(await self.jobs.get_job(who.tenant, job_id))

    def redacted(self, job: JobRecord, output: ChunkOutput) -> tuple[Segment, ...]:
        """An utterance of live speech without personal data."""
        return redacted_utterance(output, self._redaction(job))

    def _redaction(self, job: JobRecord) -> Redaction:
        return Redaction(job.options, key_of(self.redaction_secret, job.tenant))

    async def answer_from_cache(self, job: JobRecord, owner: str, cache_key: str) -> bool:
        """Completes a job with the transcript of an earlier one that asked the same; False if there is none."""
        earlier = await self.jobs.cache_get(job.tenant, cache_key)
        _LOOKUPS.labels("hit" if earlier else "miss").inc()
        if earlier is None:
            return False
        try:
            transcript = await self._load(earlier.id)
        except SayItError:
            return False  # deleted a moment ago
        await self._save(job.id, transcript)
        texts: list[EventBody] = [
            ChunkText(chunk_index=i, segments=transcript.segments[start : start + _SEGMENTS_PER_EVENT])
            for i, start in enumerate(range(0, len(transcript.segments), _SEGMENTS_PER_EVENT))
        ]
        completed = await self.jobs.complete_job(
            job.id,
            owner,
            events=[*texts, _completed(transcript, cached=True)],
            cached=True,
            samples=samples_of(transcript.duration_s),
            warnings=earlier.warnings,
            text=await asyncio.to_thread(lambda: formatted(transcript, job.options).text),
        )
        if not completed:
            await self._clear_away(job)
        return True

    async def _merge(self, job: JobRecord, owner: str) -> None:
        heard = Heard(
            chunks=tuple(await self.chunks.done_chunks(job.id)),
            redecodes=tuple(await self.redecodes.store.of_job(job.id)),
            speech=await self.jobs.speech(job.id),
            options=job.options,
            presets=self.limits.presets,
            samples=job.samples_total or 0,
            refine=await self._is_refined(job),
        )
        redaction = self._redaction(job)
        merged = await asyncio.to_thread(_merged, heard, self.hallucination_filter, redaction)
        kinds = KINDS if self.limits.redecode else (REFINING,)
        again = await asyncio.to_thread(redecode_requests, heard, merged, kinds=kinds)
        if again and await self.redecodes.begin(job, owner, heard, again):
            return  # the job is merged when they have ended
        transcript = _transcript(job, heard, merged, self.limits.presets)
        await self._save(job.id, transcript)
        words = job.options.word_timestamps
        refinements: list[EventBody] = [
            Refinement(
                number=number,
                chunk_indexes=refined.chunk_indexes,
                segments=shown(refined.segments, words=words),
            )
            for number, refined in enumerate(merged.refinements, start=1)
        ]
        if job.cache_key and self.limits.cache_ttl_s > 0:
            # Before the job is complete (until then it answers nothing): its lease, and so our time, ends with it.
            expires_s = time.time() + self.limits.cache_ttl_s
            await self.jobs.cache_put(job.tenant, job.cache_key, job.id, expires_s=expires_s)
        completed = await self.jobs.complete_job(
            job.id,
            owner,
            events=[*refinements, _completed(transcript, cached=False)],
            cached=False,
            samples=job.samples_total or 0,
            text=await asyncio.to_thread(lambda: formatted(transcript, job.options).text),
        )
        if not completed:
            await self._clear_away(job)

    async def _is_refined(self, job: JobRecord) -> bool:
        """Whether it was a session of live speech that asked for that."""
        options = await self.live.options(job.id)
        return bool(options) and OPTIONS.validate_json(options).refine

    async def _clear_away(self, job: JobRecord) -> None:
        """Deletes the text of a job that was deleted while it was merged; its prefix was marked as garbage before."""
        try:
            await self.jobs.get_job(job.tenant, job.id)
        except SayItError as error:
            if error.kind is not ErrorKind.JOB_NOT_FOUND:
                raise
            await self.objects.delete_prefix(f"jobs/{job.id}/")

    async def _save(self, job_id: str, transcript: Transcript) -> None:
        data = await asyncio.to_thread(lambda: wire.transcript_to_proto(transcript).SerializeToString())
        await self.objects.put(_key(job_id), data)

    async def _load(self, job_id: str) -> Transcript:
        data = await self.objects.get(_key(job_id))
        return await asyncio.to_thread(lambda: wire.transcript_from_proto(pb.Transcript.FromString(data)))


def _key(job_id: str) -> str:
    return f"jobs/{job_id}/transcript.pb"


def _merged(heard: Heard, hallucination_filter: HallucinationFilter, redaction: Redaction) -> Merged:
    spoken = heard.spans
    merged = merge(
        texts_with_redecodes(heard),
        speech=spoken,
        duration_s=seconds_of(heard.samples),
        review=lambda said: hallucination_filter.recording(said, heard.options.guard, speech=spoken),
        loudness=_loudness(heard.speech) if heard.options.guard is not Guard.OFF else UNKNOWN,
        redact=partial(redacted, redaction=redaction) if redaction.on else None,
    )
    return replace(merged, suppressed=without_data(merged.suppressed, redaction)) if redaction.on else merged


def _transcript(job: JobRecord, heard: Heard, merged: Merged, presets: Presets) -> Transcript:
    duration_s = seconds_of(heard.samples)
    outputs = [
        *(chunk.output for chunk in heard.chunks),
        *(redecode.output for redecode in heard.redecodes if redecode.output),
    ]
    return Transcript(
        segments=shown(merged.segments, words=job.options.word_timestamps),
        language=merged.language,
        language_probability=merged.language_probability,
        duration_s=duration_s,
        coverage=replace(merged.coverage, gaps=(*merged.coverage.gaps, *_undetected(heard, merged))),
        usage=Usage(audio_s=duration_s, compute_s=sum(output.compute_s for output in outputs)),
        model=job.model,
        preset=preset_name(job.options.language, presets),
        suppressed=tuple(merged.suppressed),
        redacted=merged.redacted,
    )


def _undetected(heard: Heard, merged: Merged) -> list[Span]:
    """What sounds like speech, and has neither text nor speech that was detected: a fault of the detector shows."""
    spans = [
        Span(start_s=seconds_of(start), end_s=seconds_of(end), channel=one.channel)
        for one in heard.speech
        for start, end in one.undetected
    ]
    return [
        span
        for span in spans
        if not any(
            segment.channel == span.channel and segment.start_s < span.end_s and segment.end_s > span.start_s
            for segment in merged.segments
        )
    ]


def _loudness(speech: Sequence[ChannelSpeech]) -> Loudness:
    from sayit.scheduler.jobs.channels import LEVEL_SAMPLES  # noqa: PLC0415 - NumPy is loaded by the first recording

    levels = {heard.channel: heard.levels for heard in speech if heard.levels}
    return Loudness(levels=levels, step_s=seconds_of(LEVEL_SAMPLES))


def _completed(transcript: Transcript, *, cached: bool) -> Completed:
    return Completed(
        language=transcript.language,
        duration_s=transcript.duration_s,
        segment_count=len(transcript.segments),
        cached=cached,
    )
