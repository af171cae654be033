"""A job's events as server-sent events and over a WebSocket: the same JSON objects, resumed after any number."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response, WebSocket
from starlette.responses import StreamingResponse
from starlette.websockets import WebSocketDisconnect

from sayit.bridge.gateway_client import Gateway
from sayit.bridge.http.dependencies import Caller, Deps, Parts
from sayit.bridge.http.event_schemas import event_document
from sayit.bridge.http.job_wait import events_and_beats
from sayit.bridge.http.openapi import JobId, problems
from sayit.bridge.http.problems import fault_for, language_of, problem
from sayit.speech.errors import ErrorKind, SayItError

#: When a client that lost its stream should reconnect, in milliseconds.
_RETRY_MS = 2_000
#: The WebSocket's subprotocol; a browser's key goes beside it, as `sayit.key.<key>`.
_PROTOCOL = "sayit.v1"


routes = APIRouter(prefix="/v1/jobs", tags=["events"])


@routes.get(
    "/{job_id}/events",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "`event: state|text|refinement|completed|failed|progress|partial`, and as data an "
            "EventDocument in one line.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        204: {"description": "The job has ended, and the client has seen its last event."},
        **problems(ErrorKind.JOB_NOT_FOUND),
    },
)
async def watch_job(
    request: Request,
    deps: Parts,
    gateway: Caller,
    job_id: JobId,
    after_seq: Annotated[int | None, Query(ge=0, le=2**31, description="As Last-Event-ID, and weaker.")] = None,
    last_event_id: Annotated[int | None, Header(ge=0, le=2**31, alias="Last-Event-ID")] = None,
) -> Response:
    """A job's events as they happen (server-sent events).

    `id:` is the number of a durable event; a client that comes back with it in `Last-Event-ID` misses nothing. Progress
    and partial text have no id. Comments keep the connection alive. 204 when there is nothing left to come, which ends
    an EventSource.
    """
    after = last_event_id if last_event_id is not None else (after_seq or 0)
    if await _is_over(gateway, job_id, after):
        return Response(status_code=204)
    return StreamingResponse(
        _server_sent(deps, gateway, job_id, after, language_of(request)),
        media_type="text/event-stream",
        # X-Accel-Buffering: nginx passes data on without buffering.
        headers={"X-Accel-Buffering": "no"},
    )


async def _is_over(gateway: Gateway, job_id: str, after: int) -> bool:
    """Whether the job has ended and its last event was seen.

    Raises:
        SayItError: JOB_NOT_FOUND; INVALID_ARGUMENT for a number that is still to come.
    """
    job = await gateway.get(job_id)
    if after > job.last_seq:
        raise SayItError(ErrorKind.INVALID_ARGUMENT, field="Last-Event-ID", reason=f"there is no event {after} yet")
    return job.state.terminal and after == job.last_seq


async def _server_sent(
    deps: Deps, gateway: Gateway, job_id: str, after: int, language: str
) -> AsyncGenerator[str, None]:
    yield f"retry: {_RETRY_MS}\n\n"
    every_s = deps.settings.heartbeat_interval_s
    watcher = events_and_beats(gateway, job_id, after, every_s=every_s, stopping=deps.stopping)
    try:
        async with aclosing(watcher) as events:
            async for event in events:
                if event is None:
                    yield ": still there\n\n"
                    continue
                document = event_document(event, language)
                number = f"id: {event.seq}\n" if event.seq else ""
                yield f"{number}event: {document.type}\ndata: {document.model_dump_json()}\n\n"
    except SayItError as error:
        # The status was sent already. The client resumes after its last number, and gets the error then.
        yield f": {error.code}\n\n"


@routes.websocket("/{job_id}/ws")
async def watch_job_ws(websocket: WebSocket, deps: Parts, gateway: Caller, job_id: str, after_seq: int = 0) -> None:
    """Sends events until the last one; what the client sends is ignored."""
    after = max(0, after_seq)
    offered = websocket.headers.get("sec-websocket-protocol", "")
    subprotocol = _PROTOCOL if _PROTOCOL in {name.strip() for name in offered.split(",")} else None
    await websocket.accept(subprotocol)
    language = language_of(websocket)
    every_s = deps.settings.heartbeat_interval_s
    try:
        if await _is_over(gateway, job_id, after):
            await websocket.close(1000)
            return
        watcher = events_and_beats(gateway, job_id, after, every_s=every_s, stopping=deps.stopping)
        async with aclosing(watcher) as events:
            async for event in events:
                # Between events uvicorn's pings keep the connection alive.
                if event is not None:
                    await websocket.send_text(event_document(event, language).model_dump_json())
        if deps.stopping.is_set():
            await websocket.close(1012, "the bridge stops: connect again, after the last number")
        else:
            await websocket.close(1000)
    except SayItError as error:
        fault = fault_for(error, websocket)
        await websocket.send_json({"type": "problem", "problem": problem(fault)})
        await websocket.close(1011 if fault.status >= 500 else 1008, fault.code)
    except WebSocketDisconnect:
        return
