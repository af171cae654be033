"""What the use cases ask of the store of bytes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol


class ObjectStore(Protocol):
    """Bytes under keys; `put` returns once they are durable."""

    async def put(self, key: str, data: bytes) -> None:
        """Stores bytes, replacing what was there."""
        ...

    async def get(self, key: str) -> bytes:
        """The bytes; INTERNAL where they are missing."""
        ...

    def file_of(self, keys: Sequence[str]) -> AbstractAsyncContextManager[Path]:
        """A local, seekable file that holds these objects one after the other, as long as the context lasts."""
        ...

    async def delete(self, key: str) -> None:
        """Deletes one object; one that is not there is no error."""
        ...

    async def delete_prefix(self, prefix: str) -> None:
        """Deletes everything under a prefix."""
        ...

    async def free_bytes(self) -> int | None:
        """Room that is left; None where nobody can say, as of a bucket."""
        ...

    async def check(self) -> None:
        """Raises UNAVAILABLE unless the store answers."""
        ...
