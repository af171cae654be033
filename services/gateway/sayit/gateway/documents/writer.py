"""Documents are written by child processes: one each, which takes nothing from other calls and ends in bounded time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys

from sayit.chassis import telemetry
from sayit.gateway.documents.child import CPU_S, UNKNOWN_LETTERS
from sayit.gateway.documents.layout import Layout
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.rendering import Format

#: Documents that are written at once; further ones wait.
_AT_ONCE = 2
#: Most seconds for one document, on a machine whose cores are busy.
_MOST_S = 3.0 * CPU_S
#: What the child inherits of our environment: where its interpreter finds its libraries, nothing else.
_INHERITED = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH")


class DocumentWriter:
    """Writes documents, a few at once."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(_AT_ONCE)

    async def write(self, layout: Layout, form: Format) -> bytes:
        """The file; its child ends when the caller is cancelled.

        Raises:
            SayItError: INVALID_ARGUMENT for a PDF whose font lacks letters of the text; INTERNAL where the child fails.
        """
        data = await asyncio.to_thread(layout.to_json)
        async with self._free:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",  # neither the working directory nor PYTHON* variables decide what it imports
                "-m",
                "sayit.gateway.documents.child",
                str(form),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                cwd="/",
                env={"LC_ALL": "C.UTF-8"} | {name: os.environ[name] for name in _INHERITED if name in os.environ},
            )
            try:
                async with asyncio.timeout(_MOST_S):
                    content, complaint = await process.communicate(data)
            except TimeoutError:
                content, complaint = b"", b"out of time"
            finally:
                if process.returncode is None:
                    with contextlib.suppress(ProcessLookupError):
                        process.kill()
                    await asyncio.shield(process.wait())
        if process.returncode == UNKNOWN_LETTERS:
            reason = f"the font of PDFs has no {' '.join(content.decode())}; ask for docx"
            raise SayItError(ErrorKind.INVALID_ARGUMENT, field="format", reason=reason)
        if process.returncode != 0 or not content:
            last = complaint.decode(errors="replace").strip().rpartition("\n")[2][:200]
            telemetry.logger().error("document_failed", form=form, status=process.returncode, cause=last)
            raise SayItError(ErrorKind.INTERNAL)
        return content
