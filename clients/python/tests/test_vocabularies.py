"""Vocabularies through the client."""

from __future__ import annotations

import pytest

from sayit.client import ErrorKind, SayItError

from .helper import BROKEN


async def test_calls_survive_a_broken_connection(gateway, client):
    """Storing twice is storing once, and what an attempt deleted whose answer was lost counts as deleted."""
    gateway.script["PutVocabulary"] = [BROKEN]
    stored = await client.put_vocabulary("v", (word for word in ("세이잇", "b")), prompt="p")
    assert (stored.name, stored.words, stored.prompt) == ("v", ("세이잇", "b"), "p")
    gateway.script["DeleteVocabulary"] = ["lose the answer"]
    await client.delete_vocabulary("v")
    assert await client.list_vocabularies() == ()


async def test_deleting_what_is_not_there(client):
    """The first attempt's answer counts."""
    with pytest.raises(SayItError) as caught:
        await client.delete_vocabulary("none")
    assert caught.value.kind is ErrorKind.VOCABULARY_NOT_FOUND
