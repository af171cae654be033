"""A client of the REST bridge, as patient as the SDK; its jobs are judged with those of gRPC's clients."""

from __future__ import annotations

import asyncio
import random
import uuid
from contextlib import suppress
from typing import Any

import httpx

from .load import Load

#: No fault lasts so long.
_PATIENCE_S = 120.0
#: Answers after which the same request may work.
_PASSING = frozenset({408, 429, 500, 502, 503, 504})
_ENDED = frozenset({"completed", "failed", "cancelled"})


async def ask_over_rest(url: str, load: Load, rng: random.Random) -> None:
    """Sends one file after the other until `load` has had enough; each is the load's to judge."""
    wanted = load.options
    asked = {"language": wanted.language, "temperature": wanted.temperature, "beam_size": wanted.beam_size}
    async with httpx.AsyncClient(base_url=url, timeout=10.0, trust_env=False) as client:
        while not load.over:
            clip = rng.choice(load.clips)
            key = {"Idempotency-Key": str(uuid.UUID(int=rng.getrandbits(128)))}
            load.asked += 1
            params = {**asked, "filename": clip.name}
            job = await _patiently(client, "POST", "/v1/jobs", params=params, headers=key, content=clip.audio)
            load.accepted[job["id"]] = clip.name
            while job["state"] not in _ENDED:
                job = await _patiently(client, "GET", f"/v1/jobs/{job['id']}", params={"wait": 5})


async def _patiently(client: httpx.AsyncClient, method: str, path: str, **request: Any) -> dict[str, Any]:
    """The answer's JSON; asks again where that may help."""
    async with asyncio.timeout(_PATIENCE_S):
        while True:
            with suppress(httpx.TransportError):
                answer = await client.request(method, path, **request)
                if answer.status_code not in _PASSING:
                    answer.raise_for_status()
                    found: dict[str, Any] = answer.json()
                    return found
            await asyncio.sleep(0.2)
