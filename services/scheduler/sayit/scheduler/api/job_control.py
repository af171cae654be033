"""Reading, changing, cancelling and deleting jobs."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import Counter

from sayit.chassis import telemetry
from sayit.chassis.principal import Principal
from sayit.scheduler.db.job_leases import JobStore
from sayit.scheduler.dispatch.worker_registry import WorkerRegistry
from sayit.scheduler.events.bus import RedisBus
from sayit.scheduler.events.subscription import WAKE
from sayit.scheduler.jobs.records import JobRecord
from sayit.speech.audio import seconds_of
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import Job, JobError, JobState, Progress, check_labels

_SAVED = Counter("sayit_cancelled_audio_seconds", "Audio of cancelled jobs that had no text yet, in seconds.")
_DEFAULT_PAGE = 50
_MAX_PAGE = 1000
#: Characters of a job's name, and of a text that jobs are searched for.
_MAX_NAME, _MAX_TEXT = 255, 200


@dataclass(kw_only=True, eq=False)
class Control:
    """What a caller may do with jobs that exist."""

    jobs: JobStore
    registry: WorkerRegistry
    #: Tells whatever works on a job that it has ended.
    stop: Callable[[str], None]
    bus: RedisBus

    async def get(self, who: Principal, job_id: str) -> Job:
        """Returns a job with its progress."""
        job = await self.jobs.get_job(who.tenant, job_id)
        return view(job, await self.registry.estimate(job))

    async def list(
        self,
        who: Principal,
        *,
        states: Sequence[JobState],
        labels: Mapping[str, str],
        created_after_s: float,
        page_size: int,
        page_token: str,
        text: str = "",
    ) -> tuple[list[Job], str]:
        """Returns a page of jobs, newest first, and the next page's token (empty on the last page)."""
        if page_size < 0:
            raise _invalid("page_size", "it is negative")
        if len(text) > _MAX_TEXT:
            raise _invalid("text", f"it has more than {_MAX_TEXT} characters")
        size = min(page_size or _DEFAULT_PAGE, _MAX_PAGE)
        before = page_position(page_token) if page_token else None
        found = await self.jobs.list_jobs(
            who.tenant,
            states=states,
            labels=labels,
            created_after_s=created_after_s,
            before=before,
            limit=size + 1,
            text=text,
        )
        page = found[:size]
        token = token_of(page[-1]) if len(found) > size else ""
        return [view(job, job.progress()) for job in page], token

    async def cancel(self, who: Principal, job_id: str) -> Job:
        """Cancels a job; an ended one stays as it is."""
        job = await self._cancel(who, job_id)
        return view(job, job.progress())

    async def update(
        self,
        who: Principal,
        job_id: str,
        *,
        kept: bool | None = None,
        filename: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Job:
        """Changes a job; what is None stays.

        Args:
            who: whose job it is.
            job_id: the job.
            kept: whether an ended one is kept until it is deleted, or expires as one that ends now.
            filename: its name.
            labels: all of its labels.

        Raises:
            SayItError: JOB_NOT_FOUND; JOB_NOT_FINISHED for `kept` before its end; INVALID_ARGUMENT, INVALID_OPTION.
        """
        if filename is not None:
            name = " ".join(filename.split())
            if len(name) > _MAX_NAME or not name.isprintable():
                raise _invalid("filename", f"it has more than {_MAX_NAME} characters, or some that are not printable")
            filename = name
        if labels is not None:
            check_labels(labels)
        job = await self.jobs.update_job(who.tenant, job_id, kept=kept, filename=filename, labels=labels)
        return view(job, await self.registry.estimate(job))

    async def delivered(self, who: Principal, job_id: str) -> None:
        """Notes that a caller was given the whole text of a job, which may have been kept for that only."""
        try:
            await self.jobs.delivered(who.tenant, job_id)
        except SayItError as error:  # on a full disk texts can still be read; the next reading is noted, or it expires
            telemetry.logger().error("reading_missed", job_id=job_id, cause=error.cause)

    async def delete(self, who: Principal, job_id: str) -> None:
        """Deletes a job and all its data; a running one is cancelled first, so that its watchers see an end.

        Raises:
            SayItError: JOB_NOT_FOUND; LEGAL_HOLD, and nothing has changed.
        """
        await self._cancel(who, job_id, to_delete=True)
        await self.jobs.delete_job(who.tenant, job_id)
        self.bus.publish(job_id, WAKE)

    async def _cancel(self, who: Principal, job_id: str, *, to_delete: bool = False) -> JobRecord:
        job, cancelled = await self.jobs.cancel_job(who.tenant, job_id, to_delete=to_delete)
        self.stop(job_id)
        if cancelled:
            # Of a recording that is still being decoded only what was seen of it is known.
            known = job.samples_chunked if job.samples_total is None else job.samples_total * job.channels
            saved_s = seconds_of(max(0, known - job.samples_done))
            _SAVED.inc(saved_s)
            telemetry.logger().info(
                "cancelled", job_id=job.id, tenant=job.tenant, audio_not_transcribed_s=round(saved_s, 1)
            )
        return job


def view(job: JobRecord, progress: Progress) -> Job:
    """A job as clients see it."""
    error = None
    if job.state is JobState.FAILED:
        known = SayItError(ErrorKind.of_code(job.error_code))
        known.details.update(job.error_details)
        error = JobError(code=job.error_code, message_en=known.message("en"), message_ko=known.message("ko"))
    return Job(
        id=job.id,
        state=job.state,
        options=job.requested,
        progress=progress,
        filename=job.filename,
        created_at_s=job.created_s,
        started_at_s=job.started_s,
        finished_at_s=job.finished_s,
        expires_at_s=job.expires_s,
        error=error,
        model=job.model,
        cached=job.cached,
        warnings=job.warnings,
        last_seq=job.last_seq,
        labels=job.labels,
        transcript_version=job.transcript_version,
    )


def token_of(job: JobRecord) -> str:
    """The token of the page behind a job."""
    return base64.urlsafe_b64encode(f"{job.created_s!r} {job.id}".encode()).decode()


def page_position(token: str) -> tuple[float, str]:
    """The time and id of the job that a page is behind; INVALID_ARGUMENT for a token that was not given out."""
    try:
        created, job_id = base64.urlsafe_b64decode(token.encode()).decode().split(" ")
        return float(created), job_id
    except (ValueError, binascii.Error):
        raise _invalid("page_token", "it was not given out by this service") from None


def _invalid(field: str, reason: str) -> SayItError:
    return SayItError(ErrorKind.INVALID_ARGUMENT, field=field, reason=reason)
