"""The first backend's envelope: `{"success": true, "data": …}` or `{"success": false, "error": {code, message}}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field
from starlette.responses import Response

from sayit.bridge.http.documents import Document, error_document, poll_after_ms
from sayit.bridge.http.problems import Fault, response
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import Job, JobState
from sayit.speech.transcript import Transcript


class EnvelopeError(Document):
    """What went wrong."""

    code: str = Field(description="Stable.", examples=["FILE_REQUIRED"])
    message: str = Field(description="A sentence for people, in the language of Accept-Language (en, ko).")


class TranscribeData(Document):
    """A job as the app sees it. `transcription` is there exactly when it is completed."""

    jobId: str  # noqa: N815 - the app's spelling, here and below
    status: JobState
    progress: int | None = Field(default=None, description="Per cent; absent until the length is known.")
    pollAfterMs: int | None = Field(default=None, description="When to ask again; absent once it has ended.")  # noqa: N815
    etaMs: int | None = Field(default=None, description="Estimated time until it ends; absent while unknown.")  # noqa: N815
    transcription: str | None = Field(default=None, description="The text.")
    language: str | None = Field(default=None, description="Language of most speech.", examples=["ko"])
    durationMs: int | None = Field(default=None, description="Length of the audio.")  # noqa: N815


class TranscribeEnvelope(Document):
    """The answer of `/api/transcribe`; `error` is there exactly when `success` is false."""

    success: bool
    data: TranscribeData | None = None
    error: EnvelopeError | None = None


class ErrorEnvelope(Document):
    """A refusal."""

    success: Literal[False]
    error: EnvelopeError


def failure(code: str, message: str, **more: Any) -> dict[str, Any]:
    """The envelope of an error."""
    return {"success": False, "error": {"code": code, "message": message}, **more}


def refusal(fault: Fault) -> Response:
    """The answer that reports a fault."""
    return response(fault, failure(fault.code, fault.message))


def success(data: Mapping[str, Any]) -> dict[str, Any]:
    """The envelope of an answer."""
    return {"success": True, "data": data}


def finished(job_id: str, transcript: Transcript) -> dict[str, Any]:
    """The envelope of a text."""
    return success(
        {
            "transcription": transcript.text,
            "jobId": job_id,
            "status": JobState.COMPLETED.value,
            "progress": 100,
            "language": transcript.language,
            "durationMs": round(transcript.duration_s * 1000),
        }
    )


def unfinished(job: Job, language: str, *, now_s: float) -> dict[str, Any]:
    """The envelope of a job without a text: it runs, it failed, or it was cancelled."""
    progress = job.progress
    known = {
        "jobId": job.id,
        "status": job.state.value,
        "progress": None if progress.fraction is None else int(progress.fraction * 100),
        "pollAfterMs": poll_after_ms(job, now_s),
        "etaMs": None if progress.eta_s is None else round(progress.eta_s * 1000),
    }
    data = {name: value for name, value in known.items() if value is not None}
    if not job.state.terminal:
        return success(data)
    if job.error is not None:
        told = error_document(job.error, language)
        return failure(told.code, told.message, data=data)
    cancelled = SayItError(ErrorKind.JOB_CANCELLED, job_id=job.id)
    return failure(cancelled.code, cancelled.message(language), data=data)
