"""multipart/form-data (RFC 7578) while it arrives: parts one after the other, only a small field is kept in memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from sayit.speech.errors import ErrorKind, SayItError

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

#: Most bytes of all headers of one part; real forms have far less.
_MAX_HEADER_BYTES = 8 * 1024


@dataclass(frozen=True, kw_only=True)
class PartBegin:
    """A part's headers."""

    #: The field's name.
    name: str
    #: The file's name; None for a plain field.
    filename: str | None
    #: The media type, in lower case, without parameters; empty if not given.
    content_type: str


#: A part begins, bytes of it, or None: it has ended.
FormEvent = PartBegin | bytes | None


def boundary_of(content_type: str) -> bytes:
    """The boundary in a Content-Type header of a form.

    Raises:
        SayItError: INVALID_ARGUMENT where there is none.
    """
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if not boundary or len(boundary) > 70:
        raise _malformed("the form has no boundary")
    return boundary


async def form_events(pieces: AsyncIterable[bytes], boundary: bytes) -> AsyncGenerator[FormEvent, None]:
    """Parses a form while it arrives.

    Raises:
        SayItError: INVALID_ARGUMENT for what is no form, or ends before its end.
    """
    found = _Found()
    parser = MultipartParser(boundary, found.callbacks())
    try:
        async for piece in pieces:
            parser.write(piece)
            for event in found.taken():
                yield event
        parser.finalize()
    except FormParserError:
        raise _malformed("this is not well-formed multipart/form-data") from None
    if not found.complete:
        raise _malformed("the form ends before its last boundary")


class _Found:
    """Collects what the parser calls back."""

    def __init__(self) -> None:
        self.complete = False
        self._events: list[FormEvent] = []
        self._headers: dict[str, bytes] = {}
        self._name = b""
        self._value = b""

    def callbacks(self) -> MultipartCallbacks:
        """The parser's callbacks."""
        return {
            "on_part_begin": self._headers.clear,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._part_data,
            "on_part_end": lambda: self._events.append(None),
            "on_end": self._end,
        }

    def taken(self) -> list[FormEvent]:
        """What was found since the last call."""
        events, self._events = self._events, []
        return events

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]
        self._check()

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._check()

    def _check(self) -> None:
        held = sum(len(name) + len(value) for name, value in self._headers.items())
        if held + len(self._name) + len(self._value) > _MAX_HEADER_BYTES:
            raise _malformed("a part's headers are too long")

    def _header_end(self) -> None:
        self._headers[self._name.decode("latin-1").lower()] = self._value
        self._name = self._value = b""

    def _headers_finished(self) -> None:
        disposition, options = parse_options_header(self._headers.get("content-disposition", b""))
        name = options.get(b"name")
        if disposition != b"form-data" or name is None:
            raise _malformed("a part has no name")
        filename = options.get(b"filename")
        media_type, _ = parse_options_header(self._headers.get("content-type", b""))
        self._events.append(
            PartBegin(
                name=name.decode("utf-8", "replace"),
                filename=None if filename is None else filename.decode("utf-8", "replace"),
                content_type=media_type.decode("latin-1").lower(),
            )
        )

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        self._events.append(data[start:end])

    def _end(self) -> None:
        self.complete = True


def _malformed(reason: str) -> SayItError:
    return SayItError(ErrorKind.INVALID_ARGUMENT, field="body", reason=reason)
