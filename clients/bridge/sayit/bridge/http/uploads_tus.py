"""Resumable uploads by the tus protocol 1.0.0 (https://tus.io/protocols/resumable-upload), on UploadService.

No state is kept here: the scheduler has offset, length and name, so that an upload goes on at any bridge. Extensions:
creation, creation-with-upload, expiration, termination. A finished upload becomes a job by
`POST /v1/uploads/{id}/jobs`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncGenerator, AsyncIterator
from email.utils import formatdate
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, HTTPException, Request, Response
from starlette.requests import ClientDisconnect

from sayit.bridge.gateway_client import Gateway, Upload
from sayit.bridge.http.dependencies import Caller, Deps, Parts
from sayit.bridge.http.media_types import media_type_of
from sayit.bridge.http.openapi import UploadId, problems
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.request_signatures import refused

_VERSION = "1.0.0"
_EXTENSIONS = "creation,creation-with-upload,expiration,termination"
#: The body's type: tus's, and one that generated clients know.
_CHUNK = "application/offset+octet-stream"
_CHUNKS = frozenset({_CHUNK, "application/octet-stream"})
#: The largest length that can be sent to the gateway.
_MAX_NUMBER = 2**63 - 1
#: Names of metadata by which clients give a file's name, and its media type.
_NAMES = ("filename", "name")

_Length = Annotated[
    int, Header(alias="Upload-Length", ge=0, le=_MAX_NUMBER, description="Bytes of the whole file.", examples=[132949])
]
_Offset = Annotated[
    int, Header(alias="Upload-Offset", ge=0, le=_MAX_NUMBER, description="Bytes that are there already.", examples=[0])
]
_Metadata = Annotated[
    str,
    Header(
        alias="Upload-Metadata",
        max_length=4096,
        description="`filename` and `filetype`, each with its value in base64.",
        examples=["filename bWVldGluZy5tNGE="],
    ),
]


def _same_version(
    tus_resumable: Annotated[str, Header(alias="Tus-Resumable", description="The protocol's version, 1.0.0.")] = "",
) -> None:
    """Refuses another version; a client that names none does not speak tus, and is served as if it had."""
    if tus_resumable not in {"", _VERSION}:
        raise HTTPException(412, headers={"Tus-Version": _VERSION})


routes = APIRouter(prefix="/v1/uploads", tags=["uploads"])
_VERSIONED = [Depends(_same_version)]
_OTHER_VERSION: dict[int | str, dict[str, Any]] = {412: {"description": "Another version of tus."}}
_BYTES: dict[str, Any] = {
    "requestBody": {
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        "required": True,
    }
}


@routes.options("", status_code=204)
async def describe_uploads(deps: Parts) -> Response:
    """What of tus is supported."""
    size = str(deps.settings.max_upload_bytes)
    return _answer(204, {"Tus-Version": _VERSION, "Tus-Extension": _EXTENSIONS, "Tus-Max-Size": size})


@routes.post(
    "",
    dependencies=_VERSIONED,
    status_code=201,
    response_class=Response,
    responses={
        201: {
            "description": "It is open.",
            "headers": {
                "Location": {"schema": {"type": "string"}, "description": "The upload."},
                "Upload-Offset": {"schema": {"type": "integer"}, "description": "Bytes that are there."},
                "Upload-Expires": {"schema": {"type": "string"}, "description": "When it is deleted."},
            },
        },
        **_OTHER_VERSION,
        **problems(ErrorKind.FILE_TOO_LARGE, ErrorKind.INVALID_FORMAT, ErrorKind.UPLOAD_TOO_SLOW),
    },
)
async def create_upload(
    request: Request, deps: Parts, gateway: Caller, upload_length: _Length, upload_metadata: _Metadata = ""
) -> Response:
    """Open a resumable upload; the body may be its beginning."""
    told = _metadata(upload_metadata)
    if upload_length > deps.settings.max_upload_bytes:
        raise deps.bodies.too_large()
    filename = next((told[name] for name in _NAMES if name in told), "")
    upload = await gateway.create_upload(filename=filename, size=upload_length)
    if media_type_of(request) == _CHUNK:
        upload = await _append(deps, request, gateway, upload.id, 0)
    return _answer(201, {"Location": f"/v1/uploads/{upload.id}", **_state(upload)})


@routes.head(
    "/{upload_id}",
    dependencies=_VERSIONED,
    response_class=Response,
    responses={
        200: {"description": "Upload-Offset, Upload-Length, Upload-Expires."},
        **_OTHER_VERSION,
        **problems(ErrorKind.UPLOAD_NOT_FOUND),
    },
)
async def get_upload(gateway: Caller, upload_id: UploadId) -> Response:
    """Where an upload goes on."""
    upload = await gateway.get_upload(upload_id)
    length = {"Upload-Length": str(upload.size_bytes)} if upload.HasField("size_bytes") else {}
    return _answer(200, {**_state(upload), **length})


@routes.patch(
    "/{upload_id}",
    dependencies=_VERSIONED,
    status_code=204,
    response_class=Response,
    openapi_extra=_BYTES,
    responses={
        204: {"description": "All of it is stored; Upload-Offset says how much that is."},
        **_OTHER_VERSION,
        **problems(
            ErrorKind.UPLOAD_NOT_FOUND,
            ErrorKind.UPLOAD_OFFSET_MISMATCH,
            ErrorKind.FILE_TOO_LARGE,
            ErrorKind.INVALID_FORMAT,
            ErrorKind.UPLOAD_TOO_SLOW,
        ),
    },
)
async def append_upload(
    request: Request, deps: Parts, gateway: Caller, upload_id: UploadId, upload_offset: _Offset
) -> Response:
    """Go on with an upload; what arrived before a break stays."""
    if media_type_of(request) not in _CHUNKS:
        raise SayItError(ErrorKind.INVALID_FORMAT, field="Content-Type", cause=f"not {_CHUNK}")
    return _answer(204, _state(await _append(deps, request, gateway, upload_id, upload_offset)))


@routes.delete(
    "/{upload_id}",
    dependencies=_VERSIONED,
    status_code=204,
    responses={**_OTHER_VERSION, **problems(ErrorKind.UPLOAD_NOT_FOUND)},
)
async def delete_upload(gateway: Caller, upload_id: UploadId) -> Response:
    """Delete an upload that no job uses."""
    await gateway.delete_upload(upload_id)
    return _answer(204, {})


async def _append(deps: Deps, request: Request, gateway: Gateway, upload_id: str, offset: int) -> Upload:
    """Appends the body. What arrived of a body that breaks off or is too slow is stored before the error is raised."""
    if gateway.signer:
        raise refused("pieces of an upload are not signed: send the file with POST /v1/jobs")
    broken: list[Exception] = []
    with deps.bodies.slot():
        upload = await gateway.append(upload_id, offset, _until_broken(deps.bodies.pieces(request), broken))
    if broken:
        raise broken[0]
    return upload


async def _until_broken(pieces: AsyncGenerator[bytes, None], broken: list[Exception]) -> AsyncIterator[bytes]:
    try:
        async for piece in pieces:
            yield piece
    except ClientDisconnect as error:
        broken.append(error)
    except SayItError as error:
        if error.kind is not ErrorKind.UPLOAD_TOO_SLOW:
            raise
        broken.append(error)
    finally:
        await pieces.aclose()


def _metadata(header: str) -> dict[str, str]:
    """Upload-Metadata's values by name.

    Raises:
        SayItError: INVALID_ARGUMENT for what is not "name base64,name base64,…".
    """
    found = {}
    for pair in filter(None, (each.strip() for each in header.split(","))):
        name, _, value = pair.partition(" ")
        try:
            found[name] = base64.b64decode(value.strip(), validate=True).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            reason = f"the value of {name[:32]!r} is not base64"
            raise SayItError(ErrorKind.INVALID_ARGUMENT, field="Upload-Metadata", reason=reason) from None
    return found


def _state(upload: Upload) -> dict[str, str]:
    return {
        "Upload-Offset": str(upload.received_bytes),
        "Upload-Expires": formatdate(upload.expire_time.ToSeconds(), usegmt=True),
    }


def _answer(status: int, headers: dict[str, str]) -> Response:
    return Response(status_code=status, headers={"Tus-Resumable": _VERSION, **headers})
