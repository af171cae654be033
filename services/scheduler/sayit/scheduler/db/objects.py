"""Objects on obstore."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import obstore
from obstore.exceptions import BaseError, NotFoundError, PermissionDeniedError, UnauthenticatedError
from obstore.store import GCSStore, LocalStore, ObjectStore, S3Store, from_url

from sayit.chassis import telemetry
from sayit.chassis.start import StartError
from sayit.speech.errors import ErrorKind, SayItError

#: What obstore raises: its own errors, and the builtin ones it maps some of them to.
_ERRORS = (BaseError, OSError)
_FOLDER = "file://"
#: What trying again does not change: no such bucket, no right to it.
_REFUSED = (FileNotFoundError, PermissionError, NotFoundError, PermissionDeniedError, UnauthenticatedError)
_EXAMINED = "examined"
#: How long a scheduler that starts waits for its store, in seconds.
_VERIFY_S = 5.0
#: Inside an answer of S3's or GCS'.
_MESSAGE = re.compile("<Message>(.*?)</Message>", re.DOTALL)


def store_at(url: str) -> ObjectStore:
    """The folder or bucket that a URL names, see `Objects`.

    Raises:
        BaseError: it names neither.
    """
    if url.startswith(_FOLDER):
        return LocalStore(url.removeprefix(_FOLDER), mkdir=True)
    return from_url(url)


class Objects:
    """Objects in a folder or a bucket.

    Args:
        url: `file:///folder`, `s3://bucket/prefix`, `gs://bucket/prefix`; credentials come from the environment.
        scratch: a local folder for files that are being read; this process's own.
    """

    def __init__(self, url: str, *, scratch: Path) -> None:
        self._root: Path | None = Path(url.removeprefix(_FOLDER)) if url.startswith(_FOLDER) else None
        try:
            self._store = store_at(url)
        except (BaseError, ValueError) as error:
            raise _unavailable(error) from error
        self._scratch = scratch

    async def put(self, key: str, data: bytes) -> None:
        """Stores bytes durably, replacing what was there.

        obstore writes a file and renames it; durable it is only after fsync of file and folder.
        """
        try:
            await obstore.put_async(self._store, key, data)
            if self._root is not None:
                await asyncio.to_thread(sync, self._root / key, self._root)
        except _ERRORS as error:
            raise _unavailable(error) from error

    async def get(self, key: str) -> bytes:
        """The bytes; INTERNAL where they are missing."""
        try:
            found = await obstore.get_async(self._store, key)
            return bytes(await found.bytes_async())
        except FileNotFoundError as error:
            raise SayItError(ErrorKind.INTERNAL, cause=f"the object {key} is missing") from error
        except _ERRORS as error:
            raise _unavailable(error) from error

    @asynccontextmanager
    async def file_of(self, keys: Sequence[str]) -> AsyncIterator[Path]:
        """A local, seekable file that holds these objects one after the other, as long as the context lasts."""
        descriptor, name = tempfile.mkstemp(dir=self._scratch, prefix="original-")
        path = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                for key in keys:
                    await asyncio.to_thread(file.write, await self.get(key))
            yield path
        except OSError as error:
            raise _unavailable(error) from error
        finally:
            path.unlink(missing_ok=True)  # noqa: ASYNC240 - one system call

    async def delete(self, key: str) -> None:
        """Deletes one object; one that is not there is no error."""
        try:
            await obstore.delete_async(self._store, key)
        except FileNotFoundError:
            return
        except _ERRORS as error:
            raise _unavailable(error) from error

    async def delete_prefix(self, prefix: str) -> None:
        """Deletes everything under a prefix."""
        try:
            if self._root is not None:
                # Faster than one call per object, and it leaves no empty folders behind.
                with suppress(FileNotFoundError):
                    await asyncio.to_thread(shutil.rmtree, self._root / prefix)
                return
            async for batch in obstore.list(self._store, prefix):
                await obstore.delete_async(self._store, [entry["path"] for entry in batch])
        except _ERRORS as error:
            raise _unavailable(error) from error

    async def address(self, keys: Sequence[str], joined: str, valid_s: float) -> str:
        """An address of the bucket from which anyone can fetch these objects, one after the other, for so long.

        Several are stored once more as one, under the key `joined`.

        Raises:
            SayItError: INVALID_ARGUMENT for a folder.
        """
        store, [key, *more] = self._store, keys
        if not isinstance(store, S3Store | GCSStore):
            raise no_addresses()
        try:
            if more:
                key = joined
                try:
                    await obstore.head_async(store, key)
                except FileNotFoundError:
                    await obstore.put_async(store, key, self._contents(keys))
            return await obstore.sign_async(store, "GET", key, timedelta(seconds=valid_s))
        except _ERRORS as error:
            raise _unavailable(error) from error

    async def _contents(self, keys: Sequence[str]) -> AsyncIterator[bytes]:
        for key in keys:
            yield await self.get(key)

    async def free_bytes(self) -> int | None:
        """Free bytes; None where that is not known, as of a bucket."""
        if self._root is None:
            return None
        try:
            return (await asyncio.to_thread(shutil.disk_usage, self._root)).free
        except OSError as error:
            raise _unavailable(error) from error

    async def check(self) -> None:
        """Raises UNAVAILABLE unless the store answers."""
        await self.put("check", b"")

    async def examine(self) -> bool:
        """Stores, reads and deletes an object, or raises UNAVAILABLE; returns whether the bucket keeps versions."""
        try:
            stored = await obstore.put_async(self._store, _EXAMINED, b"")
            await self.get(_EXAMINED)
            await obstore.delete_async(self._store, _EXAMINED)
        except _ERRORS as error:
            raise _unavailable(error) from error
        return stored["version"] is not None

    async def verify(self) -> None:
        """Refuses a folder or bucket that is not there or may not be written; what does not answer is not refused.

        Raises:
            StartError: the line says what the store says.
        """
        try:
            async with asyncio.timeout(_VERIFY_S):
                await self.check()
        except TimeoutError:
            telemetry.logger().warning("storage_unreachable", cause="no answer")
        except SayItError as error:
            if isinstance(error.__cause__, _REFUSED):
                raise StartError(f"SAYIT_STORAGE_URL cannot be used: {_said(error.__cause__)}") from None
            telemetry.logger().warning("storage_unreachable", cause=error.cause)


def sync(path: Path, root: Path) -> None:
    """Flushes a file and every folder down to it: any of them may be new."""
    for each in (path, *path.parents):
        descriptor = os.open(each, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if each == root:
            return


def no_addresses() -> SayItError:
    """Refuses an address."""
    reason = "this installation gives out no addresses of its storage (SAYIT_AUDIO_ADDRESS_S)"
    return SayItError(ErrorKind.INVALID_ARGUMENT, reason=reason)


def _said(error: BaseException) -> str:
    """What the store said, in one line; obstore shows its own values after it."""
    text = str(error).partition("\n\nDebug source")[0]
    told = _MESSAGE.search(text)
    return " ".join((told[1] if told else text).split())


def _unavailable(error: Exception) -> SayItError:
    return SayItError(ErrorKind.UNAVAILABLE, retry_after_s=5.0, cause=f"storage: {_said(error)}")
