"""Audio in requests: it is passed to the gateway while it arrives, whether as a form or as the body itself.

An upload is opened, the bytes are appended as they come, and the surface makes a job of it once all fields are known;
fields may follow the file. One block is in memory, no file is written. If no job is made of it, the upload is deleted.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fastapi.exceptions import HTTPException, RequestValidationError
from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser, parse_options_header
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from sayit.bridge.gateway_client import Gateway, Upload
from sayit.bridge.http import json_text
from sayit.bridge.http.media_types import check_head, media_type_of
from sayit.bridge.settings import BridgeSettings
from sayit.speech.errors import ErrorKind, SayItError

Model = TypeVar("Model", bound=BaseModel)

#: Bytes of all plain fields of a form, and of a document in JSON.
MAX_FIELDS_BYTES = 64 * 1024
#: Most parts of a form, and bytes of one header of a part; real forms have far fewer.
_MAX_PARTS = 256
_MAX_HEADER_BYTES = 4 * 1024
#: Bytes by which a form may be larger than its file.
_FORM_OVERHEAD_BYTES = 256 * 1024
#: Bytes at a file's beginning by which it is judged.
_HEAD_BYTES = 512
#: The sender's mean speed is checked from here on.
_SPEED_AFTER_S = 20.0
_MEGABYTE = 1_000_000
_LONGEST_BOUNDARY = 70


@dataclass(frozen=True, kw_only=True)
class Received:
    """Audio that has arrived, and what came with it."""

    upload_id: str
    #: Bytes.
    size: int
    #: The file's name as the client gave it; may be empty.
    filename: str
    #: The form's plain fields in order of arrival; empty where the body was the audio itself.
    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)


class Bodies:
    """Takes audio out of requests."""

    def __init__(self, settings: BridgeSettings) -> None:
        self._settings = settings
        self._receiving = 0

    @asynccontextmanager
    async def received(
        self, request: Request, gateway: Gateway, *, field: str = "file", head: bytes = b"", keep: int | None = None
    ) -> AsyncIterator[Received]:
        """Receives the request's audio; if the block does not make a job of the upload, it is deleted.

        Args:
            request: its body was not read yet.
            gateway: called with the client's credentials.
            field: the form's field for the file.
            head: what the file lacks before its first byte.
            keep: bytes of the file that are wanted; what follows is read and dropped.

        Raises:
            SayItError: FILE_REQUIRED, FILE_TOO_LARGE, INVALID_FORMAT, INVALID_ARGUMENT, UPLOAD_TOO_SLOW, OVERLOADED,
                or what the gateway says.
            ClientDisconnect: the sender closed the connection.
        """
        opened: list[Upload] = []
        # With an idempotency key of the client the job may be an earlier one, on another upload.
        left = bool(request.headers.get("idempotency-key"))
        try:
            with self.slot():
                received = await self._receive(request, _Sink(gateway, opened, field, head, keep), field)
            yield received
        except BaseException:
            left = True
            raise
        finally:
            for upload in opened if left else ():
                # If a job uses it, the gateway refuses.
                with contextlib.suppress(SayItError):
                    await asyncio.shield(gateway.delete_upload(upload.id))

    async def pieces(
        self, request: Request, *, limit: int | None = None, too_large: Exception | None = None
    ) -> AsyncGenerator[bytes, None]:
        """The request's body as it arrives, counted and timed.

        Args:
            request: its body was not read yet.
            limit: most bytes; by default the largest upload's.
            too_large: what is raised beyond; by default FILE_TOO_LARGE.
        """
        limit = self._settings.max_upload_bytes if limit is None else limit
        too_large = too_large or self.too_large()
        announced = content_length(request)
        if announced is not None and announced > limit:
            raise too_large
        received, waited_s = 0, 0.0
        async with aclosing(_stream(request)) as stream:
            while True:
                began_s = time.monotonic()
                try:
                    async with asyncio.timeout(self._settings.upload_idle_s):
                        piece = await anext(stream, None)
                except TimeoutError:
                    raise SayItError(ErrorKind.UPLOAD_TOO_SLOW) from None
                if piece is None:
                    return
                # Only the time that the bridge waits for the sender counts, not what the gateway takes.
                waited_s += time.monotonic() - began_s
                received += len(piece)
                if received > limit:
                    raise too_large
                if waited_s > _SPEED_AFTER_S and received < self._settings.upload_min_bytes_per_s * waited_s:
                    raise SayItError(ErrorKind.UPLOAD_TOO_SLOW)
                yield piece

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Counts an upload while the block runs; OVERLOADED if there are too many."""
        if self._receiving >= self._settings.bridge_max_uploads:
            raise SayItError(ErrorKind.OVERLOADED, retry_after_s=5.0, cause="full: uploads")
        self._receiving += 1
        try:
            yield
        finally:
            self._receiving -= 1

    async def document(self, request: Request, model: type[Model], *, limit: int = MAX_FIELDS_BYTES) -> Model:
        """The request's body in JSON, of at most so many bytes.

        Raises:
            SayItError: INVALID_ARGUMENT for what is no JSON, UPLOAD_TOO_SLOW.
            HTTPException: 413, it is too long.
            RequestValidationError: it is no such document.
        """
        pieces = self.pieces(request, limit=limit, too_large=HTTPException(413))
        body = b"".join([piece async for piece in pieces])
        try:
            return model.model_validate(json_text.parsed(body))
        except ValidationError as error:
            raise invalid(error) from None
        except ValueError:
            raise _invalid("body", "this is not JSON") from None

    async def _receive(self, request: Request, sink: _Sink, field: str) -> Received:
        if media_type_of(request) == "multipart/form-data":
            return await self._form(request, sink, field)
        upload = await sink.send(self.pieces(request), _disposed_name(request), content_length(request))
        return Received(upload_id=upload.id, size=upload.received_bytes, filename=upload.filename)

    async def _form(self, request: Request, sink: _Sink, field: str) -> Received:
        fields: dict[str, list[str]] = {}
        upload: Upload | None = None
        room = MAX_FIELDS_BYTES
        limit = self._settings.max_upload_bytes
        pieces = self.pieces(request, limit=limit + _FORM_OVERHEAD_BYTES)
        async with aclosing(pieces), aclosing(form_events(pieces, request.headers["content-type"])) as events:
            async for part in events:
                assert isinstance(part, MultipartSegment)  # the others are consumed below
                name, data = part.name or "", _data(events)
                if part.filename is None and name != field:
                    value = await _field(data, name, room)
                    room -= len(name.encode()) + len(value)
                    fields.setdefault(name, []).append(value.decode("utf-8", "replace"))
                    continue
                if name != field:
                    raise _invalid(name, f"the file belongs into the field '{field}'")
                if upload is not None:
                    raise _invalid(field, "one request takes one file")
                filename = part.filename or ""
                upload = await sink.send(_limited(data, limit, self.too_large()), filename, None)
        if upload is None:
            raise SayItError(ErrorKind.FILE_REQUIRED, field=field)
        return Received(upload_id=upload.id, size=upload.received_bytes, filename=filename, fields=fields)

    def too_large(self) -> SayItError:
        """FILE_TOO_LARGE, with the limit."""
        limit_mb = self._settings.max_upload_bytes // _MEGABYTE
        return SayItError(ErrorKind.FILE_TOO_LARGE, field="file", limit_mb=limit_mb)


def content_length(request: Request) -> int | None:
    """The announced length of the body; None without one."""
    value = request.headers.get("content-length", "")
    return int(value) if value.isascii() and value.isdecimal() else None


async def _stream(request: Request) -> AsyncGenerator[bytes, None]:
    """The body's pieces, empty ones left out."""
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        if body := message.get("body", b""):
            yield body
        if not message.get("more_body", False):
            return


@dataclass(frozen=True)
class _Sink:
    """Where a file goes: into an upload."""

    gateway: Gateway
    #: Every upload that was opened.
    opened: list[Upload]
    #: The form's field for the file.
    field: str
    #: What goes before the first byte.
    head: bytes
    #: Bytes of the file that are passed on; all, where it is None.
    keep: int | None

    async def send(self, data: AsyncGenerator[bytes, None], filename: str, size: int | None) -> Upload:
        """Opens an upload once the file's beginning looks like audio, and appends the file."""
        async with aclosing(data):
            head = bytearray()
            async for piece in data:
                head += piece
                if len(head) >= _HEAD_BYTES:
                    break
            if not head:
                raise SayItError(ErrorKind.FILE_REQUIRED, field=self.field)
            if not self.head:
                check_head(bytes(head))
            changed = self.head or self.keep is not None
            upload = await self.gateway.create_upload(filename=filename, size=None if changed else size)
            self.opened.append(upload)
            pieces = _joined(self.head, bytes(head), data, self.keep)
            return await self.gateway.append(upload.id, 0, pieces)


async def _joined(
    before: bytes, head: bytes, rest: AsyncIterator[bytes], keep: int | None
) -> AsyncGenerator[bytes, None]:
    yield before + head[:keep]
    left = None if keep is None else keep - len(head)
    async for piece in rest:
        if left is None or left > 0:
            yield piece[:left]
        left = None if left is None else left - len(piece)


async def _limited(pieces: AsyncGenerator[bytes, None], limit: int, error: SayItError) -> AsyncGenerator[bytes, None]:
    received = 0
    async for piece in pieces:
        received += len(piece)
        if received > limit:
            raise error
        yield piece


async def form_events(pieces: AsyncIterator[bytes], content_type: str) -> AsyncGenerator[Any, None]:
    """Parses a form (multipart/form-data) while it arrives: a MultipartSegment, its bytes, None at its end; the next.

    Raises:
        SayItError: INVALID_ARGUMENT for what is no form, or ends before its end.
    """
    boundary = parse_options_header(content_type)[1].get("boundary", "")
    if not 1 <= len(boundary) <= _LONGEST_BOUNDARY:
        raise _invalid("body", "the form has no boundary")
    try:
        with PushMultipartParser(boundary, max_segment_count=_MAX_PARTS, max_header_size=_MAX_HEADER_BYTES) as parser:
            async for piece in pieces:
                for event in parser.parse(piece):
                    yield event
    except ParserLimitReached:
        raise _invalid("body", "the form has too many fields, or too long names") from None
    except MultipartError:
        raise _invalid("body", "this is not well-formed multipart/form-data, or it ends before its end") from None


async def _data(events: AsyncGenerator[Any, None]) -> AsyncGenerator[bytes, None]:
    """The bytes of the part that began, up to its end."""
    async for event in events:
        if event is None:
            return
        yield event


async def _field(pieces: AsyncIterator[bytes], name: str, room: int) -> bytes:
    value = bytearray()
    async for piece in pieces:
        value += piece
        if len(name) + len(value) > room:
            raise _invalid(name, "the form's fields are too long")
    return bytes(value)


def _disposed_name(request: Request) -> str:
    """The file name in a Content-Disposition header, which a body that is the audio itself may have."""
    _, options = parse_options_header(request.headers.get("content-disposition", ""))
    return str(options.get("filename", ""))


def _invalid(field: str, reason: str) -> SayItError:
    return SayItError(ErrorKind.INVALID_ARGUMENT, field=field[:64], reason=reason)


def invalid(error: ValidationError) -> RequestValidationError:
    """The faults of a document as those of the body that it came in."""
    return RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in error.errors()])
