"""The transcriber's side of RunChunk, over a real connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from typing import Any

import grpc
import pytest
from structlog.testing import capture_logs

from sayit.internal.v1 import chunk_service_pb2 as pb
from sayit.speech.chunk_queue import ChunkMessage
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.options import Task
from sayit.transcriber.engine import Lane
from sayit.transcriber.worker.slots import ClaimResult

from .fakes import PCM, Bench, bench, until

WAITING, ON_ENGINE, DONE = pb.CHUNK_STAGE_WAITING, pb.CHUNK_STAGE_ON_ENGINE, pb.CHUNK_STAGE_DONE


@pytest.fixture
async def work() -> AsyncIterator[Bench]:
    """Runner, engine and scheduler."""
    async with bench() as made:
        yield made


def _message(chunk_id: str = "c1") -> ChunkMessage:
    return ChunkMessage(chunk_id=chunk_id, dispatch=1)


def _outcome(lines: list[MutableMapping[str, Any]]) -> str:
    (outcome,) = [str(line["outcome"]) for line in lines if line["event"] == "chunk"]
    return outcome


def _changes(stages: list[int]) -> list[int]:
    return [stage for number, stage in enumerate(stages) if number == 0 or stages[number - 1] != stage]


async def test_a_chunk_is_claimed_transcribed_and_committed(work: Bench) -> None:
    """The audio arrives whole, the options and the lane as sent, and partials and the text go back."""
    work.engine.go.clear()
    work.scheduler.interactive = work.scheduler.alone = True
    assert await work.runner.take(_message()) is ClaimResult.GRANTED
    assert list(work.runner.held) == ["c1:1"]
    call = await work.scheduler.call()
    await until(work.engine.running.is_set)
    work.engine.go.set()
    await until(lambda: not work.runner.held)
    assert (call.claim.chunk_id, call.claim.dispatch, call.claim.transcriber_id) == ("c1", 1, "t1")
    assert call.last == "result"
    assert call.output is not None
    assert [segment.text for segment in call.output.segments] == ["one", "two", "three"]
    assert (call.output.language, call.output.windows) == ("en", 3)
    assert call.output.language_probability == pytest.approx(0.9)
    ((pcm, options),) = work.engine.calls
    assert pcm == PCM
    assert work.engine.asked == [{"lane": Lane.INTERACTIVE, "alone": True}]
    assert (options.language, options.beam_size, options.temperatures) == ("en", 5, (0.0, 0.3))
    assert (options.task, options.patience) == (Task.TRANSCRIBE, 1.5)
    assert work.runner.audio_s == pytest.approx(0.1)
    assert work.runner.compute_s == pytest.approx(1.5)


async def test_partials_follow_the_windows(work: Bench) -> None:
    """After each window but the last the text so far goes out, and newer replaces older."""
    work.engine.go.clear()
    await work.runner.take(_message())
    call = await work.scheduler.call()
    await until(work.engine.running.is_set)
    work.engine.go.set()
    await until(lambda: not work.runner.held)
    assert 1 <= len(call.partials) <= 2
    assert call.partials[-1].segments[0].text == "one"


async def test_stages_are_said_when_they_change_and_at_the_interval(work: Bench) -> None:
    """The scheduler knows at once when the engine begins, hears from us all the while, and nothing after the result."""
    work.engine.go.clear()
    await work.runner.take(_message())
    call = await work.scheduler.call()
    await until(lambda: call.stages.count(ON_ENGINE) >= 5)
    assert _changes(call.stages)[-1] == ON_ENGINE
    work.engine.go.set()
    await until(lambda: not work.runner.held)
    assert _changes(call.stages)[-2:] == [ON_ENGINE, DONE]
    assert call.last == "result"


async def test_a_second_chunk_waits_with_its_audio(work: Bench) -> None:
    """With two slots the second chunk is claimed and says that it waits; it begins when the first is done."""
    work.engine.go.clear()
    for chunk_id in ("c1", "c2"):
        assert await work.runner.take(_message(chunk_id)) is ClaimResult.GRANTED
    first, second = await work.scheduler.call(0), await work.scheduler.call(1)
    await until(lambda: len(second.stages) >= 3)
    assert set(second.stages) == {WAITING}
    assert ON_ENGINE in first.stages
    work.engine.go.set()
    await until(lambda: not work.runner.held)
    assert (first.last, second.last) == ("result", "result")
    assert _changes(second.stages) == [WAITING, ON_ENGINE, DONE]


async def test_a_claim_that_comes_second_is_refused(work: Bench) -> None:
    """ABORTED ends the message; nothing was transcribed and no slot is taken."""
    work.scheduler.granted.add("c1")
    assert await work.runner.take(_message()) is ClaimResult.REFUSED
    await until(lambda: not work.runner.held)
    assert work.engine.calls == []


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL])
async def test_a_claim_without_an_answer_is_not_a_refusal(work: Bench, code: grpc.StatusCode) -> None:
    """A scheduler in trouble has not said that the chunk is taken."""
    work.scheduler.down = code
    assert await work.runner.take(_message()) is ClaimResult.UNANSWERED
    await until(lambda: not work.runner.held)


async def test_the_same_message_twice_is_claimed_once(work: Bench) -> None:
    """A message that arrives again while its chunk is held here is void."""
    work.engine.go.clear()
    assert await work.runner.take(_message()) is ClaimResult.GRANTED
    assert await work.runner.take(_message()) is ClaimResult.REFUSED
    assert len(work.scheduler.calls) == 1


async def test_cancel_on_the_engine_begins_no_further_window(work: Bench) -> None:
    """The chunk is given back at once, and the slot is free when the engine has finished the window it was in."""
    work.engine.go.clear()
    await work.runner.take(_message())
    call = await work.scheduler.call()
    await until(work.engine.running.is_set)
    call.say.put_nowait(pb.RunChunkResponse(cancel=pb.CancelChunk(reason="cancelled")))
    await until(lambda: call.last == "release")
    assert call.detail == "cancelled"
    await asyncio.sleep(0.05)
    assert list(work.runner.held) == ["c1:1"], "the engine still has it"
    with capture_logs() as lines:
        work.engine.go.set()
        await until(lambda: not work.runner.held)
    assert work.engine.windows_begun == 1
    (line,) = [line for line in lines if line["event"] == "chunk"]
    assert 0 < line["saved_audio_s"] < line["audio_s"] == 0.1


async def test_cancel_while_waiting_leaves_at_once(work: Bench) -> None:
    """A chunk that waits for the engine goes back without having touched it, and the one before it goes on."""
    work.engine.go.clear()
    await work.runner.take(_message("c1"))
    await work.runner.take(_message("c2"))
    second = await work.scheduler.call(1)
    with capture_logs() as lines:
        second.say.put_nowait(pb.RunChunkResponse(cancel=pb.CancelChunk(reason="cancelled")))
        await until(lambda: list(work.runner.held) == ["c1:1"])
    assert [line["saved_audio_s"] for line in lines if line["event"] == "chunk"] == [0.1]
    assert (second.last, second.detail) == ("release", "cancelled")
    work.engine.go.set()
    await until(lambda: not work.runner.held)
    assert len(work.engine.calls) == 1
    assert (await work.scheduler.call(0)).last == "result"


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (RuntimeError("out of memory"), "RuntimeError: out of memory"),
        (SayItError(ErrorKind.ENGINE_FAILED, cause="bad tokens"), "bad tokens"),
    ],
)
async def test_an_engine_error_is_reported_and_survived(work: Bench, error: Exception, detail: str) -> None:
    """The scheduler hears what went wrong, and the next chunk is transcribed."""
    work.engine.error = error
    await work.runner.take(_message("c1"))
    await until(lambda: not work.runner.held)
    call = await work.scheduler.call()
    assert (call.last, call.detail) == ("failure", detail)
    work.engine.error = None
    await work.runner.take(_message("c2"))
    await until(lambda: not work.runner.held)
    assert (await work.scheduler.call(1)).last == "result"


async def test_a_request_that_no_attempt_can_fulfil_is_refused_with_its_error(work: Bench) -> None:
    """The scheduler gets the error's code and details, and so need not try again."""
    work.engine.error = SayItError(ErrorKind.INVALID_LANGUAGE, field="language", language="yue")
    await work.runner.take(_message("c1"))
    await until(lambda: not work.runner.held)
    call = await work.scheduler.call()
    assert call.failure is not None
    assert (call.failure.code, dict(call.failure.details)) == (
        "INVALID_LANGUAGE",
        {"field": "language", "language": "yue"},
    )


async def test_audio_that_is_not_what_was_announced_fails(work: Bench) -> None:
    """Missing audio is an error, never a shorter transcript."""
    work.scheduler.audio_bytes = len(PCM) + 2
    await work.runner.take(_message())
    await until(lambda: not work.runner.held)
    call = await work.scheduler.call()
    assert call.last == "failure"
    assert "bytes of audio" in call.detail
    assert work.engine.calls == []


async def test_a_call_that_ends_early_is_lost(work: Bench) -> None:
    """Without the call the lease is gone: no further window begins, nothing is delivered, the slot becomes free."""
    work.engine.go.clear()
    with capture_logs() as lines:
        await work.runner.take(_message())
        call = await work.scheduler.call()
        await until(work.engine.running.is_set)
        call.say.put_nowait(pb.RunChunkResponse(committed=pb.Committed()))
        await call.ended.wait()
        await until(lambda: work.engine.held[-1].cancelled)  # the transcriber knows it, too
        work.engine.go.set()
        await until(lambda: not work.runner.held)
    assert _outcome(lines) == "lost"
    assert call.last == ""
    assert work.runner.audio_s == 0


async def test_a_result_that_nobody_confirms_is_lost(work: Bench) -> None:
    """Only `committed` says that the text is stored; a call that ends without it counts as lost."""
    work.scheduler.commits = False
    with capture_logs() as lines:
        await work.runner.take(_message())
        call = await work.scheduler.call()
        await until(lambda: call.last == "result")
        call.say.put_nowait(None)  # type: ignore[arg-type]  # breaks the handler: the call ends with UNKNOWN
        await until(lambda: not work.runner.held)
    assert _outcome(lines) == "lost"
    assert work.runner.audio_s == 0


async def test_one_line_tells_what_became_of_a_chunk(work: Bench) -> None:
    """The canonical line has ids, times and the outcome, the trace of the job, and no text."""
    with capture_logs() as lines:
        await work.runner.take(_message())
        await until(lambda: not work.runner.held)
    (line,) = [line for line in lines if line["event"] == "chunk"]
    assert line["outcome"] == "done"
    assert (line["chunk_id"], line["dispatch"], line["job_id"], line["attempt"]) == ("c1", 1, "j1", 1)
    assert (line["audio_s"], line["windows"], line["segments"], line["language"]) == (0.1, 3, 3, "en")
    assert {"claim_ms", "wait_ms", "engine_ms", "commit_ms"} <= line.keys()
    assert "three" not in str(line)


async def test_a_killed_scheduler_stops_the_work() -> None:
    """When the scheduler dies the engine begins no further window."""
    async with bench() as work:
        work.engine.go.clear()
        await work.runner.take(_message())
        call = await work.scheduler.call()
        await until(work.engine.running.is_set)
        call.say.put_nowait(None)  # type: ignore[arg-type]  # breaks the handler: the call ends with UNKNOWN
        await call.ended.wait()
        await until(lambda: work.engine.held[-1].cancelled)
        work.engine.go.set()
        await until(lambda: not work.runner.held)
        assert work.engine.windows_begun == 1
        assert call.last == ""


async def test_draining_gives_waiting_chunks_back_and_finishes_the_running_one(work: Bench) -> None:
    """Told to leave, we release what waits at once and take nothing more, and the running chunk gets its grace."""
    work.engine.go.clear()
    await work.runner.take(_message("c1"))
    await work.runner.take(_message("c2"))
    first, second = await work.scheduler.call(0), await work.scheduler.call(1)
    await until(work.engine.running.is_set)
    drained = asyncio.create_task(work.runner.drain(10.0))
    await until(lambda: second.last == "release")
    assert second.detail == "draining"
    assert await work.runner.take(_message("c3")) is ClaimResult.UNANSWERED
    work.engine.go.set()
    await drained
    assert first.last == "result"
    assert not work.runner.held


async def test_draining_releases_what_the_grace_time_does_not_suffice_for(work: Bench) -> None:
    """A chunk that the engine does not finish in time is released before the process leaves."""
    work.engine.go.clear()
    await work.runner.take(_message())
    call = await work.scheduler.call()
    await until(work.engine.running.is_set)
    await work.runner.drain(0.3)
    assert (call.last, call.detail) == ("release", "draining")
    assert not work.runner.held
