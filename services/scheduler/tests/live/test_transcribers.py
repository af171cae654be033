"""Which transcriber serves which session, what happens when it goes, and how many there is room for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest

from sayit.scheduler.jobs.records import ChunkOutput
from sayit.scheduler.live.transcribers import (
    EngineError,
    LiveTranscriber,
    LiveTranscribers,
    Order,
    Reserved,
    Seat,
    Stretch,
    Unwanted,
    Wanted,
)
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.options import Options, resolve

STRETCH = Stretch(pcm=b"\0\0", options=resolve(Options(language="en")), final=True, traceparent="")
OUTPUT = ChunkOutput(segments=(), language="en", language_probability=1.0, suppressed=(), compute_s=0.5)


@contextmanager
def seat(hub: LiveTranscribers) -> Iterator[Seat]:
    """A session's claim on transcribers while the block runs."""
    seat = hub.seat()
    seat.model = "m"
    try:
        yield seat
    finally:
        seat.close()


async def order(transcriber: LiveTranscriber) -> Order:
    """What the transcriber is told next."""
    return await anext(transcriber.orders())


async def wanted(transcriber: LiveTranscriber) -> int:
    """The number of the next stretch it is to decode."""
    while not isinstance(told := await order(transcriber), Wanted):
        pass
    return told.number


async def test_sessions_are_spread_and_transcribers_reserved() -> None:
    """Each takes the one with the fewest sessions; the first session reserves it, the last one frees it."""
    hub = LiveTranscribers()
    with (
        hub.connected("a", "m") as a,
        hub.connected("b", "m") as b,
        hub.connected("c", "other") as c,
        ExitStack() as held,
    ):
        for _ in range(4):
            await held.enter_context(seat(hub)).reserve()
        assert (len(a.seats), len(b.seats), len(c.seats)) == (2, 2, 0)
        assert [await order(a), await order(a)] == [
            Reserved(reserved=True, load=0.3),
            Reserved(reserved=True, load=0.6),
        ]
        held.close()
        assert [await order(a), await order(a)] == [Reserved(reserved=True, load=0.3), Reserved(reserved=False)]


async def test_a_session_without_audio_keeps_no_transcriber_from_other_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its transcriber is reserved while audio comes, and again with the next audio; its place it has all the time."""
    now_s = 100.0
    monkeypatch.setattr("sayit.scheduler.live.transcribers.time.monotonic", lambda: now_s)
    hub = LiveTranscribers()
    with hub.connected("a", "m") as a, seat(hub) as silent, seat(hub) as other:
        silent.admit("m")
        assert await order(a) == Reserved(reserved=True, load=0.3)
        now_s = 131.0
        silent.look()
        silent.look()
        assert await order(a) == Reserved(reserved=False, load=0.3)
        other.admit("m")
        assert await order(a) == Reserved(reserved=True, load=0.6)
        with pytest.raises(SayItError):
            hub.with_room("m")
        other.close()
        assert await order(a) == Reserved(reserved=False, load=0.3)
        silent.heard(0.1)
        assert await order(a) == Reserved(reserved=True, load=0.3)


async def test_a_stretch_outlives_its_transcriber() -> None:
    """It is asked of another one, or of the next that comes; a stretch that loses three is held to be the cause."""
    hub = LiveTranscribers()
    with seat(hub) as own:
        decoding = asyncio.create_task(own.decode(STRETCH))
        with hub.connected("a", "m") as a:
            await wanted(a)
        with hub.connected("b", "m") as b:
            b.answered(await wanted(b), OUTPUT)
            assert await decoding == OUTPUT
        doomed = asyncio.create_task(own.decode(STRETCH))
        for name in "cde":
            with hub.connected(name, "m") as lost:
                await wanted(lost)
        with pytest.raises(EngineError):
            await doomed


async def test_what_is_not_wanted_any_more_is_told() -> None:
    """A cancelled request reaches the transcriber, and what still comes of it is dropped."""
    hub = LiveTranscribers()
    with seat(hub) as own, hub.connected("a", "m") as a:
        decoding = asyncio.create_task(own.decode(STRETCH))
        number = await wanted(a)
        decoding.cancel()
        assert await order(a) == Unwanted(number=number)
        a.answered(number, OUTPUT)
        a.refused(number, EngineError("late"))


async def test_an_engine_error_reaches_the_session() -> None:
    """Not another transcriber: the session decides whether to try again."""
    hub = LiveTranscribers()
    with seat(hub) as own, hub.connected("a", "m") as a:
        decoding = asyncio.create_task(own.decode(STRETCH))
        a.refused(await wanted(a), EngineError("no"))
        with pytest.raises(EngineError):
            await decoding


async def test_sessions_are_admitted_by_what_they_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """None without a transcriber of the model, one in any case, further ones as long as all keep up."""
    hub = LiveTranscribers()
    with pytest.raises(SayItError) as away:
        hub.with_room("m")
    assert away.value.kind is ErrorKind.UNAVAILABLE
    with hub.connected("a", "m") as a, ExitStack() as held:
        _admitted(hub, held, 2)
        with pytest.raises(SayItError) as full:
            hub.with_room("m")
        assert (full.value.kind, full.value.retry_after_s) == (ErrorKind.OVERLOADED, 15.0)
        monkeypatch.setattr(Seat, "cost", property(lambda _: 0.02))  # as they turn out to take
        held.close()
        for _ in range(20):
            hub.measured(0.02)
        _admitted(hub, held, 20)
        a.answered(0, replace(OUTPUT))


def _admitted(hub: LiveTranscribers, held: ExitStack, count: int) -> None:
    for _ in range(count):
        held.enter_context(seat(hub)).admit("m")


async def test_the_place_of_a_session_is_kept_for_its_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it may come back no other session gets it; with it, or when its time is over, the room is free again."""
    hub = LiveTranscribers()
    now_s = 100.0
    monkeypatch.setattr("sayit.scheduler.live.transcribers.time.monotonic", lambda: now_s)
    with hub.connected("a", "m"), ExitStack() as others:
        with seat(hub) as left:
            left.admit("m")
            hub.keep_place("job", left, for_s=60.0)
        _admitted(hub, others, 1)
        with pytest.raises(SayItError):
            hub.with_room("m")
        hub.take_place("job")
        hub.with_room("m")
        with seat(hub) as left:
            left.admit("m")
            hub.keep_place("job", left, for_s=60.0)
        with pytest.raises(SayItError):
            hub.with_room("m")
        now_s = 161.0
        hub.with_room("m")


async def test_sessions_of_other_schedulers_take_room() -> None:
    """A scheduler says what its sessions and kept places take, and counts what others' do."""
    hub = LiveTranscribers()
    with hub.connected("a", "m") as a, hub.connected("b", "m") as b, ExitStack() as held:
        a.elsewhere = 0.6
        _admitted(hub, held, 2)
        assert (len(a.seats), len(b.seats)) == (0, 2)
        with pytest.raises(SayItError):
            hub.with_room("m")
        a.elsewhere = 0.3
        with seat(hub) as left:
            left.admit("m")
            hub.keep_place("job", left, for_s=0.01)
        assert [await order(a), await order(a)] == [
            Reserved(reserved=True, load=0.3),
            Reserved(reserved=False, load=0.3),
        ]
        assert await order(a) == Reserved(reserved=False)


async def test_a_session_costs_its_last_texts_and_some_of_the_others() -> None:
    """Per second of its audio, however fast that came; interim texts become fewer where there is more to do."""
    hub = LiveTranscribers()
    with seat(hub) as own, hub.connected("a", "m") as a:
        for stretch in (STRETCH, replace(STRETCH, final=False)):
            decoding = asyncio.create_task(own.decode(stretch))
            a.answered(await wanted(a), replace(OUTPUT, compute_s=3.0))
            await decoding
        own.audio_s = 10.0
        assert own.cost == 0.0
        own.audio_s = 40.0
        assert own.cost == pytest.approx(0.1)
