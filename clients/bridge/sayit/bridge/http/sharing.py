"""Share links: made and revoked at a job, and `/v1/shared`, which those who hold one read."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response, status
from fastapi.responses import RedirectResponse
from pydantic import ConfigDict, Field

from sayit.bridge.http.audio_file import FILE, audio_file
from sayit.bridge.http.dependencies import Caller, Parts
from sayit.bridge.http.documents import Document
from sayit.bridge.http.jobs import TRANSCRIPTS, AskedFormat, as_file
from sayit.bridge.http.openapi import JobId, problems
from sayit.bridge.http.options import SubtitlesDocument
from sayit.speech.errors import ErrorKind
from sayit.speech.rendering import Format
from sayit.speech.share_links import MAX_VALID_S, MIN_VALID_S, VALID_S

_LinkId = Annotated[str, Path(description="The link's id.", pattern="^[A-Za-z0-9]{1,64}$")]


class NewLinkDocument(Document):
    """What a link shall be."""

    valid_for_s: float = Field(default=VALID_S, ge=MIN_VALID_S, le=MAX_VALID_S, description="Seconds that it is valid.")


class LinkDocument(Document):
    """A link, without its token."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    job_id: str
    created_at: datetime = Field(validation_alias="created_at_s")
    expires_at: datetime = Field(validation_alias="expires_at_s")
    last_used_at: datetime | None = Field(
        validation_alias="last_used_at_s", description="To about a minute; null: it was never used."
    )


class MadeLinkDocument(Document):
    """A new link."""

    link: LinkDocument
    token: str = Field(description="What its holder sends in place of an API key. It cannot be asked for again.")
    path: str = Field(description="Where this bridge shows it, with the token in its fragment, which no server sees.")


class LinkListDocument(Document):
    """Links, the oldest first."""

    links: list[LinkDocument]


class SharedDocument(Document):
    """What a link shows, besides the transcript."""

    model_config = ConfigDict(from_attributes=True)

    filename: str
    created_at: datetime = Field(validation_alias="created_at_s")


class SharedTranscriptQuery(SubtitlesDocument):
    """Which form of a shared transcript."""

    format: AskedFormat = Field(default=Format.JSON, description="`text` is another name of `txt`.")


routes = APIRouter(prefix="/v1", tags=["sharing"])


@routes.post(
    "/jobs/{job_id}/links",
    status_code=201,
    responses=problems(
        *(ErrorKind.JOB_NOT_FOUND, ErrorKind.JOB_NOT_FINISHED, ErrorKind.TOO_MANY_LINKS),
        *(ErrorKind.FILE_TOO_LARGE, ErrorKind.UPLOAD_TOO_SLOW),
    ),
    # The body, for OpenAPI; the route reads it itself, while it arrives.
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": NewLinkDocument.model_json_schema()}},
        }
    },
)
async def create_link(request: Request, deps: Parts, gateway: Caller, job_id: JobId) -> MadeLinkDocument:
    """Make a link that shows a finished job to people without a key; it is kept at least until the link ends."""
    asked = await deps.bodies.document(request, NewLinkDocument)
    made = await gateway.share(job_id, valid_for_s=asked.valid_for_s)
    link = LinkDocument.model_validate(made.link)
    return MadeLinkDocument(link=link, token=made.token, path=f"/shared#{made.token}")


@routes.get("/jobs/{job_id}/links", responses=problems(ErrorKind.JOB_NOT_FOUND))
async def list_links(gateway: Caller, job_id: JobId) -> LinkListDocument:
    """List a job's links that have not ended."""
    return LinkListDocument(links=list(map(LinkDocument.model_validate, await gateway.share_links(job_id))))


@routes.delete(
    "/jobs/{job_id}/links/{link_id}",
    status_code=204,
    responses=problems(ErrorKind.JOB_NOT_FOUND, ErrorKind.LINK_NOT_FOUND),
)
async def revoke_link(gateway: Caller, job_id: JobId, link_id: _LinkId) -> None:
    """Revoke a link; it shows nothing from then on."""
    await gateway.revoke_share_link(job_id, link_id)


@routes.get("/shared", responses=problems(ErrorKind.LINK_NOT_FOUND))
async def get_shared(gateway: Caller) -> SharedDocument:
    """What the link whose token is sent as the API key shows."""
    return SharedDocument.model_validate(await gateway.shared_recording())


@routes.get(
    "/shared/transcript",
    response_class=Response,
    responses={200: {"description": "The transcript.", "content": TRANSCRIPTS}, **problems(ErrorKind.LINK_NOT_FOUND)},
)
async def get_shared_transcript(
    request: Request, gateway: Caller, query: Annotated[SharedTranscriptQuery, Query()]
) -> Response:
    """The newest transcript that the link shows, without what was removed from it."""
    content = await gateway.shared_transcript(query.format, query.style())
    named = (await gateway.shared_recording()).filename if query.format.is_document else ""
    return as_file(request, content, query.format, named)


@routes.head("/shared/audio", include_in_schema=False)
@routes.get("/shared/audio", response_class=Response, responses={**FILE, **problems(ErrorKind.LINK_NOT_FOUND)})
async def get_shared_audio(request: Request, gateway: Caller) -> Response:
    """The recording that the link shows, or a range of its bytes."""
    return await audio_file(request, gateway, None)


@routes.head("/jobs/{job_id}/audio", include_in_schema=False)
@routes.get(
    "/jobs/{job_id}/audio",
    response_class=Response,
    responses={
        **FILE,
        303: {"description": "With `presigned`: where it is."},
        **problems(ErrorKind.JOB_NOT_FOUND, ErrorKind.JOB_NOT_FINISHED, ErrorKind.INVALID_ARGUMENT),
    },
)
async def get_audio(
    request: Request,
    gateway: Caller,
    job_id: JobId,
    *,
    presigned: Annotated[
        bool, Query(description="Answer with a time-limited address of the bucket, where an operator allows that.")
    ] = False,
) -> Response:
    """The recording as it was sent, or a range of its bytes; what was dictated is WAV."""
    if presigned:
        address = await gateway.audio_address(job_id)
        return RedirectResponse(address, status.HTTP_303_SEE_OTHER, headers={"Cache-Control": "no-store"})
    return await audio_file(request, gateway, job_id)
