"""Vocabularies in a real scheduler: what they mean for jobs that name them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest

from sayit.chassis import principal
from sayit.chassis.principal import Principal
from sayit.chassis.start import StartError
from sayit.scheduler.service import running
from sayit.scheduler.settings import SchedulerSettings
from sayit.speech.errors import ErrorKind
from sayit.v1 import resources_pb2 as pb
from sayit.v1 import vocabulary_service_pb2 as vocabulary_pb

from .helper import ALICE, BOB, SHORT, Suite, Transcriber, kind_of, suite


async def put(s: Suite, *words: str, who: Principal = ALICE, prompt: str = "") -> vocabulary_pb.Vocabulary:
    """Stores the vocabulary "team"."""
    with principal.use(who):
        request = vocabulary_pb.PutVocabularyRequest(name="team", words=words, prompt=prompt)
        stored: vocabulary_pb.Vocabulary = await s.jobs.PutVocabulary(request)
    return stored


async def decoding(worker: Transcriber) -> Any:
    """The options with which the next chunk in the queue is decoded."""
    attempt = await worker.claim(*await asyncio.wait_for(worker.take(), 10))
    await attempt.finish("text")
    return attempt.assignment.options


async def test_a_job_has_the_words_of_the_day_it_was_accepted(tmp_path: Path, redis_url: str) -> None:
    """They come before its own; later changes do not change the job; the client sees what it sent."""
    async with suite(tmp_path, redis_url) as s:
        worker = Transcriber(s)
        await worker.report()
        await put(s, "세이잇", "b c", prompt="Meeting.")
        job = await s.create(SHORT, vocabulary="team", hotwords="own", prompt="Today.", language="ko")
        await put(s, "other")
        options = await decoding(worker)
        assert (options.hotwords, options.prompt) == ("세이잇, b c, own", "Meeting. Today.")
        done = await s.until(job.id, pb.JOB_STATE_COMPLETED)
        assert (done.options.vocabulary, done.options.hotwords, done.options.prompt) == ("team", "own", "Today.")


async def test_the_cache_sees_the_words_and_not_their_name(tmp_path: Path, redis_url: str) -> None:
    """The same name with other words is another question; the same words from elsewhere are the same one."""
    async with suite(tmp_path, redis_url) as s:
        worker = Transcriber(s)
        await worker.report()
        await put(s, "a", "b")
        first = await s.create(SHORT, vocabulary="team")
        await decoding(worker)
        await s.until(first.id, pb.JOB_STATE_COMPLETED)
        assert (await s.until((await s.create(SHORT, vocabulary="team")).id, pb.JOB_STATE_COMPLETED)).cached
        spelt_out = await s.create(SHORT, hotwords="a, b")
        assert (await s.until(spelt_out.id, pb.JOB_STATE_COMPLETED)).cached
        await put(s, "a", "c")
        other = await s.create(SHORT, vocabulary="team")
        assert (await decoding(worker)).hotwords == "a, c"
        assert not (await s.until(other.id, pb.JOB_STATE_COMPLETED)).cached


async def test_a_retry_is_one_whatever_became_of_the_vocabulary(tmp_path: Path, redis_url: str) -> None:
    """Under one key what the client sends is compared, not what it meant at the time."""
    async with suite(tmp_path, redis_url) as s:
        await Transcriber(s).report()
        await put(s, "a")
        job = await s.create(SHORT, key="once", vocabulary="team", hotwords="own")
        await put(s, "b")
        assert (await s.create(SHORT, key="once", vocabulary="team", hotwords="own")).id == job.id
        with principal.use(ALICE):
            await s.jobs.DeleteVocabulary(vocabulary_pb.DeleteVocabularyRequest(name="team"))
        assert (await s.create(SHORT, key="once", vocabulary="team", hotwords="own")).id == job.id
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await s.create(SHORT, key="once", hotwords="a, own")
        assert kind_of(error) is ErrorKind.IDEMPOTENCY_CONFLICT


async def test_nobody_sees_anothers(tmp_path: Path, redis_url: str) -> None:
    """Neither to read, nor to delete, nor to use; and what is not there is refused before audio is taken."""
    async with suite(tmp_path, redis_url) as s:
        await Transcriber(s).report()
        await put(s, "a")
        with principal.use(BOB):
            assert not (await s.jobs.ListVocabularies(vocabulary_pb.ListVocabulariesRequest())).vocabularies
            for call in (
                s.jobs.GetVocabulary(vocabulary_pb.GetVocabularyRequest(name="team")),
                s.jobs.DeleteVocabulary(vocabulary_pb.DeleteVocabularyRequest(name="team")),
            ):
                with pytest.raises(grpc.aio.AioRpcError) as error:
                    await call
                assert kind_of(error) is ErrorKind.VOCABULARY_NOT_FOUND
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await s.create(SHORT, vocabulary="team", who=BOB)
        assert kind_of(error) is ErrorKind.VOCABULARY_NOT_FOUND
        await put(s, *(f"{i:03}" + "x" * 60 for i in range(28)))
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await s.create(SHORT, vocabulary="team", hotwords="y" * 1990)
        assert kind_of(error) is ErrorKind.INVALID_OPTION


async def test_an_operators_presets(tmp_path: Path, redis_url: str) -> None:
    """They hold from the start on, a request's own values win, and for the cache they are another question."""
    file = tmp_path / "presets.toml"
    file.write_text("[ko]\ntemperatures = [0, 0.5]\nsuppress_tokens = [7]\n")
    async with suite(tmp_path, redis_url) as s:
        worker = Transcriber(s)
        await worker.report()
        first = await s.create(SHORT, language="ko")
        assert list((await decoding(worker)).suppress_tokens) == []
        await s.until(first.id, pb.JOB_STATE_COMPLETED)
    async with suite(tmp_path, redis_url, presets=file) as s:
        worker = Transcriber(s)
        await worker.report()
        await s.create(SHORT, language="ko")
        theirs = await decoding(worker)
        assert (list(theirs.temperatures), list(theirs.suppress_tokens), theirs.beam_size) == ([0.0, 0.5], [7], 5)
        await s.create(SHORT, language="ko", decoding=pb.DecodingOverrides(temperatures=[0.25], suppress_tokens=[8, 9]))
        asked = await decoding(worker)
        assert (list(asked.temperatures), list(asked.suppress_tokens)) == ([0.25], [8, 9])


async def test_presets_that_are_wrong_do_not_start(tmp_path: Path) -> None:
    """The setting, the file and the place are named."""
    file = tmp_path / "presets.toml"
    file.write_text("[ko]\nbeam_size = 99\n")
    settings = SchedulerSettings(scheduler_listen="127.0.0.1:0", data_dir=tmp_path / "data", presets=file)
    with pytest.raises(StartError, match=r"SAYIT_PRESETS: .*presets.toml, \[ko\], beam_size: 99"):
        async with running(settings):
            pass
