"""The table of errors in docs/api.md, made from the code.

`python tests/documentation/error_table.py` writes it anew; the test beside it fails when that was forgotten.
"""

from __future__ import annotations

from pathlib import Path

from sayit.chassis.errors import KIND_TO_GRPC
from sayit.speech.errors import ErrorKind

DOCUMENT = Path(__file__).parents[2] / "docs" / "api.md"
_BEGIN = "<!-- errors: made by tests/documentation/error_table.py -->\n"
_END = "<!-- end of errors -->"


def table() -> str:
    """The table in Markdown, in the order of the kinds."""
    rows = ["| Code | gRPC status | English | Korean |", "|---|---|---|---|"]
    for kind in ErrorKind:
        code = f"`{kind.code}`" + (" (r)" if kind.retryable else "")
        rows.append(f"| {code} | {KIND_TO_GRPC[kind].name} | {kind.value.en} | {kind.value.ko} |")
    return "\n".join(rows) + "\n"


def documented() -> str:
    """The table as the document has it."""
    return DOCUMENT.read_text(encoding="utf-8").partition(_BEGIN)[2].partition(_END)[0]


def write() -> None:
    """Puts the table into the document."""
    head, begin, rest = DOCUMENT.read_text(encoding="utf-8").partition(_BEGIN)
    _, end, tail = rest.partition(_END)
    DOCUMENT.write_text(head + begin + table() + end + tail, encoding="utf-8")


if __name__ == "__main__":
    write()
