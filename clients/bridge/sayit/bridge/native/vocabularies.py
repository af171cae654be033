"""`/v1/vocabularies`: words and a text under a name, which jobs can give as `vocabulary`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field

from sayit.bridge.deps import Deps
from sayit.bridge.documents import Document, time_of_day
from sayit.bridge.native.describing import problems
from sayit.bridge.native.reading import json_of
from sayit.speech.errors import ErrorKind
from sayit.speech.options import MAX_PROMPT_CHARS
from sayit.speech.vocabularies import MAX_WORD_CHARS, MAX_WORDS, NAME_PATTERN, Vocabulary

_Name = Annotated[str, Path(description="The vocabulary's name.", pattern=NAME_PATTERN, examples=["team"])]


class WordsDocument(Document):
    """What a vocabulary holds: words, a text, or both; together at most 2000 characters each."""

    words: list[Annotated[str, Field(max_length=MAX_WORD_CHARS)]] = Field(
        default_factory=list,
        max_length=MAX_WORDS,
        description="Words and short phrases without commas, the most important ones first; they come before a job's "
        "own `hotwords`.",
        examples=[["세이잇", "Whisper"]],
    )
    prompt: str = Field(
        default="", max_length=MAX_PROMPT_CHARS, description="Text that comes before a job's own `prompt`."
    )


class VocabularyDocument(WordsDocument):
    """A stored vocabulary."""

    name: str
    created_at: datetime
    updated_at: datetime


class VocabularyListDocument(Document):
    """Vocabularies by name."""

    vocabularies: list[VocabularyDocument]


def router(deps: Deps) -> APIRouter:
    """Its routes."""
    routes = APIRouter(prefix="/vocabularies", tags=["vocabularies"])

    @routes.get("", operation_id="listVocabularies", summary="List your vocabularies", responses={**problems()})
    async def list_vocabularies(request: Request) -> VocabularyListDocument:
        found = await deps.gateway_for(request).list_vocabularies()
        return VocabularyListDocument(vocabularies=list(map(_document, found)))

    @routes.get(
        "/{name}",
        operation_id="getVocabulary",
        summary="A vocabulary",
        responses={**problems(ErrorKind.VOCABULARY_NOT_FOUND)},
    )
    async def get_vocabulary(request: Request, name: _Name) -> VocabularyDocument:
        return _document(await deps.gateway_for(request).get_vocabulary(name))

    @routes.put(
        "/{name}",
        operation_id="putVocabulary",
        summary="Store a vocabulary, in place of the one of this name; jobs that were made with that keep its words",
        responses={
            **problems(
                ErrorKind.INVALID_VOCABULARY,
                ErrorKind.TOO_MANY_VOCABULARIES,
                ErrorKind.FILE_TOO_LARGE,
                ErrorKind.UPLOAD_TOO_SLOW,
            )
        },
        openapi_extra={"requestBody": _body()},
    )
    async def put_vocabulary(request: Request, name: _Name) -> VocabularyDocument:
        asked = await json_of(request, deps, WordsDocument)
        return _document(await deps.gateway_for(request).put_vocabulary(name, asked.words, asked.prompt))

    @routes.delete(
        "/{name}",
        operation_id="deleteVocabulary",
        summary="Delete a vocabulary; jobs that were made with it keep its words",
        status_code=204,
        responses={**problems(ErrorKind.VOCABULARY_NOT_FOUND)},
    )
    async def delete_vocabulary(request: Request, name: _Name) -> Response:
        await deps.gateway_for(request).delete_vocabulary(name)
        return Response(status_code=204)

    return routes


def _document(vocabulary: Vocabulary) -> VocabularyDocument:
    return VocabularyDocument(
        name=vocabulary.name,
        words=list(vocabulary.words),
        prompt=vocabulary.prompt,
        created_at=time_of_day(vocabulary.created_at_s),
        updated_at=time_of_day(vocabulary.updated_at_s),
    )


def _body() -> dict[str, Any]:
    """The body, for OpenAPI; the route reads it itself, while it arrives."""
    return {"required": True, "content": {"application/json": {"schema": WordsDocument.model_json_schema()}}}
