"""The JSON documents of `/v1`: jobs, events, transcripts, models, status. Keys are added, never renamed or removed.

Times of day are RFC 3339 in UTC; lengths of time and positions in a recording are seconds (`_s`, and, as in a rendered
transcript, `start`, `end` and `duration`).
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from sayit.bridge.http.options import OptionsDocument
from sayit.speech.errors import ErrorKind
from sayit.speech.jobs import Job, JobError, JobState
from sayit.speech.rendering import segment_value, transcript_value
from sayit.speech.rendering.documents import seconds
from sayit.speech.transcript import Transcript

#: How often a polling client should ask: first often, then less (product contract).
POLL_FIRST_MS, POLL_LATER_MS = 3_000, 5_000
#: Age of a job in seconds from which on it is polled less often.
POLL_FIRST_S = 30.0


class Document(BaseModel):
    """A JSON object of ours."""

    model_config = ConfigDict(frozen=True, extra="forbid")


#: Seconds, to the millisecond.
Seconds = Annotated[float, AfterValidator(seconds)]


class WordDocument(Document):
    """A word."""

    text: str = Field(description="With the leading space that the language uses.")
    start: float = Field(description="Seconds from the beginning of the recording.")
    end: float
    probability: float | None = Field(description="The model's, 0 to 1.")


class SegmentDocument(Document):
    """A stretch of speech."""

    id: int = Field(
        description="Position in the model's transcript, from 0; the parts of a segment that was split share it. In "
        "events, position in the chunk."
    )
    start: float = Field(description="Seconds from the beginning of the recording.")
    end: float
    text: str
    language: str
    language_probability: float | None = Field(description="Where the language was detected; 1 where it was fixed.")
    speaker: str = Field(description="As a correction named them; empty where none did.")
    channel: int = Field(description="Audio channel, from 1; 0 where channels were mixed.")
    avg_logprob: float | None
    compression_ratio: float | None
    no_speech_prob: float | None
    temperature: float | None
    words: list[WordDocument] = Field(description="Empty unless `word_timestamps` was asked for.")


#: Segments as jobs have them.
Segments = list[Annotated[SegmentDocument, BeforeValidator(segment_value)]]


class SpanDocument(Document):
    """A stretch of time, in seconds."""

    start: float
    end: float
    channel: int = Field(description="Audio channel, from 1; 0 where channels were mixed.")


class CoverageDocument(Document):
    """Detected speech against transcribed speech, in seconds."""

    speech_detected: float
    speech_transcribed: float
    gaps: list[SpanDocument]


class SuppressedDocument(Document):
    """Text that the model produced and SayIt removed."""

    text: str
    reason: str
    start: float
    end: float
    channel: int = Field(description="Audio channel, from 1; 0 where channels were mixed.")


class RedactedDocument(Document):
    """Where personal data was taken out of the text."""

    kind: str
    start: float
    end: float
    channel: int = Field(description="Audio channel, from 1; 0 where channels were mixed.")


class UsageDocument(Document):
    """What a transcript cost, in seconds."""

    audio: float
    compute: float


class TranscriptDocument(Document):
    """A transcript, as `sayit transcribe --format json` writes it."""

    text: str
    language: str
    language_probability: float | None
    duration: float
    model: str
    preset: str
    version: int = Field(description="0 for the model's own text, one more with every correction.")
    segments: list[SegmentDocument]
    coverage: CoverageDocument
    suppressed: list[SuppressedDocument]
    redacted: list[RedactedDocument]
    usage: UsageDocument


class ProgressDocument(Document):
    """How far a job is."""

    model_config = ConfigDict(from_attributes=True)

    audio_done_s: Seconds
    audio_total_s: Seconds | None = Field(description="Null until the whole file is decoded.")
    fraction: Annotated[float, AfterValidator(partial(round, ndigits=4))] | None = Field(
        description="Done part of the audio, 0 to 1; null until the length is known."
    )
    chunks_done: int
    chunks_total: int | None
    queue_position: int | None = Field(description="Chunks of others that go first; null once nothing waits.")
    eta_s: Seconds | None = Field(description="Estimated seconds until it ends; null while unknown.")


class JobErrorDocument(Document):
    """Why a job failed, in the language of Accept-Language."""

    code: str = Field(description="Stable; see the table of errors.", examples=["INVALID_FORMAT"])
    message: str


class JobDocument(Document):
    """A transcription job."""

    id: str
    state: JobState
    filename: str
    model: str
    options: OptionsDocument
    progress: ProgressDocument
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None = Field(
        description="When it and all its data are deleted; null while it has not ended, and for one that is kept."
    )
    error: JobErrorDocument | None = Field(description="Set exactly when `state` is `failed`.")
    cached: bool = Field(description="Whether the result came from the cache.")
    warnings: list[str] = Field(description="What was odd but no error: TRUNCATED_AUDIO, CORRUPT_PACKETS.")
    labels: dict[str, str] = Field(description="The client's own marks.")
    last_seq: int = Field(description="Number of the newest durable event.")
    transcript_version: int = Field(description="The transcript's newest version; 0 for the model's own text.")
    poll_after_ms: int | None = Field(description="When a polling client should ask again; null once it has ended.")
    transcript: TranscriptDocument | None = Field(
        default=None, description="Set if the request waited (`wait`) and the job is completed."
    )


class JobListDocument(Document):
    """A page of jobs, newest first."""

    jobs: list[JobDocument]
    next_page_token: str = Field(description="Empty on the last page.")


class ProblemDocument(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(
        description="Stable URI of the kind; it need not be fetched.",
        examples=["https://sayit.dev/problems/job-not-found"],
    )
    title: str
    status: int
    detail: str = Field(description="A sentence for people, in the language of Accept-Language (en, ko).")
    code: str = Field(description="The stable code.", examples=["JOB_NOT_FOUND"])
    field: str | None = Field(default=None, description="The part of the request at fault.")
    retry_after: int | None = Field(default=None, description="Seconds, as in Retry-After.")
    version: int | None = Field(default=None, description="Of VERSION_CONFLICT: the transcript's newest version.")


def job_document(job: Job, language: str, *, now_s: float, transcript: Transcript | None = None) -> JobDocument:
    """A job; its error in this language, its polling interval as of now."""
    return JobDocument(
        id=job.id,
        state=job.state,
        filename=job.filename,
        model=job.model,
        options=OptionsDocument.of(job.options),
        progress=job.progress,
        created_at=job.created_at_s,
        started_at=job.started_at_s,
        finished_at=job.finished_at_s,
        expires_at=job.expires_at_s,
        error=None if job.error is None else error_document(job.error, language),
        cached=job.cached,
        warnings=list(job.warnings),
        labels=dict(job.labels),
        last_seq=job.last_seq,
        transcript_version=job.transcript_version,
        poll_after_ms=poll_after_ms(job, now_s),
        transcript=None if transcript is None else transcript_value(transcript),
    )


def poll_after_ms(job: Job, now_s: float) -> int | None:
    """When a polling client should ask again, in milliseconds; None once the job has ended."""
    if job.state.terminal:
        return None
    return POLL_FIRST_MS if now_s - job.created_at_s < POLL_FIRST_S else POLL_LATER_MS


def error_document(error: JobError, language: str) -> JobErrorDocument:
    """Why a job failed, in this language."""
    message = error.message_ko if language == "ko" and error.message_ko else error.message_en
    return JobErrorDocument(code=error.code, message=message or ErrorKind.of_code(error.code).value.en)
