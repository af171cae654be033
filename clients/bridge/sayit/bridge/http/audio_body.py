"""Audio in requests: it is passed to the gateway while it arrives, whether as a form or as the body itself.

An upload is opened, the bytes are appended as they come, and the surface makes a job of it once all fields are known;
fields may follow the file. One block is in memory, no file is written. If no job is made of it, the upload is deleted.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect, Request

from sayit.bridge.gateway_client import Gateway, Upload
from sayit.bridge.http.media_types import check_head, check_media_type, media_type_of
from sayit.bridge.http.multipart import FormEvent, PartBegin, boundary_of, form_events
from sayit.bridge.settings import BridgeSettings
from sayit.speech.errors import ErrorKind, SayItError

Model = TypeVar("Model", bound=BaseModel)

#: Bytes of all plain fields of a form, and of a document in JSON.
MAX_FIELDS_BYTES = 64 * 1024
#: Bytes by which a form may be larger than its file.
_FORM_OVERHEAD_BYTES = 256 * 1024
#: Bytes at a file's beginning by which it is judged.
_HEAD_BYTES = 512
#: The sender's mean speed is checked from here on.
_SPEED_AFTER_S = 20.0
_MEGABYTE = 1_000_000


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


def form_content(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A form with a file and these fields, for OpenAPI; routes read it themselves, while it arrives."""
    file = {"type": "string", "format": "binary", "description": "The recording."}
    schema = {"type": "object", "required": ["file"], "properties": {"file": file, **fields}}
    return {"multipart/form-data": {"schema": schema}}


class Bodies:
    """Takes audio out of requests."""

    def __init__(self, settings: BridgeSettings) -> None:
        self._settings = settings
        self._receiving = 0

    @asynccontextmanager
    async def received(self, request: Request, gateway: Gateway) -> AsyncIterator[Received]:
        """Receives the request's audio; if the block does not make a job of the upload, it is deleted.

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
                received = await self._receive(request, gateway, opened)
            yield received
        except BaseException:
            left = True
            raise
        finally:
            for upload in opened if left else ():
                # If a job uses it, the gateway refuses.
                with contextlib.suppress(SayItError):
                    await asyncio.shield(gateway.delete_upload(upload.id))

    async def pieces(self, request: Request, *, limit: int | None = None) -> AsyncGenerator[bytes, None]:
        """The request's body as it arrives, counted and timed.

        Args:
            request: its body was not read yet.
            limit: most bytes; by default the largest upload's.
        """
        limit = self._settings.max_upload_bytes if limit is None else limit
        announced = content_length(request)
        if announced is not None and announced > limit:
            raise self.too_large()
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
                    raise self.too_large()
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

    async def document(self, request: Request, model: type[Model]) -> Model:
        """The request's body in JSON.

        Raises:
            SayItError: INVALID_ARGUMENT for what is no JSON, FILE_TOO_LARGE, UPLOAD_TOO_SLOW.
            RequestValidationError: it is no such document.
        """
        body = b"".join([piece async for piece in self.pieces(request, limit=MAX_FIELDS_BYTES)])
        try:
            return model.model_validate(json.loads(body))
        except ValidationError as error:
            raise invalid(error) from None
        except (ValueError, RecursionError):
            raise SayItError(ErrorKind.INVALID_ARGUMENT, field="body", reason="this is not JSON") from None

    async def _receive(self, request: Request, gateway: Gateway, opened: list[Upload]) -> Received:
        media_type = media_type_of(request)
        if media_type == "multipart/form-data":
            return await self._form(request, gateway, opened)
        check_media_type(media_type)
        upload = await _send(
            gateway,
            opened,
            self.pieces(request),
            filename=_disposed_name(request),
            size=content_length(request),
        )
        return Received(upload_id=upload.id, size=upload.received_bytes, filename=upload.filename)

    async def _form(self, request: Request, gateway: Gateway, opened: list[Upload]) -> Received:
        boundary = boundary_of(request.headers["content-type"])
        fields: dict[str, list[str]] = {}
        upload: Upload | None = None
        room = MAX_FIELDS_BYTES
        limit = self._settings.max_upload_bytes
        pieces = self.pieces(request, limit=limit + _FORM_OVERHEAD_BYTES)
        async with aclosing(pieces), aclosing(form_events(pieces, boundary)) as events:
            async for part in events:
                assert isinstance(part, PartBegin)  # the others are consumed below
                if part.filename is None and part.name != "file":
                    value = await _field(events, part.name, room)
                    room -= len(value)
                    fields.setdefault(part.name, []).append(value.decode("utf-8", "replace"))
                    continue
                if part.name != "file":
                    reason = "the file belongs into the field 'file'"
                    raise SayItError(ErrorKind.INVALID_ARGUMENT, field=part.name[:64], reason=reason)
                if upload is not None:
                    raise SayItError(ErrorKind.INVALID_ARGUMENT, field="file", reason="one request takes one file")
                check_media_type(part.content_type)
                filename = part.filename or ""
                data = _limited(_data(events), limit, self.too_large())
                upload = await _send(gateway, opened, data, filename=filename, size=None)
        if upload is None:
            raise SayItError(ErrorKind.FILE_REQUIRED, field="file")
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


async def _send(
    gateway: Gateway, opened: list[Upload], data: AsyncGenerator[bytes, None], *, filename: str, size: int | None
) -> Upload:
    """Opens an upload once a file's beginning looks like audio, and appends the file."""
    async with aclosing(data):
        head = bytearray()
        async for piece in data:
            head += piece
            if len(head) >= _HEAD_BYTES:
                break
        if not head:
            raise SayItError(ErrorKind.FILE_REQUIRED, field="file")
        check_head(bytes(head))
        upload = await gateway.create_upload(filename=filename, size=size)
        opened.append(upload)
        return await gateway.append(upload.id, 0, _joined(bytes(head), data))


async def _joined(head: bytes, rest: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    yield head
    async for piece in rest:
        yield piece


async def _limited(pieces: AsyncGenerator[bytes, None], limit: int, error: SayItError) -> AsyncGenerator[bytes, None]:
    received = 0
    async for piece in pieces:
        received += len(piece)
        if received > limit:
            raise error
        yield piece


async def _data(events: AsyncGenerator[FormEvent, None]) -> AsyncGenerator[bytes, None]:
    """The bytes of the part that began, up to its end."""
    async for event in events:
        if event is None:
            return
        assert isinstance(event, bytes)
        yield event


async def _field(events: AsyncGenerator[FormEvent, None], name: str, room: int) -> bytes:
    value = bytearray()
    async for data in _data(events):
        value += data
        if len(value) > room:
            raise SayItError(ErrorKind.INVALID_ARGUMENT, field=name[:64], reason="the form's fields are too long")
    return bytes(value)


def _disposed_name(request: Request) -> str:
    """The file name in a Content-Disposition header, which a body that is the audio itself may have."""
    _, options = parse_options_header(request.headers.get("content-disposition", ""))
    return options.get(b"filename", b"").decode("utf-8", "replace")


def invalid(error: ValidationError) -> RequestValidationError:
    """The faults of a document as those of the body that it came in."""
    return RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in error.errors()])
