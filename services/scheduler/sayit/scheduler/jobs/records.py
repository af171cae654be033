"""Frozen records of what the scheduler holds durably. Times of day are seconds since the epoch, UTC."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, TypeAlias

from sayit.scheduler.jobs.chunk_overrides import NO_OVERRIDES, ChunkOverrides
from sayit.speech.audio import seconds_of
from sayit.speech.chunk_queue import ChunkMessage
from sayit.speech.errors import SayItError
from sayit.speech.jobs import JobState, Progress
from sayit.speech.options import Options
from sayit.speech.transcript import Segment, Suppressed

#: A stretch of samples, `[start, end)`, from the start of the recording.
SampleSpan = tuple[int, int]


#: Beginning of a job's warning that something else was spoken than may be: code and probability follow.
LANGUAGE_NOT_LISTED = "LANGUAGE_NOT_LISTED"
#: Least probability of a language that is warned of.
_CLEAR = 0.5


@dataclass(frozen=True, kw_only=True)
class UploadRecord:
    """A file that is arriving or has arrived."""

    id: str
    tenant: str
    key_id: str
    filename: str
    #: Bytes announced; None where the client did not know.
    size: int | None
    #: Bytes stored durably.
    received: int
    created_s: float
    #: When it is deleted unless a job uses it.
    expires_s: float


@dataclass(frozen=True, kw_only=True)
class PartRecord:
    """A stored stretch of an upload."""

    offset: int
    size: int
    object_key: str


@dataclass(frozen=True, kw_only=True)
class Hints:
    """A request's own prompt and hotwords, where a vocabulary was put in front of them."""

    prompt: str
    hotwords: str


@dataclass(frozen=True, kw_only=True)
class JobRecord:
    """A job's row."""

    id: str
    tenant: str
    key_id: str
    upload_id: str
    filename: str
    #: How it is decoded: with the words of the vocabulary that it names, as that was when the job was accepted.
    options: Options
    model: str
    state: JobState
    #: Empty where the client gave none.
    idempotency_key: str
    created_s: float
    started_s: float | None = None
    finished_s: float | None = None
    expires_s: float | None = None
    #: Stable code of the failure; empty unless FAILED.
    error_code: str = ""
    error_details: dict[str, str] = field(default_factory=dict)
    cached: bool = False
    warnings: tuple[str, ...] = ()
    last_seq: int = 0
    #: Samples of the whole recording; None until it is decoded.
    samples_total: int | None = None
    #: Samples that the file says it has, once that was read; a guess, which nothing but estimates may rest on.
    samples_declared: int | None = None
    #: Samples decoded and searched for speech so far.
    samples_scanned: int = 0
    #: Audio channels that are transcribed side by side; 1 where they are mixed, and until the file is opened.
    channels: int = 1
    #: Samples that lie in chunks so far, of all channels.
    samples_chunked: int = 0
    #: Samples of finished chunks, of all channels.
    samples_done: int = 0
    #: All chunks; None until the whole file is cut.
    chunks_total: int | None = None
    chunks_done: int = 0
    #: Content and options, hashed; empty until the original was read.
    cache_key: str = ""
    #: What the vocabulary was put in front of; None where the options name none.
    sent: Hints | None = None
    #: W3C trace context of the call that created it.
    traceparent: str = ""
    #: How often preparing it was begun.
    prepare_attempts: int = 0
    #: Newest version of its transcript; 0 for the model's own text.
    transcript_version: int = 0
    labels: dict[str, str] = field(default_factory=dict)
    #: Where its end is told; empty for nowhere.
    callback_url: str = ""

    @property
    def requested(self) -> Options:
        """The options as the client sent them, normalised."""
        if self.sent is None:
            return self.options
        return replace(self.options, prompt=self.sent.prompt, hotwords=self.sent.hotwords)

    def progress(self, *, queue_position: int | None = None, eta_s: float | None = None) -> Progress:
        """How far the job is, its channels on average. Silence counts as done as soon as it is known to be silence."""
        silent = max(0, self.samples_scanned * self.channels - self.samples_chunked)
        done = (self.samples_done + silent) // self.channels
        if self.state is JobState.COMPLETED and self.samples_total is not None:
            done = self.samples_total
        elif self.samples_total is not None:
            done = min(done, self.samples_total)
        return Progress(
            audio_done_s=seconds_of(done),
            audio_total_s=None if self.samples_total is None else seconds_of(self.samples_total),
            audio_declared_s=None if self.samples_declared is None else seconds_of(self.samples_declared),
            chunks_done=self.chunks_done,
            chunks_total=self.chunks_total,
            queue_position=queue_position,
            eta_s=eta_s,
        )


@dataclass(frozen=True, kw_only=True)
class JobLimits:
    """Jobs that may be accepted and not ended."""

    jobs: int
    of_tenant: int


class Full(StrEnum):
    """Which bound a job would exceed."""

    #: All tenants' jobs.
    JOBS = "jobs"
    #: The tenant's own.
    TENANT = "tenant"


@dataclass(frozen=True, kw_only=True)
class ChunkPlace:
    """Where a chunk lies. Positions are samples at 16 kHz from the start of the recording."""

    #: Place among the chunks, from 0.
    index: int
    start_sample: int
    #: One past the last sample.
    end_sample: int
    #: Whether it begins inside speech, with audio that the chunk before has too.
    hard_start: bool
    #: Whether it ends inside speech, with audio that the next chunk has too.
    hard_end: bool
    #: What of [start_sample, end_sample) its audio is made of, in order; the rest are pauses that were shortened.
    pieces: tuple[SampleSpan, ...]
    #: Audio channel, from 1; 0 where channels were mixed.
    channel: int = 0

    @property
    def samples(self) -> int:
        """Length of its audio."""
        return sum(end - start for start, end in self.pieces)

    @property
    def place(self) -> dict[str, Any]:
        """The place alone, by field."""
        return {one.name: getattr(self, one.name) for one in fields(ChunkPlace)}


@dataclass(frozen=True, kw_only=True)
class ReadyChunk(ChunkPlace):
    """One chunk, cut and ready to be transcribed."""

    #: Detected speech inside it, without padding.
    speech: tuple[SampleSpan, ...]
    #: Exactly the pieces' samples: mono 16 kHz s16le.
    pcm: bytes
    #: Whether it is the first one of its channel.
    first: bool


@dataclass(frozen=True, kw_only=True)
class StoredChunk(ChunkPlace):
    """A chunk whose audio is stored."""

    object_key: str
    #: Dispatched before bulk work: short files and first chunks.
    interactive: bool
    #: Audio, model and options, hashed; empty where its text is not to be kept for other jobs.
    cache_key: str = ""
    #: Why it is decoded again; empty for a chunk.
    redecode_kind: str = ""
    #: How it is decoded in place of how the job asks.
    overrides: ChunkOverrides = NO_OVERRIDES


@dataclass(frozen=True, kw_only=True)
class NewChunk(StoredChunk):
    """A chunk whose row is to be written."""

    #: Its text, where an earlier job has had the same chunk; then it is done at once.
    output: ChunkOutput | None = None
    #: What watchers are told of it, where that is not its text.
    told: tuple[Segment, ...] | None = None


class ChunkState(StrEnum):
    """Where a chunk is."""

    #: Waits for the text of the chunk before it.
    HELD = "held"
    #: To be transcribed; perhaps its message is already in the queue.
    DUE = "due"
    #: An attempt holds the lease.
    RUNNING = "running"
    #: Its text is stored.
    DONE = "done"
    #: Its job ended without it.
    DROPPED = "dropped"


@dataclass(frozen=True, kw_only=True)
class DueChunk:
    """A chunk that may be dispatched, with what fairness needs to know."""

    id: str
    job_id: str
    tenant: str
    model: str
    index: int
    #: The dispatch number it has now.
    dispatch: int
    interactive: bool
    due_s: float
    samples: int


#: A chunk's message for the queue, and the chunk.
Dispatch: TypeAlias = tuple[ChunkMessage, DueChunk]
#: A transaction that adds chunks and dispatches what there is room for: it takes how many may be in the queue or
#: running, and returns what it dispatched; None if nothing was to be added any more.
Adding: TypeAlias = Callable[[int], Coroutine[Any, Any, list[Dispatch] | None]]
#: Runs such a transaction for a model and so many chunks, and enqueues what it dispatched.
AddChunks: TypeAlias = Callable[[str, int, Adding], Awaitable[list[Dispatch] | None]]


@dataclass(frozen=True, kw_only=True)
class InFlight:
    """Chunks of one job and lane that are dispatched or running."""

    tenant: str
    job_id: str
    interactive: bool
    chunks: int
    samples: int


#: Chooses what is dispatched next, in order. It takes a model's chunks in flight, how many there may be, and a function
#: that reads due chunks, at most so many of each job.
ChooseChunks: TypeAlias = Callable[[Sequence[InFlight], int, Callable[[int], Sequence[DueChunk]]], Sequence[DueChunk]]


@dataclass(frozen=True, kw_only=True)
class Claim(StoredChunk):
    """A granted claim: what one attempt at one chunk needs."""

    chunk_id: str
    #: The fencing token.
    attempt: int
    job_id: str
    tenant: str
    options: Options
    #: Suspected of a crash: it must run alone.
    alone: bool
    traceparent: str
    #: Which transcriber holds it; empty where that is not needed.
    transcriber_id: str = ""


@dataclass(frozen=True, kw_only=True)
class CachedChunk:
    """What the cache knows of a chunk."""

    #: What its text is to be kept under; empty if it is not to be kept.
    key: str
    #: Its text, after the hallucination filter, with times of the recording; None if it is to be decoded.
    output: ChunkOutput | None


@dataclass(frozen=True, kw_only=True)
class NewCacheEntry:
    """A chunk's text for other jobs."""

    #: Chunk and revision of the transcriber, hashed.
    key: str
    #: With times from the chunk's start, before the hallucination filter.
    output: ChunkOutput
    expires_s: float


@dataclass(frozen=True, kw_only=True)
class ChunkOutput:
    """The text of one chunk; times are from the start of the recording."""

    segments: tuple[Segment, ...]
    language: str
    language_probability: float
    suppressed: tuple[Suppressed, ...]
    #: Seconds the engine was busy.
    compute_s: float
    #: The likeliest of all languages with its probability, where it is none of those allowed; it is not stored.
    unlisted: tuple[str, float] | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the job should be warned of: speech in a language that was not allowed."""
        if self.unlisted is None or self.unlisted[1] < _CLEAR:
            return ()
        return (f"{LANGUAGE_NOT_LISTED}:{self.unlisted[0]}:{self.unlisted[1]:.2f}",)


@dataclass(frozen=True, kw_only=True)
class DoneChunk(ChunkPlace):
    """A transcribed chunk, as merging needs it."""

    object_key: str
    output: ChunkOutput


class AttemptEnd(StrEnum):
    """How an attempt ended without a result."""

    #: Given back undone, or the call broke while the chunk waited: not the chunk's fault.
    INTERRUPTED = "interrupted"
    #: The call broke or fell silent while the chunk was on the engine: the chunk is suspect.
    CRASHED = "crashed"
    #: The engine reported an error.
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Ending:
    """What is to be done with an attempt that has no result: its chunk is due again, or its job fails."""

    how: AttemptEnd
    #: For the attempt's row and the log.
    detail: str = ""
    #: Until the chunk is due again.
    delay_s: float = 0.0
    #: Only if the claim's lease ran out before then: it may have been renewed since it was read.
    expired_s: float | None = None
    #: An error that any other attempt would end with as well: the job fails with it at once.
    refusal: SayItError | None = None
