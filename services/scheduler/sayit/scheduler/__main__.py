"""`python -m sayit.scheduler`: runs a scheduler until it is told to stop; `--help` lists its settings."""

from __future__ import annotations

from sayit.chassis import entry

if __name__ == "__main__":
    # redis has a use for tokens, which need all of cryptography.
    entry.start("scheduler", "SchedulerSettings", unused=("jwt",))
