"""When a chunk is given up: after crashes it is quarantined, after engine errors its job fails."""

from __future__ import annotations

from sayit.speech.errors import ErrorKind

#: Crashes in a row after which a chunk is quarantined; at the later ones it ran alone on a transcriber.
MAX_CRASHES = 3
#: Engine errors after which a chunk is given up.
MAX_FAILURES = 3


def verdict(*, crashes: int, failures: int) -> ErrorKind | None:
    """The error that ends the job of a chunk with these counts, or None to try the chunk again.

    Interruptions do not count: a rolling restart must never use up a healthy chunk's attempts.
    """
    if crashes >= MAX_CRASHES:
        return ErrorKind.CHUNK_QUARANTINED
    if failures >= MAX_FAILURES:
        return ErrorKind.ENGINE_FAILED
    return None
