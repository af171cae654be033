"""Vocabularies: stored, shown, listed, deleted."""

from __future__ import annotations

from collections.abc import Iterable

from sayit.client.connection import Connection
from sayit.speech.errors import ErrorKind
from sayit.speech.vocabularies import Vocabulary
from sayit.speech.wire import vocabulary_from_proto
from sayit.v1 import vocabulary_service_pb2 as pb


async def put(connection: Connection, name: str, words: Iterable[str], prompt: str) -> Vocabulary:
    """Stores a vocabulary in place of the one of its name."""
    request = pb.PutVocabularyRequest(name=name, words=words, prompt=prompt)
    return vocabulary_from_proto(await connection.unary(connection.vocabularies.PutVocabulary, request))


async def get(connection: Connection, name: str) -> Vocabulary:
    """A vocabulary."""
    request = pb.GetVocabularyRequest(name=name)
    return vocabulary_from_proto(await connection.unary(connection.vocabularies.GetVocabulary, request))


async def every(connection: Connection) -> tuple[Vocabulary, ...]:
    """All of the caller's, by name."""
    found = await connection.unary(connection.vocabularies.ListVocabularies, pb.ListVocabulariesRequest())
    return tuple(map(vocabulary_from_proto, found.vocabularies))


async def delete(connection: Connection, name: str) -> None:
    """Deletes a vocabulary."""
    request = pb.DeleteVocabularyRequest(name=name)
    await connection.delete(connection.vocabularies.DeleteVocabulary, request, ErrorKind.VOCABULARY_NOT_FOUND)
