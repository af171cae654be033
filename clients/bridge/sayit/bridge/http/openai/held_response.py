"""Answers that are made while the connection stays open."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sayit.chassis import background_tasks

#: A comment in server-sent events: clients skip it, proxies see traffic.
COMMENT = b": still transcribing\n\n"


class Held(Response):
    """An answer that `work` gives; if the client disconnects before, the work is cancelled and `gone` called."""

    def __init__(self, work: Callable[[Send], Awaitable[None]], *, gone: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self._work = work
        self._gone = gone

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Works until the answer is sent or the client has disconnected."""
        working = asyncio.ensure_future(self._work(send))
        leaving = asyncio.create_task(_disconnected(receive))
        try:
            await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
                return
            await background_tasks.end(working)
            await self._gone()
        finally:
            await background_tasks.end(working, leaving)


class Pieces:
    """A body that is sent piece by piece; the status is 200 from the first one on."""

    def __init__(self, send: Send, headers: Mapping[str, str]) -> None:
        self._send = send
        self._headers = headers
        self._clock = asyncio.get_running_loop()
        self._last_s = self._clock.time()
        #: Whether the status has been sent.
        self.begun = False

    @property
    def silent_s(self) -> float:
        """Seconds since the last piece, or since the beginning."""
        return self._clock.time() - self._last_s

    async def send(self, data: bytes) -> None:
        """Sends a piece."""
        await self._begin()
        await self._send({"type": "http.response.body", "body": data, "more_body": True})
        self._last_s = self._clock.time()

    async def event(self, value: Mapping[str, Any]) -> None:
        """Sends a server-sent event with this data."""
        await self.send(b"data: " + compact(value) + b"\n\n")

    async def end(self, data: bytes = b"") -> None:
        """Sends the last piece. Every client treats a body without it as broken."""
        await self._begin()
        await self._send({"type": "http.response.body", "body": data, "more_body": False})

    async def _begin(self) -> None:
        if not self.begun:
            self.begun = True
            headers = [(name.lower().encode(), value.encode()) for name, value in self._headers.items()]
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})


def compact(value: Mapping[str, Any]) -> bytes:
    """A JSON object in one line of UTF-8."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
