"""Several recordings in one call."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from sayit.client import Client

from .helper import until


async def test_each_recording_has_its_outcome(gateway, client, tmp_path):
    """They come as they end, with their place; one that cannot be read, or is refused, stops no other."""
    audios = [b"a", tmp_path / "missing.wav", b"b", b"c"]
    events = []
    found = [one async for one in client.transcribe_many(audios, at_once=2, on_event=lambda *seen: events.append(seen))]
    by_place = {one.index: one for one in found}
    assert sorted(by_place) == [0, 1, 2, 3]
    assert isinstance(by_place[1].error, FileNotFoundError)
    assert all(by_place[place].result for place in (0, 2, 3))
    assert {place for place, _ in events} == {0, 2, 3}
    assert [by_place[place].audio for place in range(4)] == audios


async def test_so_many_are_sent_at_once(gateway, client):
    """A further recording is taken from the iterable when one has ended."""
    gateway.permits = asyncio.Semaphore(0)
    taken = []

    def recordings():
        for number in range(5):
            taken.append(number)
            yield bytes([number])

    async with aclosing(client.transcribe_many(recordings(), at_once=2)) as outcomes:
        first = asyncio.ensure_future(anext(outcomes))
        await until(lambda: len(gateway.calls) == 2)
        assert taken == [0, 1]
        for _ in range(1000):
            gateway.permits.release()
        assert (await first).result is not None
    assert len(taken) < 5


async def test_the_blocking_client_iterates_too(gateway):
    """A plain iterator of the same outcomes."""

    def transcribe():
        with Client(gateway.address) as client:
            return sorted((one.index, one.error) for one in client.transcribe_many([b"a", b"b"]))

    assert await asyncio.to_thread(transcribe) == [(0, None), (1, None)]
