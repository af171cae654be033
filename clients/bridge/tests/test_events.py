"""Events over SSE and WebSocket, on a scripted gateway: numbers, resumption, silence, the end."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any, get_args

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from clients.python.tests.helper import BROKEN, Gateway, serving, until
from clients.python.tests.story import JOB, STORY, numbered
from sayit.bridge.http.event_schemas import DOCUMENTS
from sayit.bridge.service import running
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import Completed, EventBody, Failed, JobError, JobState, Progress, Refinement, StateChanged

from .helper import scripted, settings


def parsed(text: str) -> list[dict[str, str]]:
    """Server-sent events as EventSource reads them; comments and the retry time are left out."""
    events = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith((":", "retry")))
        if fields:
            events.append(fields)
    return events


@pytest.mark.parametrize("kind", get_args(EventBody))
def test_every_kind_of_event_has_a_document(kind: type) -> None:
    """None is forgotten when a kind is added."""
    assert kind in {*DOCUMENTS, Failed, Progress}


async def test_all_events_with_their_numbers() -> None:
    """Durable events have an id, the others none; the data names its type."""
    async with scripted() as (client, _):
        answer = await client.get(f"/v1/jobs/{JOB}/events")
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        assert "content-encoding" not in answer.headers, "zipped events would be held back"
        events = parsed(answer.text)
        assert [event["event"] for event in events] == [
            "state", "state", "progress", "text", "partial", "text", "completed",
        ]  # fmt: skip
        assert [event.get("id") for event in events] == ["1", "2", None, "3", None, "4", "5"]
        assert [json.loads(event["data"])["type"] for event in events] == [event["event"] for event in events]
        assert json.loads(events[3]["data"])["segments"][0]["text"] == "문장 1."


async def test_resuming_after_any_number_misses_nothing() -> None:
    """`Last-Event-ID` as EventSource sends it; `after_seq` for others; the header wins."""
    async with scripted() as (client, gateway):
        for after in range(5):
            headers = {"Last-Event-ID": str(after)}
            answer = await client.get(f"/v1/jobs/{JOB}/events?after_seq=1", headers=headers)
            ids = [int(event["id"]) for event in parsed(answer.text) if "id" in event]
            assert ids == list(range(after + 1, 6))
            assert gateway.after[-1] == after
        answer = await client.get(f"/v1/jobs/{JOB}/events?after_seq=4")
        assert [event["id"] for event in parsed(answer.text) if "id" in event] == ["5"]


async def test_after_the_last_event_there_is_nothing_to_come_back_for() -> None:
    """204 ends an EventSource, which would come back for ever; a number still to come is a mistake."""
    async with scripted() as (client, _):
        answer = await client.get(f"/v1/jobs/{JOB}/events", headers={"Last-Event-ID": "5"})
        assert answer.status_code == 204
        answer = await client.get(f"/v1/jobs/{JOB}/events", headers={"Last-Event-ID": "6"})
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_ARGUMENT")


async def test_a_broken_gateway_is_bridged_over() -> None:
    """The connection to the gateway breaks after two events: the client sees every durable one once."""
    async with scripted() as (client, gateway):
        gateway.script["WatchJob"] = [2, BROKEN]
        answer = await client.get(f"/v1/jobs/{JOB}/events")
        assert [int(event["id"]) for event in parsed(answer.text) if "id" in event] == [1, 2, 3, 4, 5]


async def test_silence_is_filled_with_comments() -> None:
    """So that proxies keep the connection; a client that leaves ends the watch at the gateway."""
    async with scripted(heartbeat_interval_s=0.1) as (client, gateway):
        gateway.permits = asyncio.Semaphore(1)
        lines = []
        async with client.stream("GET", f"/v1/jobs/{JOB}/events") as stream:
            async for line in stream.aiter_lines():
                lines.append(line)
                if lines.count(": still there") == 2:
                    break
        assert "id: 1" in lines
        await until(lambda: gateway.cancelled == ["WatchJob"])


async def test_a_stopping_bridge_ends_streams_at_once() -> None:
    """Its clients go on elsewhere, after the last number they saw; the grace time is not for them."""
    gateway = Gateway(permits=asyncio.Semaphore(1))
    async with serving(gateway) as address, AsyncExitStack() as serving_bridge:
        bridge = await serving_bridge.enter_async_context(running(settings(gateway_address=address, grace_s=60.0)))
        async with (
            httpx.AsyncClient(base_url=bridge.url, trust_env=False) as client,
            client.stream("GET", f"/v1/jobs/{JOB}/events") as stream,
        ):
            lines = stream.aiter_lines()
            assert await anext(lines) == "retry: 2000"
            async with asyncio.timeout(30):
                await serving_bridge.aclose()
                assert "event: completed" not in [line async for line in lines]


async def test_a_websocket_says_the_same() -> None:
    """The same objects, one a message; it resumes after a number and closes after the last event."""
    async with scripted() as (client, gateway):
        url = str(client.base_url).replace("http", "ws", 1) + f"/v1/jobs/{JOB}/ws?after_seq=2"
        async with connect(url, subprotocols=["sayit.v1", "sayit.key.secret"], proxy=None) as socket:  # type: ignore[list-item]
            assert socket.subprotocol == "sayit.v1"
            said = [json.loads(message) async for message in socket]
        assert [one["type"] for one in said] == ["progress", "text", "partial", "text", "completed"]
        assert [one["seq"] for one in said] == [None, 3, None, 4, 5]
        assert socket.close_code == 1000
        assert gateway.metadata["authorization"] == "Bearer secret"


async def test_a_websocket_tells_problems() -> None:
    """As a last message, because a refused handshake tells a browser nothing."""
    async with scripted() as (client, gateway):
        gateway.script["GetJob"] = [SayItError(ErrorKind.JOB_NOT_FOUND, job_id="none")]
        url = str(client.base_url).replace("http", "ws", 1) + "/v1/jobs/none/ws"
        async with connect(url, additional_headers={"Accept-Language": "ko"}, proxy=None) as socket:
            said = json.loads(await socket.recv())
            with pytest.raises(ConnectionClosed):
                await socket.recv()
        assert (said["type"], said["problem"]["code"]) == ("problem", "JOB_NOT_FOUND")
        assert "찾을 수 없습니다" in said["problem"]["detail"]
        assert socket.close_code == 1008


async def test_a_websocket_that_cannot_be_says_why() -> None:
    """A wrong path and a wrong query are answered as other requests are."""
    async with scripted() as (client, _):
        base = str(client.base_url).replace("http", "ws", 1)
        for path, status, code in (
            ("/ws", 404, "ROUTE_NOT_FOUND"),
            ("/v1/jobs/a/ws?after_seq=x", 400, "INVALID_ARGUMENT"),
        ):
            with pytest.raises(InvalidStatus) as caught:
                await connect(base + path, proxy=None)
            assert (caught.value.response.status_code, json.loads(caught.value.response.body)["code"]) == (status, code)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (Refinement(number=1, chunk_indexes=(0, 1), segments=()), {"type": "refinement", "chunk_indexes": [0, 1]}),
        (
            Failed(error=JobError(code="AUDIO_TOO_LONG", message_en="Too long.", message_ko="너무 깁니다.")),
            {"type": "failed", "error": {"code": "AUDIO_TOO_LONG", "message": "너무 깁니다."}},
        ),
        (StateChanged(state=JobState.CANCELLED), {"type": "state", "state": "cancelled"}),
        (
            Completed(language="ko", duration_s=2.00049, segment_count=2, cached=True),
            {"type": "completed", "duration_s": 2.0, "cached": True},
        ),
    ],
)
async def test_every_kind_of_event_is_told(body: Any, said: dict[str, Any]) -> None:
    """In the language that was asked for."""
    async with scripted() as (client, gateway):
        more = STORY[-1:] if isinstance(body, Refinement) else ()
        gateway.story = numbered((*STORY[:1], body, *more))
        answer = await client.get(f"/v1/jobs/{JOB}/events", headers={"Accept-Language": "ko-KR,en;q=0.5"})
        told = json.loads(parsed(answer.text)[1]["data"])
        assert {name: told[name] for name in said} == said
