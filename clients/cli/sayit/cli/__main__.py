"""Entry point of the `sayit` command: `application` is the command itself, which takes a moment to import."""

from __future__ import annotations

import os
import sys

from sayit.cli.exit_codes import own_version


def main() -> None:
    """Runs the command line; output that cannot be written is one line, where Python would show a defect at the end."""
    try:
        try:
            _run()
        finally:
            sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            from sayit.cli.messages import note  # noqa: PLC0415 - only where something went wrong

            note(f"{error.filename or 'standard output'}: {error.strerror or error}")
        raise SystemExit(1) from None


def _run() -> None:
    if sys.argv[1:] == ["--version"]:
        print(f"sayit {own_version()}")
        return
    # We start processes while gRPC runs; they are other programs at once, and gRPC need not prepare for forks.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    from sayit.cli.application import app  # noqa: PLC0415 - see above

    app(prog_name="sayit")


if __name__ == "__main__":
    main()
