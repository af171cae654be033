"""The audit log is written where things are done, in the same transaction."""

from __future__ import annotations

import time

import pytest

from sayit.chassis import principal
from sayit.chassis.principal import Principal
from sayit.speech.errors import SayItError
from sayit.speech.vocabularies import Vocabulary

from .helper import accepted, stores

EVE = Principal(key_id="eve", tenant="t")


async def test_what_is_done_is_noted_with_who_did_it(database_url: str) -> None:
    """In order; what the scheduler does by itself is its own; what fails leaves no note."""
    async with stores(database_url) as s:
        s.rules.audit_s = 1e12
        await accepted(s, "deleted")
        await accepted(s, "expired")
        with principal.use(EVE):
            await s.vocabularies.put_vocabulary("t", Vocabulary(name="v", words=("quince",), prompt=""), most=9)
            await s.vocabularies.delete_vocabulary("t", "v")
            for _ in range(2):  # the second time it has ended
                await s.jobs.cancel_job("t", "deleted")
            await s.jobs.delete_job("t", "deleted")
            with pytest.raises(SayItError):
                await s.jobs.delete_job("t", "deleted")
            await s.jobs.cancel_job("t", "expired")
        await s.transcribers.expire(now_s=4e9)
        rows = await s.audit.rows(since_s=0.0)
        assert [(row["key_id"], row["action"], row["subject"]) for row in rows] == [
            ("k", "job.create", "deleted"),
            ("k", "job.create", "expired"),
            ("eve", "vocabulary.put", "v"),
            ("eve", "vocabulary.delete", "v"),
            ("eve", "job.cancel", "deleted"),
            ("eve", "job.delete", "deleted"),
            ("eve", "job.cancel", "expired"),
            ("scheduler", "job.expire", "expired"),
        ]
        assert {row["tenant"] for row in rows} == {"t"}
        half = await s.audit.rows(since_s=0.0, limit=4)
        assert [*half, *await s.audit.rows(since_s=0.0, after=(half[-1]["at_s"], half[-1]["id"]))] == rows


async def test_notes_go_when_they_are_too_old(database_url: str) -> None:
    """A log that was switched off is emptied, and nothing is added."""
    async with stores(database_url) as s:
        s.rules.audit_s = 60.0
        await accepted(s, "a")
        await s.transcribers.expire(now_s=time.time())
        assert len(await s.audit.rows(since_s=0.0)) == 1
        await s.transcribers.expire(now_s=time.time() + 61.0)
        assert await s.audit.rows(since_s=0.0) == []
        s.rules.audit_s = 0.0
        await accepted(s, "b")
        assert await s.audit.rows(since_s=0.0) == []
