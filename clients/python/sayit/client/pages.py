"""Reads what may not fit into one answer: transcripts in parts, jobs in pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sayit.client.connection import GatewayConnection
from sayit.speech.errors import ErrorKind, SayItError, Sentence
from sayit.speech.jobs import Job, JobError, JobState
from sayit.speech.wire import job_from_proto, job_state_to_proto, timestamp_to_proto
from sayit.v1 import transcription_service_pb2 as service_pb

#: Most jobs of one page.
_PAGE = 1000


async def transcript_parts(
    connection: GatewayConnection, request: service_pb.GetTranscriptRequest
) -> list[service_pb.GetTranscriptResponse]:
    """All parts of a transcript; from the beginning again where the connection broke."""

    async def attempt() -> list[service_pb.GetTranscriptResponse]:
        return [part async for part in connection.stream(connection.jobs.GetTranscript, request)]

    return await connection.retry_budget(connection.settings.retry_s).call(attempt)


def wanted_jobs(
    states: Iterable[JobState], created_after_s: float | None, labels: Mapping[str, str], text: str
) -> service_pb.ListJobsRequest:
    """Which jobs to list: those in one of the states, not older, with all of the labels, and words of the text."""
    return service_pb.ListJobsRequest(
        states=map(job_state_to_proto, states),
        created_after=None if created_after_s is None else timestamp_to_proto(created_after_s),
        labels=labels,
        text=text,
    )


async def newest_jobs(connection: GatewayConnection, wanted: service_pb.ListJobsRequest, limit: int) -> list[Job]:
    """At most `limit` jobs, newest first."""
    found: list[Job] = []
    token = ""
    while len(found) < limit:
        page, token = await page_of_jobs(connection, wanted, min(limit - len(found), _PAGE), token)
        found.extend(page)
        if not token:
            break
    return found[:limit]


async def page_of_jobs(
    connection: GatewayConnection, wanted: service_pb.ListJobsRequest, size: int, token: str
) -> tuple[list[Job], str]:
    """A page of jobs, newest first, and the token of the next one ("" on the last page)."""
    request = service_pb.ListJobsRequest(page_size=size, page_token=token)
    request.MergeFrom(wanted)
    page = await connection.unary(connection.jobs.ListJobs, request)
    return list(map(job_from_proto, page.jobs)), page.next_page_token


def error_of_ended(job: Job) -> SayItError:
    """The error of a job that ended without a transcript."""
    if job.error is None:
        return SayItError(ErrorKind.JOB_CANCELLED, job_id=job.id)
    return error_of_job(job.id, job.error)


def error_of_job(job_id: str, error: JobError) -> SayItError:
    """The error of a failed job, with the sentences that it was recorded with."""
    sentences = Sentence(en=error.message_en, ko=error.message_ko or error.message_en) if error.message_en else None
    return SayItError(ErrorKind.of_code(error.code), sentences=sentences, job_id=job_id)
