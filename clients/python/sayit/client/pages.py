"""Reads what may not fit into one answer: transcripts in parts, jobs in pages."""

from __future__ import annotations

from collections.abc import Iterable

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


async def newest_jobs(
    connection: GatewayConnection, states: Iterable[JobState], limit: int, created_after_s: float | None
) -> list[Job]:
    """At most `limit` jobs, newest first."""
    request = service_pb.ListJobsRequest(
        states=map(job_state_to_proto, states),
        created_after=None if created_after_s is None else timestamp_to_proto(created_after_s),
    )
    found: list[Job] = []
    while len(found) < limit:
        request.page_size = min(limit - len(found), _PAGE)
        page = await connection.unary(connection.jobs.ListJobs, request)
        found.extend(map(job_from_proto, page.jobs))
        request.page_token = page.next_page_token
        if not page.next_page_token:
            break
    return found[:limit]


def error_of_job(job_id: str, error: JobError) -> SayItError:
    """The error of a failed job, with the sentences that it was recorded with."""
    sentences = Sentence(en=error.message_en, ko=error.message_ko or error.message_en) if error.message_en else None
    return SayItError(ErrorKind.of_code(error.code), sentences=sentences, job_id=job_id)
