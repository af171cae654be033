"""What the use cases ask of the database about vocabularies; `ports.database` says how its methods behave."""

from __future__ import annotations

from typing import Protocol

from sayit.speech.vocabularies import Vocabulary


class VocabularyStore(Protocol):
    """Vocabularies by tenant and name."""

    async def put_vocabulary(self, tenant: str, vocabulary: Vocabulary, *, most: int) -> Vocabulary:
        """Stores a vocabulary in place of the one of its name; TOO_MANY_VOCABULARIES if it would be one too many.

        However many requests arrive together: no tenant has more than `most`.
        """
        ...

    async def get_vocabulary(self, tenant: str, name: str) -> Vocabulary:
        """Returns a vocabulary; VOCABULARY_NOT_FOUND for another tenant's, too."""
        ...

    async def list_vocabularies(self, tenant: str) -> list[Vocabulary]:
        """A tenant's vocabularies by name."""
        ...

    async def delete_vocabulary(self, tenant: str, name: str) -> None:
        """Forgets a vocabulary; VOCABULARY_NOT_FOUND if there is none."""
        ...
