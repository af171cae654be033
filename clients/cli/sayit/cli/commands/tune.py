# ruff: noqa: PLC0415 - what a command needs is imported inside it, so that `sayit --help` is quick
"""`sayit tune`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sayit.cli.commands.arguments import AsJson, ModelName
from sayit.cli.tuning.grid import Goal


def tune(
    goal: Annotated[
        Goal, typer.Option("--goal", help="latency: a short file's wait; throughput: audio per second with a backlog.")
    ] = Goal.THROUGHPUT,
    model: ModelName = "",
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="FOLDER",
            envvar="SAYIT_DATA_DIR",
            help="The data folder of the suite that is to use the result.",
            show_default="the platform's folder for user data",
        ),
    ] = None,
    cores: Annotated[
        int | None,
        typer.Option("--cores", min=1, max=512, help="Cores that transcribers may fill.", show_default="all usable"),
    ] = None,
    budget: Annotated[
        float, typer.Option("--budget", min=1, metavar="SECONDS", help="Nothing new is measured after so long.")
    ] = 300.0,
    as_json: AsJson = False,
) -> None:
    """Measure which transcribers, threads, batch and compute type suit this machine and model, for `sayit up`.

    Real processes with your model work on eight seconds of speech and on full chunks; the machine should do nothing
    else meanwhile. The best setting is written into the data folder, and `sayit up` takes it from there as long as
    machine and model are the same. Ctrl-C changes nothing.
    """
    from sayit.cli import places
    from sayit.cli.tuning import command

    command.run(
        command.Call(
            goal=goal,
            model=model,
            data=(data or places.default_data()).expanduser().absolute(),
            cores=cores,
            budget_s=budget,
            as_json=as_json,
        )
    )
