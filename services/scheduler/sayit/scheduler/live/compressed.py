"""Compressed audio of a live session: decoded by a child process as it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import TypeAlias

from sayit.chassis import background_tasks
from sayit.speech.errors import SayItError

#: Runs a decoder: what is written to it, and the mono 16 kHz s16le that comes of it.
Decompress: TypeAlias = Callable[[], AbstractAsyncContextManager[tuple[asyncio.StreamWriter, AsyncIterator[bytes]]]]

#: Messages of the client that wait for the decoder.
_MOST_WAITING = 4


class CompressedAudio:
    """What a client sends on its way through the decoder.

    Args:
        decompress: runs the decoder.
    """

    def __init__(self, decompress: Decompress) -> None:
        self._decompress = decompress
        self._arrived: asyncio.Queue[bytes | None] = asyncio.Queue(_MOST_WAITING)

    async def put(self, data: bytes | None) -> None:
        """Takes the next bytes, or None for their end; waits while the decoder is behind."""
        await self._arrived.put(data)

    async def decode(self, take: Callable[[bytes], Awaitable[None]]) -> SayItError | None:
        """Decodes to the end; returns what is wrong with the audio. No bytes are no audio, and nothing is wrong then.

        Args:
            take: gets mono 16 kHz s16le, and may make the decoder wait.
        """
        first = await self._arrived.get()
        if first is None:
            return None
        try:
            async with self._decompress() as (writer, audio):
                feeding = asyncio.create_task(self._feed(writer, first))
                try:
                    async for pcm in audio:
                        await take(pcm)
                finally:
                    await background_tasks.end(feeding)
        except SayItError as error:
            return error
        return None

    async def _feed(self, writer: asyncio.StreamWriter, first: bytes) -> None:
        data: bytes | None = first
        with suppress(ConnectionError):  # the decoder has ended, and says why
            while data is not None:
                writer.write(data)
                await writer.drain()
                data = await self._arrived.get()
            writer.close()
