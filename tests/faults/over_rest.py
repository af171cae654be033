"""Clients of the REST bridge, as patient as the SDK; their jobs are judged with those of gRPC's clients."""

from __future__ import annotations

import asyncio
import random
import ssl
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import httpx

from .harness import Clip
from .load import Load

#: No fault lasts so long.
_PATIENCE_S = 120.0
#: Answers after which the same request may work.
_PASSING = frozenset({408, 429, 500, 502, 503, 504})
_ENDED = frozenset({"completed", "failed", "cancelled"})
_TUS = {"Tus-Resumable": "1.0.0"}
#: Bytes of a tus request's body.
_PIECE = 64 * 1024

#: Sends a clip with options under a key; the job.
Send = Callable[[httpx.AsyncClient, Clip, dict[str, Any], str], Awaitable[dict[str, Any]]]
#: Waits for the end of a job; what it was told that contradicts the promise, in words.
Watch = Callable[[httpx.AsyncClient, dict[str, Any]], Awaitable[list[str]]]


async def in_one_body(client: httpx.AsyncClient, clip: Clip, options: dict[str, Any], key: str) -> dict[str, Any]:
    """Sends a file as the body of one request."""
    params = {**options, "filename": clip.name}
    headers = {"Idempotency-Key": key}
    return _json(await _patiently(client, "POST", "/v1/jobs", params=params, headers=headers, content=clip.audio))


async def in_pieces(client: httpx.AsyncClient, clip: Clip, options: dict[str, Any], key: str) -> dict[str, Any]:
    """Sends a file by tus; where a piece has no good answer it asks where to go on."""
    length = {"Upload-Length": str(len(clip.audio))}
    place = (await _patiently(client, "POST", "/v1/uploads", headers=_TUS | length)).headers["Location"]
    offset = 0
    async with asyncio.timeout(_PATIENCE_S):
        while offset < len(clip.audio):
            headers = {**_TUS, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
            with suppress(httpx.TransportError):
                await client.patch(place, headers=headers, content=clip.audio[offset : offset + _PIECE])
            offset = int((await _patiently(client, "HEAD", place, headers=_TUS)).headers["Upload-Offset"])
    asked = {"filename": clip.name, "options": options}
    return _json(await _patiently(client, "POST", f"{place}/jobs", json=asked, headers={"Idempotency-Key": key}))


async def by_asking(client: httpx.AsyncClient, job: dict[str, Any]) -> list[str]:
    """Asks for the job until it has ended."""
    while job["state"] not in _ENDED:
        job = _json(await _patiently(client, "GET", f"/v1/jobs/{job['id']}", params={"wait": 5}))
    return []


async def by_events(client: httpx.AsyncClient, job: dict[str, Any]) -> list[str]:
    """Reads server-sent events, as an EventSource does, up to the answer that none is left."""
    seqs: list[int] = []
    async with asyncio.timeout(_PATIENCE_S):
        while True:
            headers = {"Last-Event-ID": str(seqs[-1])} if seqs else {}
            with suppress(httpx.TransportError):
                async with client.stream("GET", f"/v1/jobs/{job['id']}/events", headers=headers) as answer:
                    if answer.status_code == 204:
                        break
                    if answer.status_code not in _PASSING:
                        answer.raise_for_status()
                        seqs += [int(line[3:]) async for line in answer.aiter_lines() if line.startswith("id:")]
            await asyncio.sleep(0.1)
    return [] if seqs == list(range(1, len(seqs) + 1)) else [f"{job['id']} was told over REST as {seqs}"]


async def ask_over_rest(
    url: str,
    load: Load,
    rng: random.Random,
    *,
    send: Send = in_one_body,
    watch: Watch = by_asking,
    trust: ssl.SSLContext | bool = True,
) -> None:
    """Sends one file after the other until `load` has had enough; each is the load's to judge."""
    wanted = load.options
    options = {"language": wanted.language, "temperature": wanted.temperature, "beam_size": wanted.beam_size}
    async with httpx.AsyncClient(base_url=url, timeout=10.0, trust_env=False, verify=trust) as client:
        while not load.over:
            clip = rng.choice(load.clips)
            load.asked += 1
            job = await send(client, clip, options, str(uuid.UUID(int=rng.getrandbits(128))))
            load.accepted[job["id"]] = clip.name
            load.disorder += await watch(client, job)


async def _patiently(client: httpx.AsyncClient, method: str, path: str, **request: Any) -> httpx.Response:
    """The answer; asks again where that may help."""
    async with asyncio.timeout(_PATIENCE_S):
        while True:
            with suppress(httpx.TransportError):
                answer = await client.request(method, path, **request)
                if answer.status_code not in _PASSING:
                    return answer.raise_for_status()
            await asyncio.sleep(0.2)


def _json(answer: httpx.Response) -> dict[str, Any]:
    found: dict[str, Any] = answer.json()
    return found
