"""Writes one document, in a process of its own: a layout on standard input, the file on standard output."""

from __future__ import annotations

import resource
import sys

from sayit.gateway.documents.layout import Layout

#: Seconds of a core: four hours of speech take two of them as PDF.
CPU_S = 120
#: Bytes of memory; the same speech takes 70 MB.
_MEMORY_BYTES = 2 * 1024**3
#: The exit status where a document cannot show the text; standard output then has some of the letters.
UNKNOWN_LETTERS = 3


def main() -> None:
    """Writes the form that the first argument names."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    layout = Layout.from_json(sys.stdin.buffer.read())
    # Each takes a fraction of a second to load.
    if sys.argv[1] == "docx":
        from sayit.gateway.documents import word  # noqa: PLC0415

        content = word.write(layout)
    else:
        from sayit.gateway.documents import pdf  # noqa: PLC0415

        try:
            content = pdf.write(layout)
        except pdf.UnknownLettersError as error:
            sys.stdout.buffer.write(str(error).encode())
            sys.exit(UNKNOWN_LETTERS)
    sys.stdout.buffer.write(content)


if __name__ == "__main__":
    main()
