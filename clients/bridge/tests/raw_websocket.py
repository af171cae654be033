"""WebSocket frames as no library would send them."""

from __future__ import annotations

import asyncio
import struct
from contextlib import suppress
from dataclasses import dataclass

#: Opcodes.
CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def frame(opcode: int, data: bytes = b"", *, fin: bool = True, masked: bool = True, rsv: int = 0) -> bytes:
    """One frame; its mask is zeros."""
    mask, size = 0x80 if masked else 0, len(data)
    if size < 126:
        length = bytes([mask | size])
    elif size < 1 << 16:
        length = bytes([mask | 126]) + struct.pack(">H", size)
    else:
        length = bytes([mask | 127]) + struct.pack(">Q", size)
    return bytes([fin << 7 | rsv << 4 | opcode]) + length + (bytes(4) if masked else b"") + data


@dataclass
class RawSocket:
    """A connection that has said its handshake."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    #: The handshake's answer.
    head: bytes

    @classmethod
    async def opened(cls, host: str, port: int, path: str, *headers: str) -> RawSocket:
        """Connects and shakes hands."""
        reader, writer = await asyncio.open_connection(host, port)
        lines = (
            *(f"GET {path} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade"),
            *("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Version: 13", *headers),
        )
        writer.write("\r\n".join((*lines, "", "")).encode())
        return cls(reader, writer, await reader.readuntil(b"\r\n\r\n"))

    async def close_code(self, *sent: bytes) -> int:
        """Sends these bytes; the code that the other side then closes with, 0 for none."""
        with suppress(ConnectionError):
            for piece in sent:
                self.writer.write(piece)
                await self.writer.drain()
        code = 0
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                opcode, data = await self._next()
                if opcode == CLOSE:
                    code = struct.unpack(">H", data[:2])[0]
        return code

    async def _next(self) -> tuple[int, bytes]:
        first, size = await self.reader.readexactly(2)
        if size >= 126:
            form = ">H" if size == 126 else ">Q"
            [size] = struct.unpack(form, await self.reader.readexactly(struct.calcsize(form)))
        return first & 0x0F, await self.reader.readexactly(size)

    def abort(self) -> None:
        """Breaks the connection."""
        self.writer.transport.abort()
