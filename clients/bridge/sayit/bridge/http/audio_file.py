"""A recording as a file of which players take the bytes that they need: ranges as in RFC 9110, section 14."""

from __future__ import annotations

import hashlib
import mimetypes
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from sayit.bridge.gateway_client import Gateway, GivenRecording

_UNKNOWN = "application/octet-stream"
#: By the end of the name: the same on every system.
_NAMED = mimetypes.MimeTypes()
for _ending, _type in {"m4a": "mp4", "flac": "flac", "ogg": "ogg", "oga": "ogg"}.items():
    _NAMED.add_type(f"audio/{_type}", f".{_ending}")
#: One range; several are answered with the whole file, as are units that are not known.
_RANGE = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*")
#: As it is: what is compressed already would only take time.
_AS_IT_IS = {
    "Accept-Ranges": "bytes",
    "Cache-Control": "private, no-store",
    "Content-Disposition": "attachment",
    "Content-Encoding": "identity",
}
_BYTES = {_UNKNOWN: {"schema": {"type": "string", "format": "binary"}}}
#: For OpenAPI.
FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file as it was sent; its type is told by its name.", "content": _BYTES},
    206: {"description": "The range of bytes that `Range` names.", "content": _BYTES},
    416: {"description": "The file has no such bytes; `Content-Range` says how many it has."},
}


async def audio_file(request: Request, gateway: Gateway, job_id: str | None) -> Response:
    """A job's recording, or the one that the link shows. What is refused, is refused before the answer begins."""
    wanted = _range(request.headers.get("range", "")) if request.method == "GET" else None
    offset, length = wanted or (0, None if request.method == "GET" else 0)
    recording = await gateway.audio(job_id, offset=offset, length=length)
    size = recording.size
    named = hashlib.sha256((job_id or gateway.credentials).encode()).hexdigest()[:16]
    tag = f'"{named}-{size}"'  # of one that is dictated now the size grows
    headers = {**_AS_IT_IS, "ETag": tag}
    if wanted and request.headers.get("if-range", tag) != tag:
        await recording.data.aclose()
        wanted, recording = None, await gateway.audio(job_id)
    if wanted is None:
        return _answer(recording, 200, {**headers, "Content-Length": str(size)})
    begin = offset if offset >= 0 else max(0, size + offset)
    end = size if length is None else min(size, begin + length)
    if begin >= end:
        await recording.data.aclose()
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{size}"})
    where = {"Content-Range": f"bytes {begin}-{end - 1}/{size}", "Content-Length": str(end - begin)}
    return _answer(recording, 206, {**headers, **where})


def _range(header: str) -> tuple[int, int | None] | None:
    """Offset and length as in GetAudioRequest; None for the whole file."""
    found = _RANGE.fullmatch(header)
    first, last = found.groups() if found else ("", "")
    if first and last:
        return (int(first), int(last) - int(first) + 1) if int(first) <= int(last) else None
    if first:
        return int(first), None
    return (-int(last), int(last)) if last else None


def _answer(recording: GivenRecording, status: int, headers: dict[str, str]) -> Response:
    guessed, _ = _NAMED.guess_type(recording.filename)
    kind = guessed if guessed and guessed.startswith(("audio/", "video/")) else _UNKNOWN

    async def content() -> AsyncGenerator[bytes]:
        async with aclosing(recording.data) as parts:
            async for data in parts:
                yield data

    return StreamingResponse(content(), status, headers, kind)
