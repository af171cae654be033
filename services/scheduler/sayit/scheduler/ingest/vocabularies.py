"""Vocabularies of the callers, and what they mean for a request's options."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace

from sayit.chassis.principal import Principal
from sayit.scheduler.db.vocabularies import VocabularyStore
from sayit.scheduler.jobs.records import Hints
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.options import Options
from sayit.speech.vocabularies import MAX_VOCABULARIES, Vocabulary, checked_vocabulary


class Vocabularies:
    """Keeps vocabularies by tenant."""

    def __init__(self, store: VocabularyStore) -> None:
        self._store = store

    async def put(self, who: Principal, *, name: str, words: Iterable[str], prompt: str) -> Vocabulary:
        """Stores a vocabulary, in place of the one of its name.

        Raises:
            SayItError: INVALID_VOCABULARY, TOO_MANY_VOCABULARIES.
        """
        vocabulary = replace(checked_vocabulary(name, words, prompt), updated_at_s=time.time())
        return await self._store.put_vocabulary(who.tenant, vocabulary, most=MAX_VOCABULARIES)

    async def get(self, who: Principal, name: str) -> Vocabulary:
        """Returns a vocabulary, or raises VOCABULARY_NOT_FOUND."""
        return await self._store.get_vocabulary(who.tenant, name)

    async def list(self, who: Principal) -> list[Vocabulary]:
        """The caller's vocabularies by name."""
        return await self._store.list_vocabularies(who.tenant)

    async def delete(self, who: Principal, name: str) -> None:
        """Forgets a vocabulary, or raises VOCABULARY_NOT_FOUND."""
        await self._store.delete_vocabulary(who.tenant, name)

    async def applied(self, who: Principal, options: Options) -> tuple[Options, Hints | None]:
        """Options with the words of the vocabulary they name, as it is now; and, if they name one, what was sent.

        Raises:
            SayItError: VOCABULARY_NOT_FOUND; INVALID_OPTION where both together are too long.
        """
        if not options.vocabulary:
            return options, None
        try:
            vocabulary = await self._store.get_vocabulary(who.tenant, options.vocabulary)
        except SayItError as error:
            if error.kind is not ErrorKind.VOCABULARY_NOT_FOUND:
                raise
            raise SayItError(error.kind, field="vocabulary", name=options.vocabulary[:64]) from None
        return vocabulary.applied(options), Hints(prompt=options.prompt, hotwords=options.hotwords)
