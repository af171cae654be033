"""Who may use the engine: a table with places, and those who wait for one.

Every bulk chunk on the table can be in one call of the decoder, so there are as many places for them as a batch has;
interactive chunks have as many of their own. Who waits has not touched the engine: if the process dies it is not to
blame. A chunk that must run alone sits down when the table is empty, and nobody joins it.
"""

from __future__ import annotations

from collections.abc import Sequence

from sayit.transcriber.engine.request import EngineRequest


class EngineSlots:
    """The chunks that an engine holds. Not thread-safe: the engine guards it.

    Args:
        count: bulk chunks at once, and interactive ones at once.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._waiting: list[EngineRequest] = []
        self._admitted: list[EngineRequest] = []

    @property
    def admitted(self) -> Sequence[EngineRequest]:
        """Those on the table."""
        return self._admitted

    @property
    def held(self) -> Sequence[EngineRequest]:
        """All of them."""
        return [*self._admitted, *self._waiting]

    def arrive(self, chunk: EngineRequest) -> None:
        """Takes a chunk in."""
        self._waiting.append(chunk)
        # The sort is stable: within a lane who came first is first.
        self._waiting.sort(key=lambda each: not each.interactive)

    def leave(self, chunk: EngineRequest) -> None:
        """Lets a chunk go, wherever it is."""
        for group in (self._waiting, self._admitted):
            if chunk in group:
                group.remove(chunk)

    def unprepared(self) -> EngineRequest | None:
        """The chunk whose features are needed next."""
        return next((chunk for chunk in self._waiting if not chunk.prepared), None)

    def admit(self) -> list[EngineRequest]:
        """Seats those who are prepared and have a place now; returns them."""
        admitted = []
        for chunk in [each for each in self._waiting if each.prepared]:
            if any(other.alone for other in self._admitted) or (chunk.alone and self._admitted):
                break  # whoever must be alone is waited for
            taken = sum(other.interactive is chunk.interactive for other in self._admitted)
            if taken < self._count:
                self._waiting.remove(chunk)
                self._admitted.append(chunk)
                admitted.append(chunk)
        return admitted
