"""The OpenAPI texts that several routes of `/v1` share, and their shared parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import Field

from sayit.bridge.http.documents import ProblemDocument
from sayit.bridge.http.problems import KIND_TO_HTTP
from sayit.speech.errors import ErrorKind

#: Where the document has a schema.
REF = "#/components/schemas/{model}"
JobId = Annotated[
    str,
    Path(
        description="The job's id, opaque.",
        min_length=1,
        max_length=128,
        pattern=r"^[0-9A-Za-z_-]+$",
        examples=["3f0c9a0e5b7d4f4e8a1b2c3d4e5f6071"],
    ),
]
UploadId = Annotated[
    str,
    Path(description="The upload's id, opaque.", min_length=1, max_length=128, pattern=r"^[0-9A-Za-z_-]+$"),
]
Wait = Annotated[
    float,
    Query(
        ge=0,
        le=3600,
        allow_inf_nan=False,
        description="Seconds to wait for the job's end before answering; the installation has a limit of its own "
        "(60 s by default).",
    ),
]
#: Labels in a query or a form, where each is a value of its own.
Labels = list[Annotated[str, Field(pattern=r"^[a-z0-9._-]{1,64}=", max_length=193, examples=["team=red"])]]
#: What every route may answer.
_ALWAYS = (
    ErrorKind.INVALID_ARGUMENT,
    ErrorKind.UNAUTHENTICATED,
    ErrorKind.PERMISSION_DENIED,
    ErrorKind.OVERLOADED,
    ErrorKind.INTERNAL,
    ErrorKind.UNAVAILABLE,
    ErrorKind.DEADLINE_EXCEEDED,
)


def problems(*kinds: ErrorKind) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may fail so, besides what every route may."""
    by_status: dict[int, list[str]] = {}
    for kind in (*_ALWAYS, *kinds):
        by_status.setdefault(KIND_TO_HTTP[kind], []).append(kind.code)
    # The model in `content` instead of `model`: FastAPI would describe it as application/json.
    schema = {"$ref": REF.format(model=ProblemDocument.__name__)}
    return {
        status: {"description": ", ".join(codes), "content": {"application/problem+json": {"schema": schema}}}
        for status, codes in sorted(by_status.items())
    }


def labels_of(texts: Iterable[str]) -> dict[str, str]:
    """Labels that were given as NAME=VALUE."""
    return {name: value for name, _, value in (text.partition("=") for text in texts)}


def form_content(fields: Mapping[str, Any], file: str = "file") -> dict[str, Any]:
    """A form with a file and these fields, for OpenAPI; routes read it themselves, while it arrives.

    The fields have no defaults and are not null: generated clients would send both.
    """
    recording = {"type": "string", "format": "binary", "description": "The recording."}
    properties = {file: recording, **{name: form_field(field) for name, field in fields.items()}}
    return {"multipart/form-data": {"schema": {"type": "object", "required": [file], "properties": properties}}}


def form_field(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A field that is left out where it is not given."""
    field = {name: value for name, value in schema.items() if name not in {"default", "anyOf"}}
    for one in schema.get("anyOf", ()):
        field |= one if one.get("type") != "null" else {}
    return field
