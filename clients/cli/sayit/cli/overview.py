"""What `sayit status` and `sayit models` print."""

from __future__ import annotations

from sayit.cli import printing
from sayit.cli.connection import Connection
from sayit.cli.exits import Exit
from sayit.cli.transcribing.display import clock
from sayit.speech.system import PartState, SystemStatus


def show_status(connection: Connection, *, as_json: bool) -> Exit:
    """Prints the state of a suite."""
    status = connection.call(lambda client: client.status())
    if as_json:
        printing.as_json(status)
    else:
        _print(status)
    return Exit.FAILED if status.state is PartState.DOWN else Exit.OK


def show_models(connection: Connection, *, as_json: bool) -> None:
    """Prints the models of a suite."""
    models = list(connection.call(lambda client: client.models()))
    if as_json:
        printing.as_json(models)
        return
    printing.table(
        ("MODEL", "TRANSCRIBERS", ""),
        ((one.name, str(one.transcribers), "default" if one.default else "") for one in models),
    )


def _print(status: SystemStatus) -> None:
    print(
        f"SayIt {status.version}: {status.state}, up {clock(status.uptime_s)}, "
        f"{status.transcribers_online} of {status.transcribers_expected} transcribers, "
        f"{status.chunks_waiting} chunks waiting"
    )
    rate = "-" if status.success_rate is None else f"{status.success_rate:.1%}"
    print(f"last 24 h: {status.jobs_per_day} jobs, {rate} completed, mean {printing.seconds(status.mean_time_s)}\n")
    printing.table(("PART", "STATE", "DETAIL"), ((part.name, str(part.state), part.detail) for part in status.parts))
    if status.transcribers:
        print()
        printing.table(
            ("TRANSCRIBER", "MODEL", "BUSY", "SPEED"),
            (
                (one.id, one.model, f"{one.busy} of {one.slots}", f"{one.speed:.1f} ×" if one.speed else "-")
                for one in status.transcribers
            ),
        )
