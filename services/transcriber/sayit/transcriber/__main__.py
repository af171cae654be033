"""`python -m sayit.transcriber`: runs a transcriber until it is told to stop; `--help` lists its settings."""

from __future__ import annotations

from sayit.chassis import entry
from sayit.transcriber.allocator import keep_memory

if __name__ == "__main__":
    # Before anything else is imported: libraries start threads on the way, and the first thread settles the arenas.
    keep_memory()
    # redis has a use for tokens, which need all of cryptography.
    entry.start("transcriber", "TranscriberSettings", unused=("jwt",))
