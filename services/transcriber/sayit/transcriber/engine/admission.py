"""Which chunks may use the model: a fixed number of slots, and the chunks that wait for one.

All admitted bulk chunks can be in one call of the decoder, so they have as many slots as a batch has windows;
each other lane has as many of its own. A waiting chunk has not used the model: if the process crashes, that chunk is
not the cause. A chunk that must run alone is admitted when no other is, and no other is admitted beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

from sayit.transcriber.engine.request import EngineRequest


class EngineSlots:
    """The chunks that an engine holds. Not thread-safe: the engine locks.

    Args:
        count: chunks of a lane at once.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._waiting: list[EngineRequest] = []
        self._admitted: list[EngineRequest] = []

    @property
    def admitted(self) -> Sequence[EngineRequest]:
        """The chunks that have a slot."""
        return self._admitted

    @property
    def held(self) -> Sequence[EngineRequest]:
        """The admitted and the waiting ones."""
        return [*self._admitted, *self._waiting]

    def arrive(self, chunk: EngineRequest) -> None:
        """Adds a chunk to those that wait."""
        self._waiting.append(chunk)
        # The sort is stable: within a lane the order of arrival stays.
        self._waiting.sort(key=lambda each: -each.lane)

    def leave(self, chunk: EngineRequest) -> None:
        """Removes a chunk, waiting or admitted."""
        for group in (self._waiting, self._admitted):
            if chunk in group:
                group.remove(chunk)

    def unprepared(self) -> EngineRequest | None:
        """The chunk whose features are needed next."""
        return next((chunk for chunk in self._waiting if not chunk.prepared), None)

    def admit(self) -> list[EngineRequest]:
        """Gives free slots to prepared chunks; returns those chunks."""
        admitted = []
        for chunk in [each for each in self._waiting if each.prepared]:
            if any(other.alone for other in self._admitted) or (chunk.alone and self._admitted):
                break  # a chunk that must be alone is not overtaken
            taken = sum(other.lane is chunk.lane for other in self._admitted)
            if taken < self._count:
                self._waiting.remove(chunk)
                self._admitted.append(chunk)
                admitted.append(chunk)
        return admitted
