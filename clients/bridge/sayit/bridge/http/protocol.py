"""uvicorn's HTTP protocol with limits for what a client sends around bodies, and for one that does not read.

uvicorn itself has a limit for none of it, and its parser keeps a header until it is complete.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sayit.bridge.http.problems import Fault, problem
from sayit.bridge.settings import BridgeSettings

#: Most bytes of an address, of a request's head with it (its trailers count, too), and most headers.
_MAX_URL_BYTES = 16 * 1024
_MAX_HEAD_BYTES = 64 * 1024
_MAX_HEADERS = 128
#: Refusals before there is a request: status line, code, and sentences in both languages, as none is known yet.
_TOO_LARGE = (
    "431 Request Header Fields Too Large",
    "HEADERS_TOO_LARGE",
    "The address or the headers are too long, or too many. 주소나 헤더가 너무 길거나 헤더가 너무 많습니다.",
)
_TOO_MANY = (
    "503 Service Unavailable",
    "OVERLOADED",
    "Too many connections are open; please try again later. 연결이 너무 많습니다. 잠시 후 다시 시도해 주세요.",
)


def protocol(settings: BridgeSettings) -> type[asyncio.Protocol]:
    """The protocol class with the limits in the settings."""

    class HttpProtocol(_BoundedHttp):
        limits = settings

    return HttpProtocol


class _BoundedHttp(HttpToolsProtocol):
    """Refuses what is too long as it comes, and closes connections whose client does not go on or does not read."""

    limits: BridgeSettings
    _head_timer: asyncio.TimerHandle | None = None
    _reader_timer: asyncio.TimerHandle | None = None
    #: Bytes of this request's address, headers and trailers, and how many headers and trailers.
    _head_bytes = 0
    _header_count = 0
    _too_large = False
    #: Bytes that came since the parser last completed anything.
    _pending_bytes = 0
    _in_head = True

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        # Writing is paused while anything waits, and goes on when nothing does: so no answer's rest waits for ever.
        # With 0 asyncio's TLS transport would also pause where nothing waits, and not go on.
        transport.set_write_buffer_limits(high=1)
        if len(self.connections) > self.limits.bridge_max_connections:
            self._refuse(*_TOO_MANY)
            return
        self._start()

    def data_received(self, data: bytes) -> None:
        self._pending_bytes += len(data)
        if getattr(self.cycle, "response_complete", True):  # or there was no request yet
            self._start()  # uvicorn ends its timer of an idle connection with any byte, also with an empty line
        super().data_received(data)
        if self._pending_bytes > _MAX_HEAD_BYTES:
            self._refuse(*_TOO_LARGE)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = self._header_count = 0
        self._in_head = True
        self._start()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count(len(url), too_large=len(self.url) > _MAX_URL_BYTES)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_count += 1
        self._count(len(name) + len(value), too_large=self._header_count > _MAX_HEADERS)
        if self._in_head:  # trailers say nothing that is used, and the request's headers are being read
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._stop()
        self._in_head = False
        self._pending_bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._pending_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._pending_bytes = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        # The parser reports what a callback raises as an error of its own.
        if self._too_large:
            self._refuse(*_TOO_LARGE)
        else:
            super().send_400_response(msg)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        self._stop_reader()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._reader_timer is None:
            # As many bytes wait for the client as one may have in memory; they cannot be sent, so they are dropped.
            self._reader_timer = self.loop.call_later(self.limits.slow_reader_s, self.transport.abort)

    def resume_writing(self) -> None:
        self._stop_reader()
        super().resume_writing()

    def _count(self, length: int, *, too_large: bool) -> None:
        self._head_bytes += length
        if too_large or self._head_bytes > _MAX_HEAD_BYTES:
            self._too_large = True
            raise ValueError("the request's head is too large")

    def _refuse(self, status: str, code: str, detail: str) -> None:
        """Answers without the application, and ends the connection."""
        if self.transport.is_closing():
            return
        fault = Fault(status=int(status[:3]), code=code, message=detail)
        body = json.dumps(problem(fault), ensure_ascii=False).encode()
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n"
        self.transport.write(f"{head}Retry-After: 5\r\nConnection: close\r\n\r\n".encode() + body)
        self.transport.close()

    def _start(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.limits.header_timeout_s, self._too_late)

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
