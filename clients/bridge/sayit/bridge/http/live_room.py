"""Room for live audio that is read ahead of the service: bounded for one WebSocket, and for all together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sayit.client.audio_sources import BLOCK_BYTES
from sayit.client.live_session import LiveSession

#: Audio that is held for one client and for all together, in bytes. A client that is not read on does not get the
#: answers to its pings, and cuts itself off.
_AHEAD, _AHEAD_TOGETHER = 24 * 1024 * 1024, 192 * 1024 * 1024
#: What a session may hold however little is left: more than two seconds of any audio, for the service stores it, and
#: the session lets go of it, in such parts.
_LEAST = 512 * 1024


class LiveRoom:
    """What the sessions of all WebSockets hold."""

    def __init__(self) -> None:
        self._held: dict[LiveSession, int] = {}
        self._total = 0
        self._sending: set[LiveSession] = set()

    @property
    def held(self) -> int:
        """Bytes of all sessions together."""
        return self._total

    @contextmanager
    def place(self, session: LiveSession) -> Iterator[None]:
        """Counts what a session holds."""
        self._held[session] = 0
        try:
            yield
        finally:
            self._count(session, 0)
            del self._held[session]

    async def send(self, session: LiveSession, audio: bytes) -> None:
        """Sends audio, and waits while there is no room for more; of a session that has its place."""
        for start in range(0, len(audio), BLOCK_BYTES):
            session.most_kept = self._most(session)
            self._sending.add(session)
            try:
                await session.send(audio[start : start + BLOCK_BYTES])
            finally:
                self._sending.discard(session)
                self.look(session)

    def look(self, session: LiveSession) -> None:
        """The session may hold more or less than before."""
        self._count(session, session.kept_bytes)

    def _count(self, session: LiveSession, size: int) -> None:
        grown = size - self._held[session]
        self._held[session] = size
        self._total += grown
        if grown < 0:
            for each in self._sending:
                each.most_kept = self._most(each)

    def _most(self, session: LiveSession) -> int:
        left = _AHEAD_TOGETHER - self._total + self._held[session]
        return max(_LEAST, min(_AHEAD, _AHEAD_TOGETHER // len(self._held), left))
