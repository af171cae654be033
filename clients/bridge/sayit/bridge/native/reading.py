"""JSON bodies of requests, counted and timed as they arrive."""

from __future__ import annotations

import json
from typing import TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from sayit.bridge.bodies import MAX_FIELDS_BYTES
from sayit.bridge.deps import Deps
from sayit.speech.errors import ErrorKind, SayItError

Model = TypeVar("Model", bound=BaseModel)


async def json_of(request: Request, deps: Deps, model: type[Model]) -> Model:
    """The request's body.

    Raises:
        SayItError: INVALID_ARGUMENT for what is no JSON, FILE_TOO_LARGE, UPLOAD_TOO_SLOW.
        RequestValidationError: it is no such document.
    """
    body = bytearray()
    async for piece in deps.bodies.pieces(request, limit=MAX_FIELDS_BYTES):
        body += piece
    try:
        return model.model_validate(json.loads(body))
    except ValidationError as error:
        raise invalid(error, "body") from None
    except (ValueError, RecursionError):
        raise SayItError(ErrorKind.INVALID_ARGUMENT, field="body", reason="this is not JSON") from None


def invalid(error: ValidationError, place: str) -> RequestValidationError:
    """A document's faults as those of the part of the request that it came in."""
    return RequestValidationError([{**one, "loc": (place, *one["loc"])} for one in error.errors()])
