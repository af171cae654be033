"""One HTTP exchange with a checked address: no redirects, no cookies, no proxies, and bounds for everything."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import h11

from sayit.scheduler.outbound.destinations import Destinations, Target

#: Addresses of a host that are tried, and seconds for each.
_TRIED = 3
_CONNECT_S = 5.0
#: Bytes of an answer's head, and of one read.
_HEAD_BYTES = 16_384
_READ_BYTES = 65_536


class NoAnswerError(Exception):
    """There was no answer, or one that is not HTTP; the text says what happened."""


@dataclass(kw_only=True, eq=False)
class Answer:
    """An answer whose body has not been read."""

    status: int
    #: By name, in lower case.
    headers: dict[str, str]
    _connection: h11.Connection
    _reader: asyncio.StreamReader

    async def pieces(self) -> AsyncGenerator[bytes]:
        """The body as it arrives.

        Raises:
            NoAnswerError: it broke off.
        """
        while True:
            event = await _next(self._connection, self._reader)
            if isinstance(event, h11.Data):
                yield bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return


@dataclass(kw_only=True, eq=False)
class Exchange:
    """Makes requests to where the destinations allow it."""

    destinations: Destinations
    #: What is trusted; None: the system's certificates, which are loaded with the first request.
    tls: ssl.SSLContext | None = None

    @asynccontextmanager
    async def request(
        self, method: str, url: str, headers: Sequence[tuple[str, str]] = (), body: bytes = b""
    ) -> AsyncIterator[Answer]:
        """Sends a request and gives the answer's head. The caller bounds the time.

        Raises:
            RefusedError: the destinations do not allow it.
            NoAnswerError: nothing answered, or what answered speaks no HTTP.
        """
        target = self.destinations.target(url)
        reader, writer = await self._connected(target)
        try:
            connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_BYTES)
            length = [("Content-Length", str(len(body)))] if body else []
            given = [("Host", target.authority), ("User-Agent", "SayIt"), ("Connection", "close"), *length, *headers]
            request = h11.Request(method=method, target=target.path, headers=given)
            sent = [connection.send(request), connection.send(h11.Data(data=body)), connection.send(h11.EndOfMessage())]
            try:
                writer.write(b"".join(part for part in sent if part))
                await writer.drain()
            except OSError as error:
                raise NoAnswerError(str(error)) from error
            while isinstance(event := await _next(connection, reader), h11.InformationalResponse):
                pass
            if not isinstance(event, h11.Response):
                raise NoAnswerError("it is no answer")
            found = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers}
            yield Answer(status=event.status_code, headers=found, _connection=connection, _reader=reader)
        finally:
            writer.transport.abort()  # nothing of it is awaited, whatever the other side does

    async def _connected(self, target: Target) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        tls = name = None
        if target.scheme == "https":
            self.tls = self.tls or ssl.create_default_context()
            tls, name = self.tls, target.host
        cause = OSError("it has no address")
        try:
            for address in (await self.destinations.addresses(target))[:_TRIED]:
                try:
                    async with asyncio.timeout(_CONNECT_S):
                        return await asyncio.open_connection(address, target.port, ssl=tls, server_hostname=name)
                except OSError as error:
                    cause = error
        except OSError as error:
            cause = error
        raise NoAnswerError(f"no connection: {str(cause) or type(cause).__name__}") from cause


async def _next(connection: h11.Connection, reader: asyncio.StreamReader) -> object:
    """The next event of an answer."""
    try:
        while (event := connection.next_event()) is h11.NEED_DATA:
            connection.receive_data(await reader.read(_READ_BYTES))
    except (h11.RemoteProtocolError, OSError) as error:
        raise NoAnswerError(str(error) or type(error).__name__) from error
    if isinstance(event, h11.ConnectionClosed):
        raise NoAnswerError("the connection was closed")
    return event
