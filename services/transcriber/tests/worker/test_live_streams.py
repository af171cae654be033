"""Live speech at a transcriber: its call to the scheduler, over a real connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import grpc
import pytest

from sayit.chassis.background_tasks import in_background
from sayit.internal.v1 import chunk_service_pb2 as pb
from sayit.speech.chunk_queue import ChunkMessage
from sayit.speech.errors import ErrorKind, SayItError
from sayit.transcriber.engine import Lane
from sayit.transcriber.worker.live_streams import LiveStreams, schedulers
from sayit.transcriber.worker.slots import ClaimResult

from .fakes import PCM, Bench, bench, until

OFFER = pb.LiveOffer(transcriber_id="t1", model="micro", revision="r")


def _streams(work: Bench, addresses: list[str]) -> LiveStreams:
    async def known() -> list[str]:
        return addresses

    return LiveStreams(
        connect=grpc.aio.insecure_channel,
        addresses=known,
        engine=cast("Any", work.engine),
        runner=work.runner,
        offer=OFFER,
        look_up_s=0.01,
    )


@pytest.fixture
async def work() -> AsyncIterator[Bench]:
    """Runner, engine and scheduler, and a call for live speech that is open."""
    async with bench() as made, in_background(_streams(made, [made.address]).run()):
        await until(lambda: bool(made.scheduler.live_heard))
        yield made
        made.engine.go.set()


def _decode(work: Bench, number: int, *, final: bool = False) -> None:
    options = pb.DecodeOptions(language="en", task="TASK_TRANSCRIBE", beam_size=1, temperatures=[0.0])
    decode = pb.LiveDecode(id=number, audio=PCM, options=options, final=final)
    work.scheduler.live_say.put_nowait(pb.ServeLiveResponse(decode=decode))


def _reserve(work: Bench, *, reserved: bool) -> None:
    work.scheduler.live_say.put_nowait(pb.ServeLiveResponse(reserve=pb.LiveReserve(reserved=reserved)))


async def test_stretches_come_and_their_texts_go_back(work: Bench) -> None:
    """The offer is first; stretches go to the engine as they are, each on its lane, and are answered by number."""
    _decode(work, 7)
    _decode(work, 8, final=True)
    await until(lambda: len(work.scheduler.live_heard) == 3)
    offer, *answers = work.scheduler.live_heard
    assert offer.offer == OFFER
    assert [answer.output.id for answer in answers] == [7, 8]
    assert [segment.text for segment in answers[0].output.output.segments] == ["one", "two", "three"]
    assert [asked["lane"] for asked in work.engine.asked] == [Lane.INTERIM, Lane.FINAL]
    assert [pcm for pcm, _ in work.engine.calls] == [PCM, PCM]


async def test_what_is_cancelled_is_not_answered(work: Bench) -> None:
    """A stretch that waits is given up at once, and nothing is said of it."""
    work.engine.go.clear()
    _decode(work, 1)
    await until(work.engine.running.is_set)
    _decode(work, 2)
    work.scheduler.live_say.put_nowait(pb.ServeLiveResponse(cancel=pb.LiveCancel(id=2)))
    _decode(work, 3)
    await until(lambda: len(work.engine.asked) == 3)
    work.engine.go.set()
    await until(lambda: len(work.scheduler.live_heard) == 3)
    assert [answer.output.id for answer in work.scheduler.live_heard[1:]] == [1, 3]


async def test_failures_say_whether_the_request_is_at_fault(work: Bench) -> None:
    """An engine's error has a detail; one that any attempt would meet has its code as well. The call goes on."""
    work.engine.error = RuntimeError("broken")
    _decode(work, 1)
    await until(lambda: len(work.scheduler.live_heard) == 2)
    work.engine.error = SayItError(ErrorKind.INVALID_LANGUAGE, field="language", language="xx")
    _decode(work, 2)
    await until(lambda: len(work.scheduler.live_heard) == 3)
    plain, refused = (answer.failure for answer in work.scheduler.live_heard[1:])
    assert (plain.id, plain.failure.detail, plain.failure.code) == (1, "RuntimeError: broken", "")
    assert (refused.id, refused.failure.code) == (2, "INVALID_LANGUAGE")


async def test_a_reserved_transcriber_gives_waiting_chunks_back(work: Bench) -> None:
    """It ends the chunk that the engine has begun with, gives the other one back, and claims none until it is free."""
    freed = asyncio.Event()
    work.runner.on_free = freed.set
    work.engine.go.clear()
    for chunk_id in ("c1", "c2"):
        await work.runner.take(ChunkMessage(chunk_id=chunk_id, dispatch=1))
    await until(work.engine.running.is_set)
    _reserve(work, reserved=True)
    second = await work.scheduler.call(1)
    await until(lambda: second.last == "release")
    assert second.detail == "reserved"
    assert await work.runner.take(ChunkMessage(chunk_id="c3", dispatch=1)) is ClaimResult.UNANSWERED
    work.engine.go.set()
    await until(lambda: not work.runner.held)
    assert (await work.scheduler.call(0)).last == "result"
    freed.clear()
    _reserve(work, reserved=False)
    await freed.wait()
    assert await work.runner.take(ChunkMessage(chunk_id="c3", dispatch=1)) is ClaimResult.GRANTED


async def test_another_call_follows_one_that_ends(work: Bench) -> None:
    """Stretches of a broken call are given up, the transcriber is free, and it offers itself again."""
    work.engine.go.clear()
    _reserve(work, reserved=True)
    _decode(work, 1)
    await until(work.engine.running.is_set)
    assert work.runner.reserved
    work.scheduler.live_say.put_nowait(None)
    await until(lambda: not work.runner.reserved)
    work.engine.go.set()
    await until(lambda: len(work.scheduler.live_heard) == 2)
    assert work.scheduler.live_heard[1].offer == OFFER
    _decode(work, 1)
    await until(lambda: len(work.scheduler.live_heard) == 3)
    assert work.scheduler.live_heard[2].output.id == 1


async def test_each_scheduler_hears_what_the_others_sessions_take(work: Bench) -> None:
    """Also one that comes later; a scheduler whose call has ended takes nothing."""
    async with bench() as more:
        addresses = [more.address]
        async with in_background(_streams(more, addresses).run()):
            await until(lambda: bool(more.scheduler.live_heard))
            more.scheduler.live_say.put_nowait(pb.ServeLiveResponse(reserve=pb.LiveReserve(reserved=True, load=0.5)))
            await until(lambda: more.runner.reserved)
            addresses.append(work.address)
            await until(lambda: len(work.scheduler.live_heard) == 3)  # an offer of the fixture's, and one with a load
            assert work.scheduler.live_heard[2].elsewhere.load == 0.5
            more.scheduler.live_say.put_nowait(None)
            await until(lambda: len(work.scheduler.live_heard) == 4)
            assert work.scheduler.live_heard[3].elsewhere.load == 0.0
            assert not more.runner.reserved


async def test_every_scheduler_is_found_by_its_own_address() -> None:
    """Lists are taken apart, names are looked up, and what cannot be found is asked for again later."""
    assert list(await schedulers("127.0.0.1:1,127.0.0.2:2")) == ["127.0.0.1:1", "127.0.0.2:2"]
    assert list(await schedulers("[::1]:5")) == ["[::1]:5"]
    assert list(await schedulers("unix:/run/scheduler")) == ["unix:/run/scheduler"]
    assert next(iter(await schedulers("localhost:7"))).endswith(":7")
    assert not await schedulers("no-such-host.invalid:7")
