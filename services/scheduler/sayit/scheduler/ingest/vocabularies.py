"""Vocabularies of the callers, and what they mean for a request's options."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace

from sayit.chassis.principal import Principal
from sayit.scheduler.db.vocabularies import VocabularyStore
from sayit.scheduler.jobs.records import Hints
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.options import Options
from sayit.speech.vocabularies import MAX_VOCABULARIES, Vocabulary, checked_vocabulary


@dataclass(frozen=True)
class Vocabularies:
    """Keeps vocabularies by tenant."""

    store: VocabularyStore

    async def put(self, who: Principal, *, name: str, words: Iterable[str], prompt: str) -> Vocabulary:
        """Stores a vocabulary, in place of the one of its name.

        Raises:
            SayItError: INVALID_VOCABULARY, TOO_MANY_VOCABULARIES.
        """
        vocabulary = replace(checked_vocabulary(name, words, prompt), updated_at_s=time.time())
        return await self.store.put_vocabulary(who.tenant, vocabulary, most=MAX_VOCABULARIES)

    async def applied(self, who: Principal, options: Options) -> tuple[Options, Hints | None]:
        """Options with the words of the vocabulary they name, as it is now; and, if they name one, what was sent.

        Raises:
            SayItError: VOCABULARY_NOT_FOUND; INVALID_OPTION where both together are too long.
        """
        if not options.vocabulary:
            return options, None
        try:
            vocabulary = await self.store.get_vocabulary(who.tenant, options.vocabulary)
        except SayItError as error:
            if error.kind is not ErrorKind.VOCABULARY_NOT_FOUND:
                raise
            raise SayItError(error.kind, field="vocabulary", name=options.vocabulary[:64]) from None
        return vocabulary.applied(options), Hints(prompt=options.prompt, hotwords=options.hotwords)
