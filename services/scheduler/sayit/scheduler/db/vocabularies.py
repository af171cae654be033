"""Vocabularies in the database."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, delete, func, select

from sayit.scheduler.db.audit import record
from sayit.scheduler.db.engine import deleted
from sayit.scheduler.db.locks import lock_name, put
from sayit.scheduler.db.schema import vocabularies
from sayit.scheduler.db.transactions import Store, reads, writes
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.vocabularies import Vocabulary

Row = Any


class VocabularyStore(Store):
    """Vocabularies by tenant and name."""

    @writes
    def put_vocabulary(self, connection: Connection, tenant: str, vocabulary: Vocabulary, *, most: int) -> Vocabulary:
        """Stores a vocabulary in place of the one of its name; TOO_MANY_VOCABULARIES if it would be one too many.

        However many requests arrive together: no tenant has more than `most`.
        """
        # From counting to committing no other transaction may store one of this tenant's.
        lock_name(connection, f"vocabularies {tenant}")
        deleted(connection)  # the words before
        before = _find(connection, tenant, vocabulary.name)
        if before is None and _count(connection, tenant) >= most:
            raise SayItError(ErrorKind.TOO_MANY_VOCABULARIES, limit=most)
        stored = replace(vocabulary, created_at_s=vocabulary.updated_at_s if before is None else before.created_at_s)
        values = {
            "prompt": stored.prompt,
            "words": json.dumps(stored.words, ensure_ascii=False),
            "created_s": stored.created_at_s,
            "updated_s": stored.updated_at_s,
        }
        put(connection, vocabularies, {"tenant": tenant, "name": stored.name}, values)
        record(connection, self._rules, "vocabulary.put", tenant=tenant, subject=stored.name)
        return stored

    @reads
    def get_vocabulary(self, connection: Connection, tenant: str, name: str) -> Vocabulary:
        """Returns a vocabulary; VOCABULARY_NOT_FOUND for another tenant's, too."""
        found = _find(connection, tenant, name)
        if found is None:
            raise _not_found(name)
        return found

    @reads
    def list_vocabularies(self, connection: Connection, tenant: str) -> list[Vocabulary]:
        """A tenant's vocabularies by name."""
        rows = connection.execute(select(vocabularies).where(vocabularies.c.tenant == tenant))
        # Sorted here: databases order letters differently.
        return sorted(map(_vocabulary_of, rows), key=lambda each: each.name)

    @writes
    def delete_vocabulary(self, connection: Connection, tenant: str, name: str) -> None:
        """Forgets a vocabulary; VOCABULARY_NOT_FOUND if there is none."""
        deleted(connection)
        statement = delete(vocabularies).where(vocabularies.c.tenant == tenant, vocabularies.c.name == name)
        if connection.execute(statement).rowcount != 1:
            raise _not_found(name)
        record(connection, self._rules, "vocabulary.delete", tenant=tenant, subject=name)


def _find(connection: Connection, tenant: str, name: str) -> Vocabulary | None:
    statement = select(vocabularies).where(vocabularies.c.tenant == tenant, vocabularies.c.name == name)
    row = connection.execute(statement).one_or_none()
    return None if row is None else _vocabulary_of(row)


def _count(connection: Connection, tenant: str) -> int:
    statement = select(func.count()).select_from(vocabularies).where(vocabularies.c.tenant == tenant)
    return int(connection.execute(statement).scalar_one())


def _vocabulary_of(row: Row) -> Vocabulary:
    return Vocabulary(
        name=row.name,
        words=tuple(json.loads(row.words)),
        prompt=row.prompt,
        created_at_s=row.created_s,
        updated_at_s=row.updated_s,
    )


def _not_found(name: str) -> SayItError:
    return SayItError(ErrorKind.VOCABULARY_NOT_FOUND, name=name[:64])
