"""uvicorn's WebSocket protocol with limits for what a client makes of its frames, and for one that does not read.

uvicorn itself takes all frames that have arrived at once, 40,000 in 256 KiB; answers pings whether or not the answers
are read; keeps the pieces of a message however many there are; and has its socket hold megabytes of audio, which a ping
waits behind.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame

from sayit.bridge.settings import BridgeSettings

#: Bytes that are parsed before others have their turn: at most 680 frames.
_PIECE_BYTES = 4 * 1024
#: The socket's buffer, which the system would make as large as 6 MiB: what waits in front of a client's ping while the
#: application does not read. Live speech is 64 KB a second, and what is sent at once loses no time by it.
_BUFFER_BYTES = 64 * 1024
#: Most frames of one message; libraries make pieces of 4 KiB or more.
_MAX_FRAGMENTS = 1024
#: Most pings and pongs between two messages; libraries send one in 20 s, and a client may say nothing for minutes.
_MAX_CONTROL_FRAMES = 256


def websocket_protocol(settings: BridgeSettings) -> type[asyncio.Protocol]:
    """The protocol class with the limits in the settings."""

    class WebSocketProtocol(_BoundedWebSocket):
        limits = settings

    return WebSocketProtocol


class _BoundedWebSocket(WebSocketsSansIOProtocol):
    """Parses a little at a time, and closes connections whose client splits messages for nothing or does not read."""

    limits: BridgeSettings
    _parsing: asyncio.Handle | None = None
    _reader_timer: asyncio.TimerHandle | None = None
    _control_frames = 0
    _heard_at_s = 0.0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._unparsed = bytearray()
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)

    def data_received(self, data: bytes) -> None:
        self._heard_at_s = self.loop.time()
        self._unparsed += data
        self._go_on()

    def connection_lost(self, exc: Exception | None) -> None:
        for handle in (self._parsing, self._reader_timer):
            if handle is not None:
                handle.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._reader_timer is None:
            self._reader_timer = self.loop.call_later(self.limits.slow_reader_s, self.transport.abort)
        self.transport.pause_reading()  # every ping would be answered, into memory

    def resume_writing(self) -> None:
        if self._reader_timer is not None:
            self._reader_timer.cancel()
            self._reader_timer = None
        super().resume_writing()
        self._go_on()

    async def receive(self) -> Any:
        message = await super().receive()
        self._go_on()
        return message

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True  # or a refusal would be logged as an application that answers nothing
        self._go_on()  # after its closing frame it reads again, whatever the application has taken

    def keepalive_timeout(self) -> None:
        # Its answer may wait behind its audio; who sends is there, and who is not read cannot answer.
        if self._heard_at_s > self.ping_sent_at or self.read_paused:
            self.pong_timer = self.loop.call_later(self.ping_timeout or 0.0, self.keepalive_timeout)
            self.ping_sent_at = self.loop.time()
        else:
            super().keepalive_timeout()

    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) >= _MAX_FRAGMENTS:
            self._refuse(CloseCode.MESSAGE_TOO_BIG, "the message has too many frames")
        else:
            super().handle_cont(event)

    def handle_ping(self) -> None:
        self._count_control_frame()
        super().handle_ping()

    def handle_pong(self, event: Frame) -> None:
        self._count_control_frame()
        super().handle_pong(event)

    def send_receive_event_to_app(self) -> None:
        self._control_frames = 0
        super().send_receive_event_to_app()

    @property
    def _is_unanswered(self) -> bool:
        """Whether the application has not accepted the client yet, which may send nothing before."""
        return self.handshake_initiated and not self.handshake_complete

    def _go_on(self) -> None:
        """Reads, or parses what was read, unless the application or the client is behind."""
        if self.transport.is_closing():
            self._unparsed.clear()
        elif self.read_paused or self._reader_timer is not None or self._is_unanswered:
            self.transport.pause_reading()
        elif not self._unparsed:
            self.transport.resume_reading()
        elif self._parsing is None:
            self.transport.pause_reading()
            self._parsing = self.loop.call_soon(self._parse)

    def _parse(self) -> None:
        self._parsing = None
        if self.transport.is_closing() or self.read_paused or self._is_unanswered:
            return
        piece = bytes(self._unparsed[:_PIECE_BYTES])
        del self._unparsed[:_PIECE_BYTES]
        super().data_received(piece)
        self._go_on()

    def _count_control_frame(self) -> None:
        self._control_frames += 1
        if self._control_frames > _MAX_CONTROL_FRAMES:
            self._refuse(CloseCode.POLICY_VIOLATION, "too many pings")

    def _refuse(self, code: CloseCode, reason: str) -> None:
        if not self.transport.is_closing():
            self.conn.fail(code, reason)
            self.handle_parser_exception()
