"""What the use cases ask of the database.

Every method is one transaction: when it returns, its effect is durable; when it raises, nothing happened. A database
that does not answer raises SayItError UNAVAILABLE.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sayit.scheduler.job.backlog import Backlog
from sayit.scheduler.job.channels import ChannelSpeech
from sayit.scheduler.job.fleet import DayStatistics, TranscriberRecord
from sayit.scheduler.job.records import (
    AttemptEnd,
    Bounds,
    ChunkOutput,
    Claim,
    Dispatch,
    DoneChunk,
    Full,
    JobRecord,
    NewChunk,
    PartRecord,
    ToRemember,
    UploadRecord,
)
from sayit.speech.dispatch import ChunkMessage
from sayit.speech.errors import SayItError
from sayit.speech.jobs import EventBody, JobEvent, JobState


class UploadStore(Protocol):
    """Uploads and their parts."""

    async def create_upload(self, upload: UploadRecord) -> None:
        """Opens an upload."""
        ...

    async def get_upload(self, tenant: str, upload_id: str) -> UploadRecord:
        """Returns an upload; UPLOAD_NOT_FOUND for another tenant's, too."""
        ...

    async def add_part(self, upload_id: str, part: PartRecord) -> None:
        """Appends a stored part; UPLOAD_OFFSET_MISMATCH unless it begins where the upload ends."""
        ...

    async def parts(self, upload_id: str) -> list[PartRecord]:
        """The parts in order."""
        ...

    async def delete_upload(self, tenant: str, upload_id: str) -> None:
        """Forgets an upload that no job uses and puts its objects into the bin; else UPLOAD_NOT_FOUND."""
        ...


class JobStore(Protocol):
    """Jobs and their durable events. Whatever changes a job's state appends the event in the same transaction."""

    async def create_job(self, job: JobRecord, bounds: Bounds) -> tuple[JobRecord, bool] | Full:
        """Accepts a job, or returns the one that its idempotency key already made (and False).

        However many requests arrive together, at whichever scheduler: no job is accepted beyond the bounds.
        """
        ...

    async def get_job(self, tenant: str, job_id: str) -> JobRecord:
        """Returns a job; JOB_NOT_FOUND for another tenant's, too."""
        ...

    async def find_by_idempotency_key(self, tenant: str, key: str) -> JobRecord | None:
        """The job that this key made."""
        ...

    async def list_jobs(
        self,
        tenant: str,
        *,
        states: Sequence[JobState],
        created_after_s: float,
        before: tuple[float, str] | None,
        limit: int,
    ) -> list[JobRecord]:
        """Jobs, newest first, below the key (created, id) of the page before."""
        ...

    async def active_jobs(self, tenant: str) -> tuple[int, int]:
        """Jobs that have not ended: (of all tenants, of this one)."""
        ...

    async def cancel_job(self, tenant: str, job_id: str) -> tuple[JobRecord, bool]:
        """Cancels a job unless it ended; returns it and whether this call did it."""
        ...

    async def delete_job(self, tenant: str, job_id: str) -> None:
        """Forgets a job and puts its objects, and an upload nobody else uses, into the bin."""
        ...

    async def events_after(self, job_id: str, seq: int, limit: int) -> list[JobEvent]:
        """Durable events after `seq`, in order."""
        ...

    async def lease_preparing(self, owner: str, *, until_s: float, max_bytes: int | None = None) -> JobRecord | None:
        """Takes an accepted job that nobody prepares, small files first; only files of at most `max_bytes` if given."""
        ...

    async def lease_merging(self, owner: str, *, until_s: float) -> JobRecord | None:
        """Takes a job whose chunks are all done, whose looks all have an end, and that nobody merges."""
        ...

    async def renew_lease(self, job_id: str, owner: str, *, until_s: float) -> bool:
        """Prolongs a lease; False when it is lost or the job has ended."""
        ...

    async def return_lease(self, job_id: str, owner: str, *, not_before_s: float) -> None:
        """Gives a lease back: nothing was wrong with the job, so it does not count as an attempt at preparing it."""
        ...

    async def drop_leases(self) -> None:
        """Frees every job that somebody prepares or merges; only for the one scheduler of a database, at its start."""
        ...

    async def set_cache_key(self, job_id: str, owner: str, cache_key: str) -> None:
        """Notes what the job's content and options hash to."""
        ...

    async def add_chunks(
        self,
        job_id: str,
        owner: str,
        chunks: Sequence[NewChunk],
        *,
        scanned: int,
        declared: int | None = None,
        channels: int = 1,
        limit: int = 0,
    ) -> list[Dispatch] | None:
        """Appends chunks (those there stay) and notes how far the file was read; None when the lease is lost.

        Chunks that have a text are done, and their events are written. Chunks that have none may be lost together with
        the power of the caller's machine, until something durable is written after them: the file is cut again.

        `declared` are the samples that the file says it has, `channels` are those that are transcribed side by side.

        With a limit, dispatches at once what there is room for, as `ChunkStore.dispatch` does, unless another scheduler
        does so just now.
        """
        ...

    async def finish_preparing(
        self,
        job_id: str,
        owner: str,
        *,
        samples: int,
        chunks: int,
        speech: Sequence[ChannelSpeech],
        warnings: Sequence[str],
    ) -> bool:
        """All chunks were added: RUNNING, or MERGING when they are done already; False when the lease is lost."""
        ...

    async def complete_job(
        self,
        job_id: str,
        owner: str,
        *,
        events: Sequence[EventBody],
        cached: bool,
        samples: int,
        warnings: Sequence[str] = (),
    ) -> bool:
        """COMPLETED, with its last events; False when the lease is lost or the job has ended. Warnings are added."""
        ...

    async def fail_job(self, job_id: str, error: SayItError) -> bool:
        """FAILED, unless the job has ended."""
        ...

    async def speech(self, job_id: str) -> tuple[ChannelSpeech, ...]:
        """Detected speech by channel, once all chunks are known."""
        ...

    async def cache_put(self, tenant: str, cache_key: str, job_id: str, *, expires_s: float) -> None:
        """Remembers that this job's transcript answers this key."""
        ...

    async def cache_get(self, tenant: str, cache_key: str) -> JobRecord | None:
        """The completed job whose transcript answers this key."""
        ...


class ChunkStore(Protocol):
    """Chunks, their attempts and leases."""

    async def dispatch(self, model: str, *, limit: int) -> list[Dispatch]:
        """Numbers the chunks that go into the queue next, so that at most about `limit` are there or running.

        Several schedulers take turns, or they would queue twice as much as fits, and in no fair order.
        """
        ...

    async def unclaimed(self, *, before_s: float) -> list[tuple[ChunkMessage, str]]:
        """Dispatches (and their models) that nobody has claimed since `before_s`."""
        ...

    async def take_back(self, messages: Sequence[ChunkMessage]) -> int:
        """Takes back dispatches that are still unclaimed, so that their chunks go again; returns how many."""
        ...

    async def claim(self, chunk_id: str, dispatch: int, transcriber_id: str, *, lease_until_s: float) -> Claim | None:
        """Due → running, attempt + 1; None when the dispatch is stale or the chunk is not due."""
        ...

    async def renew_claim(self, chunk_id: str, attempt: int, *, on_engine: bool, lease_until_s: float) -> bool:
        """Prolongs a claim; False when the attempt is no longer the current one."""
        ...

    async def commit(
        self, claim: Claim, output: ChunkOutput, remember: ToRemember | None = None
    ) -> tuple[JobRecord, tuple[JobEvent, ...]] | None:
        """Stores the chunk's text and its event, and what other jobs may have of it.

        None when the attempt is fenced (the late write is counted). A look's text has no event, and nobody counts it.
        """
        ...

    async def give_up(
        self, claim: Claim, end: AttemptEnd, detail: str, *, delay_s: float = 0.0, expired_s: float | None = None
    ) -> JobRecord | None:
        """Ends an attempt without a result; None when it was fenced.

        The chunk is due again after `delay_s`, or its job has FAILED; a look is given up. With `expired_s`, only
        if its lease ran out before that time: it may have been renewed since it was looked at.
        """
        ...

    async def expired_claims(self, *, now_s: float) -> list[Claim]:
        """Claims whose lease ran out: their scheduler died, for a living one ends its calls itself."""
        ...

    async def done_chunks(self, job_id: str) -> list[DoneChunk]:
        """All chunks with their text, in order; looks are not among them."""
        ...


class ChunkCacheStore(Protocol):
    """Texts of chunks for other jobs. Each goes with the job it came from, and when it is too old (`expire`)."""

    async def recall(self, tenant: str, keys: Sequence[str]) -> dict[str, ChunkOutput]:
        """The tenant's texts under these keys, with times from the chunk's start; without those that there are not."""
        ...

    async def shrink(self, *, max_bytes: int) -> int:
        """Forgets the oldest texts of every tenant whose texts take more; returns how many."""
        ...


class FleetStore(Protocol):
    """Transcribers, statistics, and what is to be thrown away."""

    async def report(self, transcriber: TranscriberRecord) -> None:
        """Notes what a transcriber said of itself."""
        ...

    async def transcribers(self, *, seen_after_s: float) -> list[TranscriberRecord]:
        """Transcribers that reported lately."""
        ...

    async def chunks_waiting(self) -> int:
        """Due chunks."""
        ...

    async def backlog(self, model: str) -> Backlog:
        """Chunks without a text, by job and lane, those that transcribers hold, and what is not cut yet."""
        ...

    async def statistics(self, *, since_s: float) -> DayStatistics:
        """What happened since then."""
        ...

    async def expire(self, *, now_s: float) -> int:
        """Forgets expired jobs, uploads, cache entries and transcribers; returns how many jobs and uploads went."""
        ...

    async def overdue(self, *, accepted_before_s: float) -> list[str]:
        """Jobs accepted before then that have not ended."""
        ...

    async def bin(self) -> list[str]:
        """Prefixes of objects to delete."""
        ...

    async def emptied(self, prefix: str) -> None:
        """The objects under a prefix are gone. The bin names it for a while longer: somebody may just be writing."""
        ...

    async def check(self) -> None:
        """Raises UNAVAILABLE unless the database answers."""
        ...
