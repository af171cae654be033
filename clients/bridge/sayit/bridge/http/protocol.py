"""uvicorn's HTTP protocol with time limits for a request's head, and for a client that does not read.

uvicorn itself has a limit for neither.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


def protocol(*, header_timeout_s: float, slow_reader_s: float) -> type[asyncio.Protocol]:
    """The protocol class.

    Args:
        header_timeout_s: a connection whose request's head is not complete by then is closed.
        slow_reader_s: a connection on which none of the waiting bytes could be sent for so long is cut.
    """

    class Protocol(_Impatient):
        limit_s = header_timeout_s
        reader_limit_s = slow_reader_s

    return Protocol


class _Impatient(HttpToolsProtocol):
    """Closes connections that begin a request and do not finish its head, or do not read their answer."""

    limit_s = 10.0
    reader_limit_s = 60.0
    _head_timer: asyncio.TimerHandle | None = None
    _reader_timer: asyncio.TimerHandle | None = None

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
        self._stop_reader()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._reader_timer is None:
            # As many bytes wait for the client as one may have in memory; they cannot be sent, so they are dropped.
            self._reader_timer = self.loop.call_later(self.reader_limit_s, self.transport.abort)

    def resume_writing(self) -> None:
        self._stop_reader()
        super().resume_writing()

    def _start(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.limit_s, self._too_late)

    def _stop(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _stop_reader(self) -> None:
        if self._reader_timer is not None:
            self._reader_timer.cancel()
            self._reader_timer = None

    def _too_late(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self.transport.close()
