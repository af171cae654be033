"""Whether a file can be audio, by its first bytes, whatever it is called and declared as.

The decoder decides in the end. This refuses what is certainly not audio before megabytes are moved.
"""

from __future__ import annotations

import string

from starlette.requests import Request

from sayit.speech.errors import ErrorKind, SayItError

#: How files begin that are not audio.
_SIGNATURES = (
    b"%PDF-",
    b"\x89PNG\r\n",
    b"\xff\xd8\xff",
    b"GIF8",
    b"PK\x03\x04",
    b"\x7fELF",
    b"MZ\x90",
    b"\x1f\x8b",
    b"Rar!",
)
_TEXT = frozenset(string.printable.encode())
#: Shorter texts may be anything.
_SHORTEST_TEXT = 64


def media_type_of(request: Request) -> str:
    """The declared type of a request's body, in lower case, without parameters; empty without one."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def check_head(head: bytes) -> None:
    """Refuses a file by its first bytes (up to a few hundred).

    Raises:
        SayItError: INVALID_FORMAT for pictures, archives, programs and text.
    """
    text = len(head) >= _SHORTEST_TEXT and _TEXT.issuperset(head)
    if text or head.startswith(_SIGNATURES):
        raise SayItError(ErrorKind.INVALID_FORMAT, field="file", cause="its first bytes are not audio's")
