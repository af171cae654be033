"""Resumable uploads through a real gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from sayit.speech.errors import ErrorKind
from sayit.v1 import upload_service_pb2 as pb

from .helper import failure, suite


async def _append(*sizes: int, start: bool = True) -> AsyncIterator[pb.AppendUploadRequest]:
    if start:
        yield pb.AppendUploadRequest(start=pb.AppendStart(upload_id="upload-1", offset=0))
    for size in sizes:
        yield pb.AppendUploadRequest(data=b"x" * size)


async def test_bytes_are_appended_as_they_come() -> None:
    """Where to append goes first, then the data, then the mark that all was sent."""
    async with suite() as s:
        upload = await s.uploads.AppendUpload(_append(10, 20))
    assert upload.received_bytes == 30
    assert s.fake.received == [("start", 0), ("data", 10), ("data", 20), ("data", 0)]


async def test_data_before_start_is_refused() -> None:
    """Data without a place is INVALID_ARGUMENT."""
    async with suite() as s:
        error = await failure(s.uploads.AppendUpload(_append(10, start=False)))
    assert (error.kind, error.field) == (ErrorKind.INVALID_ARGUMENT, "start")


async def test_refusal_comes_while_the_client_sends() -> None:
    """Too many bytes are refused before the client ends its stream."""
    async with suite() as s:
        s.fake.limit = 50
        call = s.uploads.AppendUpload()
        await call.write(pb.AppendUploadRequest(start=pb.AppendStart(upload_id="upload-1")))
        await call.write(pb.AppendUploadRequest(data=b"x" * 100))
        error = await asyncio.wait_for(failure(call), 5)
    assert error.kind is ErrorKind.FILE_TOO_LARGE


async def test_other_methods_pass_through() -> None:
    """Creating, looking up and deleting answer what the scheduler answers."""
    async with suite() as s:
        assert (await s.uploads.CreateUpload(pb.CreateUploadRequest(filename="a.wav"))).filename == "a.wav"
        error = await failure(s.uploads.GetUpload(pb.GetUploadRequest(upload_id="u")))
        assert (error.kind, error.details["upload_id"]) == (ErrorKind.UPLOAD_NOT_FOUND, "u")
        await s.uploads.DeleteUpload(pb.DeleteUploadRequest(upload_id="upload-1"))
