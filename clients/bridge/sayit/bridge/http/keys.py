"""`/v1/keys`: the API keys of the caller's tenant, for keys with the scope `admin`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import ConfigDict, Field

from sayit.bridge.http.dependencies import Caller, Parts
from sayit.bridge.http.documents import Document
from sayit.bridge.http.openapi import problems
from sayit.speech.api_keys import MAX_ADDRESSES, MAX_NAME_CHARS, MAX_VALID_S, OVERLAP_S, SCOPES, NewApiKey
from sayit.speech.errors import ErrorKind

_KeyId = Annotated[str, Path(description="The key's id.", pattern="^[A-Za-z0-9]{1,64}$")]


class NewKeyDocument(Document):
    """What a key shall be."""

    name: str = Field(default="", max_length=MAX_NAME_CHARS, description="A name for people.")
    scopes: list[str] = Field(
        default_factory=list,
        max_length=len(SCOPES),
        description="Some of `transcribe`, `read`, `admin`; none: the first two.",
        examples=[["read"]],
    )
    valid_for_s: float | None = Field(
        default=None, ge=0, le=MAX_VALID_S, description="Seconds that it is valid; null: until it is revoked."
    )
    requests: str = Field(
        default="",
        max_length=MAX_NAME_CHARS,
        description="How many requests it may send, such as `600/minute`; empty: as the installation's keys do.",
    )
    addresses: list[str] = Field(
        default_factory=list,
        max_length=MAX_ADDRESSES,
        description="Networks from which it may be used, such as `203.0.113.0/24`; none: from anywhere.",
    )
    signed: bool = Field(default=False, description="Whether requests are signed with it, and it is never sent itself.")


class KeyDocument(Document):
    """An API key, without what it reads."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    tenant: str
    name: str
    scopes: list[str]
    created_at: datetime = Field(validation_alias="created_at_s")
    expires_at: datetime | None = Field(validation_alias="expires_at_s", description="null: it has no end.")
    revoked_at: datetime | None = Field(validation_alias="revoked_at_s", description="null: it is not revoked.")
    last_used_at: datetime | None = Field(
        validation_alias="last_used_at_s", description="To about a minute; null: it was never used."
    )
    requests: str
    addresses: list[str]
    signed: bool


class MadeKeyDocument(Document):
    """A new key."""

    key: KeyDocument
    secret: str = Field(description="What it reads. It cannot be asked for again.")


class KeyListDocument(Document):
    """Keys, the oldest first."""

    keys: list[KeyDocument]


routes = APIRouter(prefix="/v1/keys", tags=["keys"])


@routes.get("", responses=problems(ErrorKind.PERMISSION_DENIED))
async def list_keys(gateway: Caller) -> KeyListDocument:
    """List your tenant's API keys, also those that ended in the last 30 days."""
    return KeyListDocument(keys=list(map(KeyDocument.model_validate, await gateway.list_keys())))


@routes.post(
    "",
    status_code=201,
    responses=problems(
        ErrorKind.PERMISSION_DENIED, ErrorKind.TOO_MANY_KEYS, ErrorKind.FILE_TOO_LARGE, ErrorKind.UPLOAD_TOO_SLOW
    ),
    # The body, for OpenAPI; the route reads it itself, while it arrives.
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": NewKeyDocument.model_json_schema()}},
        }
    },
)
async def create_key(request: Request, deps: Parts, gateway: Caller) -> MadeKeyDocument:
    """Make an API key of your tenant. What it reads is in this answer only."""
    asked = await deps.bodies.document(request, NewKeyDocument)
    return _made(await gateway.create_key(**asked.model_dump()))


@routes.delete("/{key_id}", responses=problems(ErrorKind.PERMISSION_DENIED, ErrorKind.KEY_NOT_FOUND))
async def revoke_key(gateway: Caller, key_id: _KeyId) -> KeyDocument:
    """Revoke an API key: within seconds it is refused, and its open calls end. It stays in the list for 30 days."""
    return KeyDocument.model_validate(await gateway.revoke_key(key_id))


@routes.post(
    "/{key_id}/rotate",
    status_code=201,
    responses=problems(ErrorKind.PERMISSION_DENIED, ErrorKind.KEY_NOT_FOUND, ErrorKind.TOO_MANY_KEYS),
)
async def rotate_key(
    gateway: Caller,
    key_id: _KeyId,
    overlap_s: Annotated[
        float, Query(ge=0, le=MAX_VALID_S, description="Seconds after which the old key ends, at most.")
    ] = OVERLAP_S,
) -> MadeKeyDocument:
    """Make an API key that may do what an old one may; that one ends after a time."""
    return _made(await gateway.rotate_key(key_id, overlap_s=overlap_s))


def _made(made: NewApiKey) -> MadeKeyDocument:
    return MadeKeyDocument(key=KeyDocument.model_validate(made.key), secret=made.secret)
