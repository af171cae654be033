"""Vocabularies through a real gateway."""

from __future__ import annotations

from sayit.chassis.principal import LOCAL
from sayit.speech.errors import ErrorKind
from sayit.v1 import vocabulary_service_pb2 as pb

from .helper import failure, suite


async def test_every_method_passes_through_with_the_caller() -> None:
    """What the scheduler answers is answered, its errors too; it hears who asked."""
    async with suite() as s:
        stored = await s.vocabularies.PutVocabulary(pb.PutVocabularyRequest(name="v", words=["가", "b"], prompt="p"))
        assert (stored.name, list(stored.words), stored.prompt) == ("v", ["가", "b"], "p")
        error = await failure(s.vocabularies.GetVocabulary(pb.GetVocabularyRequest(name="none")))
        assert (error.kind, error.details["name"]) == (ErrorKind.VOCABULARY_NOT_FOUND, "none")
        listed = await s.vocabularies.ListVocabularies(pb.ListVocabulariesRequest())
        assert [each.name for each in listed.vocabularies] == ["v"]
        await s.vocabularies.DeleteVocabulary(pb.DeleteVocabularyRequest(name="v"))
        assert {s.fake.principals[name] for name in ("PutVocabulary", "ListVocabularies")} == {LOCAL}
