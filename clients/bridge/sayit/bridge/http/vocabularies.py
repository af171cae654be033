"""`/v1/vocabularies`: words and a text under a name, which jobs can give as `vocabulary`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import Field

from sayit.bridge.http.dependencies import Caller, Parts
from sayit.bridge.http.documents import Document
from sayit.bridge.http.openapi import problems
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


routes = APIRouter(prefix="/v1/vocabularies", tags=["vocabularies"])


@routes.get("", responses=problems())
async def list_vocabularies(gateway: Caller) -> VocabularyListDocument:
    """List your vocabularies."""
    return VocabularyListDocument(vocabularies=list(map(_document, await gateway.list_vocabularies())))


@routes.get("/{name}", responses=problems(ErrorKind.VOCABULARY_NOT_FOUND))
async def get_vocabulary(gateway: Caller, name: _Name) -> VocabularyDocument:
    """A vocabulary."""
    return _document(await gateway.get_vocabulary(name))


@routes.put(
    "/{name}",
    responses=problems(
        ErrorKind.INVALID_VOCABULARY,
        ErrorKind.TOO_MANY_VOCABULARIES,
        ErrorKind.FILE_TOO_LARGE,
        ErrorKind.UPLOAD_TOO_SLOW,
    ),
    # The body, for OpenAPI; the route reads it itself, while it arrives.
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": WordsDocument.model_json_schema()}},
        }
    },
)
async def put_vocabulary(request: Request, deps: Parts, gateway: Caller, name: _Name) -> VocabularyDocument:
    """Store a vocabulary, in place of the one of this name; jobs that were made with that keep its words."""
    asked = await deps.bodies.document(request, WordsDocument)
    return _document(await gateway.put_vocabulary(name, asked.words, asked.prompt))


@routes.delete("/{name}", status_code=204, responses=problems(ErrorKind.VOCABULARY_NOT_FOUND))
async def delete_vocabulary(gateway: Caller, name: _Name) -> None:
    """Delete a vocabulary; jobs that were made with it keep its words."""
    await gateway.delete_vocabulary(name)


def _document(vocabulary: Vocabulary) -> VocabularyDocument:
    return VocabularyDocument(
        name=vocabulary.name,
        words=list(vocabulary.words),
        prompt=vocabulary.prompt,
        created_at=vocabulary.created_at_s,
        updated_at=vocabulary.updated_at_s,
    )
