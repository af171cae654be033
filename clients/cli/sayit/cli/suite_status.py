"""What `sayit status` and `sayit models` print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sayit.cli import paths, printer
from sayit.cli.connection import SuiteConnection
from sayit.cli.exit_codes import Exit
from sayit.cli.transcription.display import clock
from sayit.speech.system import PartState, SystemStatus

if TYPE_CHECKING:
    from sayit.transcriber.models import ModelFolder


def show_status(connection: SuiteConnection, *, as_json: bool) -> Exit:
    """Prints the state of a suite."""
    status = connection.call(lambda client: client.status())
    if as_json:
        printer.as_json(status)
    else:
        _print(status)
    return Exit.FAILED if status.state is PartState.DOWN else Exit.OK


def show_models(connection: SuiteConnection, *, as_json: bool) -> None:
    """Prints the models of a suite; without an address those of this machine, and of the suite if one runs here."""
    suite = connection.server or paths.running_suite(paths.default_data())
    served = {one.name: one for one in connection.call(lambda client: client.models())} if suite else {}
    here = {} if connection.server else {one.name: one.path for one in _local()}
    found = [
        {
            "name": name,
            "transcribers": served[name].transcribers if name in served else 0,
            "default": name in served and served[name].default,
            "bytes": sum(file.stat().st_size for file in here[name].iterdir()) if name in here else None,
            "folder": str(here[name]) if name in here else None,
        }
        for name in dict.fromkeys((*served, *here))
    ]
    if as_json:
        printer.as_json(found)
        return
    printer.table(
        ("MODEL", "TRANSCRIBERS", "", "SIZE", "FOLDER"),
        (
            (
                str(one["name"]),
                str(one["transcribers"]) if suite else "-",
                "default" if one["default"] else "",
                f"{one['bytes'] / 1e6:.0f} MB" if isinstance(one["bytes"], int) else "-",
                str(one["folder"] or "-"),
            )
            for one in found
        ),
    )


def _local() -> Sequence[ModelFolder]:
    try:
        from sayit.transcriber import models  # noqa: PLC0415 - a service's package, perhaps not installed
    except ModuleNotFoundError:
        return ()
    return models.local()


def _print(status: SystemStatus) -> None:
    print(
        f"SayIt {status.version}: {status.state}, up {clock(status.uptime_s)}, "
        f"{status.transcribers_online} of {status.transcribers_expected} transcribers, "
        f"{status.chunks_waiting} chunks waiting"
    )
    rate = "-" if status.success_rate is None else f"{status.success_rate:.1%}"
    print(f"last 24 h: {status.jobs_per_day} jobs, {rate} completed, mean {printer.seconds(status.mean_time_s)}\n")
    printer.table(("PART", "STATE", "DETAIL"), ((part.name, str(part.state), part.detail) for part in status.parts))
    if status.transcribers:
        print()
        printer.table(
            ("TRANSCRIBER", "MODEL", "BUSY", "SPEED"),
            (
                (one.id, one.model, f"{one.busy} of {one.slots}", f"{one.speed:.1f} ×" if one.speed else "-")
                for one in status.transcribers
            ),
        )
