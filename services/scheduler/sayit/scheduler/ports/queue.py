"""What the use cases ask of Redis: a doorbell, and an event bus. Both may lose everything at any time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from sayit.speech.dispatch import ChunkMessage


class QueueHealth(Protocol):
    """What the queue says of itself."""

    @property
    def reachable(self) -> bool:
        """Whether it answered."""
        ...

    @property
    def detail(self) -> str:
        """What is wrong, for people; empty if nothing is."""
        ...


class DispatchQueue(Protocol):
    """The doorbell: ids of due chunks. It may lose everything at any time."""

    async def enqueue(self, message: ChunkMessage, *, model: str, interactive: bool) -> None:
        """Rings; UNAVAILABLE when the queue does not answer, OVERLOADED when it is full. Twice the same is once."""
        ...

    async def lost(self, messages: Sequence[tuple[ChunkMessage, str]]) -> list[ChunkMessage]:
        """Those of these messages (and their models) that are not in the queue; UNAVAILABLE as `enqueue`."""
        ...

    async def check(self) -> QueueHealth:
        """How it is; never raises."""
        ...


class EventBus(Protocol):
    """Wakes watchers and carries what is not durable. It may lose everything at any time."""

    async def publish(self, job_id: str, payload: bytes) -> None:
        """Hands a serialized event to the job's watchers; empty bytes mean: read the event log. Never raises."""
        ...

    def subscribe(self, job_id: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """What is published from now on."""
        ...
