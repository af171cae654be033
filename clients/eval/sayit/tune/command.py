"""`sayit tune`: measures, and writes the file that `sayit up` reads."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated

import typer
from ctranslate2 import get_supported_compute_types
from rich.console import Console

from sayit.cli import interrupt, printer
from sayit.cli.commands.arguments import AsJson, Data, ModelName, spread
from sayit.cli.exit_codes import Exit, Failure, failing
from sayit.cli.local_suite import lock, tuned
from sayit.cli.local_suite import model as models
from sayit.cli.local_suite.resources import free_bytes, usable_cores
from sayit.cli.local_suite.tuned import Goal
from sayit.cli.messages import note
from sayit.tune import display
from sayit.tune.grid import MeasuredSetting
from sayit.tune.measurement import measure
from sayit.tune.search import Search

#: Memory that other programs on the machine keep, in megabytes.
_SPARE_MB = 500


app = typer.Typer(add_completion=False)


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """The arguments."""

    goal: Annotated[
        Goal, typer.Option("--goal", help="latency: a short file's wait; throughput: audio per second with a backlog.")
    ] = Goal.THROUGHPUT
    model: ModelName = ""
    data: Data
    cores: Annotated[
        int | None,
        typer.Option("--cores", min=1, max=512, help="Cores that transcribers may fill.", show_default="all usable"),
    ] = None
    budget: Annotated[
        float, typer.Option("--budget", min=1, metavar="SECONDS", help="Nothing new is measured after so long.")
    ] = 300.0
    as_json: AsJson = False


@app.command("tune")
@spread
def tune(call: Tuning) -> None:
    """Measure which transcribers, threads, batch and compute type suit this machine and model, for `sayit up`.

    Real processes with your model work on eight seconds of speech and on full chunks; the machine should do nothing
    else meanwhile. The best setting is written into the data folder, and `sayit up` takes it from there as long as
    machine and model are the same. Ctrl-C changes nothing.
    """
    holder = lock.holder_of(call.data)
    if holder is not None:
        raise Failure(
            Exit.FAILED, f"A suite runs on {call.data} (process {holder.pid}): stop it first, or it takes the cores."
        )
    name, folder = models.resolve(call.model)
    today = tuned.fingerprint(name, folder)
    cores = call.cores or usable_cores()
    note(f"Measuring {name} on {cores} of {today.cores} cores, for {call.goal}; about {call.budget / 60:.0f} min.")
    console = Console(stderr=True, highlight=False)
    free = free_bytes()
    with display.live(console) as show:
        search = Search(
            folder=folder,
            goal=call.goal,
            budget_s=call.budget,
            free_mb=None if free is None else free / 1e6 - _SPARE_MB,
            measure=measure,
            show=show,
        )
        chosen = interrupt.run(lambda: search.run(cores, sorted(get_supported_compute_types("cpu"))))
    _conclude(call, search.trials, chosen, today)


def _conclude(
    call: Tuning, trials: list[MeasuredSetting], chosen: MeasuredSetting | None, today: tuned.Fingerprint
) -> None:
    if chosen is None or chosen.figures is None:
        raise Failure(
            Exit.FAILED, "Nothing could be measured:", *(f"  {each.setting}: {each.reason}" for each in trials)
        )
    setting = tuned.Tuned(
        goal=call.goal, setting=chosen.setting, figures=chosen.figures, fingerprint=today, measured_s=time.time()
    )
    with failing():
        path = tuned.write(call.data, setting)
    if call.as_json:
        printer.as_json({"chosen": chosen, "trials": trials})
    else:
        printer.show(display.table(trials, chosen=chosen))
    note(f"Best for {call.goal}: {chosen.setting}. `sayit up` takes it from {path}.")
