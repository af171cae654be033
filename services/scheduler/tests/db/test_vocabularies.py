"""Vocabularies in the database: by tenant and name, and never too many."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from sayit.scheduler.jobs.records import Hints
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.options import Options
from sayit.speech.vocabularies import Vocabulary

from .helper import accepted, create, stores


def vocabulary(name: str, *words: str, at_s: float = 1.0) -> Vocabulary:
    """A vocabulary stored at this time."""
    return Vocabulary(name=name, words=words, prompt="회의", updated_at_s=at_s)


async def test_a_name_is_replaced_and_keeps_its_first_day(database_url: str) -> None:
    """Words, text and time are the last ones; the list is in order; another tenant has names of its own."""
    async with stores(database_url) as s:
        await s.vocabularies.put_vocabulary("t", vocabulary("b", "세이잇"), most=9)
        await s.vocabularies.put_vocabulary("t", vocabulary("B", "x"), most=9)
        again = await s.vocabularies.put_vocabulary("t", vocabulary("b", "SayIt", "말, 글", at_s=2.5), most=9)
        await s.vocabularies.put_vocabulary("other", vocabulary("b", "theirs"), most=9)
        assert (again.created_at_s, again.updated_at_s, again.words) == (1.0, 2.5, ("SayIt", "말, 글"))
        assert await s.vocabularies.get_vocabulary("t", "b") == again
        assert [each.name for each in await s.vocabularies.list_vocabularies("t")] == ["B", "b"]
        await s.vocabularies.delete_vocabulary("t", "b")
        for call in (s.vocabularies.get_vocabulary("t", "b"), s.vocabularies.delete_vocabulary("t", "b")):
            with pytest.raises(SayItError) as error:
                await call
            assert (error.value.kind, error.value.details["name"]) == (ErrorKind.VOCABULARY_NOT_FOUND, "b")
        assert (await s.vocabularies.get_vocabulary("other", "b")).words == ("theirs",)


async def test_never_too_many_however_many_come_together(database_url: str) -> None:
    """Of ten at once three find room; one that is there already may still be replaced."""
    async with stores(database_url) as s:
        done = await asyncio.gather(
            *(s.vocabularies.put_vocabulary("t", vocabulary(f"v{i}"), most=3) for i in range(10)),
            return_exceptions=True,
        )
        refused = [each for each in done if isinstance(each, SayItError)]
        assert {(each.kind, each.details["limit"]) for each in refused} == {(ErrorKind.TOO_MANY_VOCABULARIES, "3")}
        kept = await s.vocabularies.list_vocabularies("t")
        assert (len(refused), len(kept)) == (7, 3)
        await s.vocabularies.put_vocabulary("t", vocabulary(kept[0].name, "new"), most=3)


async def test_a_job_keeps_what_was_sent_beside_what_is_decoded(database_url: str) -> None:
    """Both come back; a job without a vocabulary has one and the same, whatever its prompt says."""
    async with stores(database_url) as s:
        plain = await accepted(s, "plain")
        assert plain.requested == plain.options
        options = Options(language="ko", prompt="p q", hotwords="a, b", vocabulary="v")
        job = await _created(s, options, Hints(prompt="q", hotwords="b"))
        assert job.options == options
        assert (job.requested.prompt, job.requested.hotwords, job.requested.vocabulary) == ("q", "b", "v")
        sly = await _created(s, Options(prompt='"sent_hints": {"prompt": "x"}'), None)
        assert sly.requested == sly.options


async def _created(s, options, sent):
    base = await accepted(s, f"base-{options.vocabulary}")
    job = replace(base, id=f"job-{options.vocabulary}", options=options, sent=sent)
    await create(s, job)
    return await s.jobs.get_job("t", job.id)
