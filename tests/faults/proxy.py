"""A TCP proxy that can delay, stall and reset what passes through it."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_BLOCK = 64 * 1024
#: Closing with this option sends a reset instead of a farewell.
_RESET = struct.pack("ii", 1, 0)


class Proxy:
    """Stands before one address.

    Args:
        target: "host:port" of who is really there.
    """

    def __init__(self, target: str) -> None:
        host, port = target.rsplit(":", 1)
        self._target = (host, int(port))
        self._links: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = asyncio.Event()
        self._open.set()
        #: Seconds by which every block is late.
        self.delay_s = 0.0
        #: Connections so far.
        self.connections = 0
        #: Bytes so far.
        self.moved = 0
        #: Where clients connect; known while it runs.
        self.address = ""

    @property
    def links(self) -> int:
        """Connections now."""
        return len(self._links)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Proxy]:
        """Passes connections on while the block runs."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        self.address = f"{host}:{port}"
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def reset(self) -> None:
        """Breaks every connection, as a router that forgot them does."""
        for pair in list(self._links):
            for writer in pair:
                _break(writer)

    def stall(self) -> None:
        """Passes nothing on, as a cable that was pulled out does; nobody is told."""
        self._open.clear()

    def resume(self) -> None:
        """Passes everything on again, what was held back first."""
        self._open.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            there, back = await asyncio.open_connection(*self._target)
        except OSError:
            writer.close()
            self._tasks.discard(task)
            return
        pair = (writer, back)
        self._links.add(pair)
        ways = [asyncio.create_task(self._pass(reader, back)), asyncio.create_task(self._pass(there, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._links.discard(pair)
            for each in pair:
                each.close()
            self._tasks.discard(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while block := await reader.read(_BLOCK):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                await self._open.wait()
                self.moved += len(block)
                writer.write(block)
                await writer.drain()


def _break(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    if connection is not None:
        with suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
