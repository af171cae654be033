"""Watching a job: every durable event once, in order, across broken connections."""

from __future__ import annotations

import asyncio

import pytest

from sayit.client import AsyncClient, ErrorKind, SayItError
from sayit.speech.jobs import ChunkText, Completed, JobState, StateChanged
from sayit.speech.wire import event_to_proto
from sayit.v1 import resources_pb2 as pb

from .helper import BROKEN, Gateway, serving, until
from .story import JOB, STORY, TRANSCRIPT, durable, numbered


async def watched(client, after_seq=0):
    """All events of the job."""
    return [event async for event in client.watch(JOB, after_seq)]


async def watch_into(seen, client):
    """Appends events as they come, so that they are there if the watch fails."""
    async for event in client.watch(JOB):
        seen.append(event)  # see above


async def test_watch_yields_the_whole_story(client):
    """Durable and ephemeral events come in order, and the iteration ends with the last one."""
    assert await watched(client) == numbered()


@pytest.mark.parametrize("after_seq", [1, 3, 4])
async def test_watch_resumes_after_a_number(after_seq, client):
    """Only durable events after the given one come again."""
    assert durable(await watched(client, after_seq)) == list(range(after_seq + 1, 6))


@pytest.mark.parametrize("number", range(len(STORY)))
async def test_breaks_neither_repeat_nor_lose(number, gateway, client):
    """A connection that breaks after any event, and once more at once, is resumed after the last durable one."""
    gateway.script["WatchJob"] = [number, BROKEN]
    assert durable(await watched(client)) == [1, 2, 3, 4, 5]
    seen = len(durable(numbered()[:number]))
    assert gateway.after == [0, seen, seen]


async def test_every_connection_breaks(gateway, client):
    """Progress after each break keeps the patience up: a job is watched to its end through many breaks."""
    gateway.script["WatchJob"] = [1] * 4
    assert durable(await watched(client)) == [1, 2, 3, 4, 5]
    assert gateway.after[0] == 0
    assert gateway.after == sorted(gateway.after)


async def test_a_missing_event_is_fetched(gateway, client):
    """A gap in the numbers is never handed on: the watch resumes before it."""
    gateway.script["WatchJob"] = [("skip", 1)]
    assert durable(await watched(client)) == [1, 2, 3, 4, 5]
    assert gateway.after == [0, 1]


async def test_repeated_events_are_dropped(gateway, client):
    """A server that sends events again does not confuse anybody."""
    events = numbered()
    gateway.story = [*events[:2], *events[:2], *events[2:]]
    assert durable(await watched(client)) == [1, 2, 3, 4, 5]


async def test_events_of_a_newer_server_are_skipped():
    """An event without a body that this version knows counts, but is not handed on."""

    class Newer(Gateway):
        async def _tell(self, method, context, after, todo):
            async for message in super()._tell(method, context, after, todo):
                yield pb.JobEvent(job_id=JOB, seq=2) if message.seq == 2 else message

    async with serving(Newer()) as address, AsyncClient(address) as client:
        assert durable(await watched(client)) == [1, 3, 4, 5]


async def test_an_ended_job_without_news_ends_the_watch(gateway, client):
    """Who has seen the last event gets no event and no error."""
    assert await watched(client, 5) == []


async def test_a_stream_that_just_ends_is_resumed(gateway, client):
    """A draining gateway may end a watch in good order; the job goes on, and so does the watch."""
    gateway.script["WatchJob"] = ["end"]
    assert durable(await watched(client)) == [1, 2, 3, 4, 5]
    assert gateway.calls == ["WatchJob", "GetJob", "WatchJob"]


async def test_a_cancelled_job_ends_the_watch(gateway, client):
    """CANCELLED arrives as a state and is the last event."""
    gateway.story = numbered((STORY[0], StateChanged(state=JobState.CANCELLED)))
    assert [event.body for event in await watched(client)] == [STORY[0], StateChanged(state=JobState.CANCELLED)]


async def test_a_completed_state_before_the_summary_is_not_the_end(gateway, client):
    """The state COMPLETED may come before the Completed event, which is the last one."""
    gateway.story = numbered((STORY[0], StateChanged(state=JobState.COMPLETED), STORY[-1]))
    assert isinstance((await watched(client))[-1].body, Completed)


async def test_an_unknown_job_is_an_error_at_once(gateway, client):
    """JOB_NOT_FOUND is not retried."""
    gateway.script["WatchJob"] = [SayItError(ErrorKind.JOB_NOT_FOUND, job_id=JOB)]
    with pytest.raises(SayItError) as caught:
        await watched(client)
    assert str(caught.value) == f"There is no job {JOB}."
    assert gateway.calls == ["WatchJob"]


async def test_patience_ends(gateway):
    """Without any progress for reconnect_s the watch gives up with UNAVAILABLE."""
    gateway.script["WatchJob"] = [2] + [BROKEN] * 1000
    seen = []
    async with AsyncClient(gateway.address, reconnect_s=0.5) as client:
        with pytest.raises(SayItError) as caught:
            await watch_into(seen, client)
    assert caught.value.kind is ErrorKind.UNAVAILABLE
    assert durable(seen) == [1, 2]
    assert len(gateway.calls) > 2


async def test_a_restarted_gateway_is_found_again():
    """The gateway goes away in the middle and comes back on its port: nothing is lost."""
    first, second = Gateway(permits=asyncio.Semaphore(4)), Gateway()
    seen = []
    async with serving(first) as address, AsyncClient(address) as client:
        watching = asyncio.create_task(watch_into(seen, client))
        await until(lambda: len(seen) == 4)
        await first.server.stop(None)
        async with serving(second, int(address.rpartition(":")[2])):
            await watching
    assert durable(seen) == [1, 2, 3, 4, 5]


async def test_leaving_the_iteration_cancels_the_call(gateway, client):
    """A watcher that has seen enough costs the server nothing more."""
    gateway.permits = asyncio.Semaphore(1)
    events = client.watch(JOB)
    await anext(events)
    await events.aclose()
    await until(lambda: gateway.cancelled == ["WatchJob"])


async def test_wait_returns_the_result(gateway, client):
    """Waiting for a job gives what transcribe gives, and tells the listener, async or not."""
    heard = []

    async def listener(event):
        heard.append(event)

    result = await client.wait(JOB, after_seq=2, on_event=listener)
    assert result.transcript == TRANSCRIPT
    assert durable(heard) == [3, 4, 5]
    assert isinstance(heard[1].body, ChunkText)


async def test_large_events_pass(gateway, client):
    """An event above gRPC's usual 4 MiB still arrives."""
    events = numbered()
    text = "가" * 2_000_000
    large = event_to_proto(events[3])
    large.chunk_text.segments[0].text = text

    class Large(Gateway):
        async def _tell(self, method, context, after, todo):
            async for message in super()._tell(method, context, after, todo):
                yield large if message.seq == 3 else message

    async with serving(Large()) as address, AsyncClient(address) as other:
        assert (await watched(other))[3].body.segments[0].text == text
