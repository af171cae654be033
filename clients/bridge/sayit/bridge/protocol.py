"""uvicorn's HTTP protocol with an end to waiting: for a request's head, which uvicorn waits for for ever."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


def protocol(header_timeout_s: float) -> type[asyncio.Protocol]:
    """The protocol class; a connection whose head is not complete after so many seconds is closed."""

    class Protocol(_Impatient):
        limit_s = header_timeout_s

    return Protocol


class _Impatient(HttpToolsProtocol):
    """Closes connections that begin a request and do not finish its head."""

    limit_s = 10.0
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._start()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._start()

    def on_headers_complete(self) -> None:
        self._stop()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def _start(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.limit_s, self._too_late)

    def _stop(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _too_late(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self.transport.close()
