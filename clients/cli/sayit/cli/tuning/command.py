"""`sayit tune` from its arguments to the file that `sayit up` reads."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from sayit.cli import interrupt, printing
from sayit.cli.exits import Exit, Failure
from sayit.cli.suite import lock, memory
from sayit.cli.suite import model as models
from sayit.cli.suite.cores import usable_cores
from sayit.cli.tuning import display, tuned
from sayit.cli.tuning.grid import Goal, Trial
from sayit.cli.tuning.measuring import measure
from sayit.cli.tuning.search import Search
from sayit.cli.wording import note

#: Left to everything else on the machine, in megabytes.
_SPARE_MB = 500


@dataclass(frozen=True, kw_only=True)
class Call:
    """The arguments."""

    goal: Goal
    model: str
    data: Path
    cores: int | None
    budget_s: float
    as_json: bool


def run(call: Call) -> None:
    """Measures, shows what came of it and writes the best.

    Raises:
        Failure: nothing could be measured, the setting cannot be written, or a suite runs on the data folder.
        SayItError: the model is not there.
    """
    holder = lock.holder_of(call.data)
    if holder is not None:
        raise Failure(
            Exit.FAILED, f"A suite runs on {call.data} (process {holder.pid}): stop it first, or it takes the cores."
        )
    name, folder = models.resolve(call.model)
    today = tuned.fingerprint(name, folder)
    cores = call.cores or usable_cores()
    note(f"Measuring {name} on {cores} of {today.cores} cores, for {call.goal}; about {call.budget_s / 60:.0f} min.")
    console = Console(stderr=True, highlight=False)
    free = memory.free_bytes()
    with display.live(console) as show:
        search = Search(
            folder=folder,
            goal=call.goal,
            budget_s=call.budget_s,
            free_mb=None if free is None else free / 1e6 - _SPARE_MB,
            measure=measure,
            show=show,
        )
        chosen = interrupt.run(lambda: search.run(cores, _compute_types()))
    _conclude(call, search.trials, chosen, today)


def _conclude(call: Call, trials: list[Trial], chosen: Trial | None, today: tuned.Fingerprint) -> None:
    if chosen is None or chosen.figures is None:
        raise Failure(
            Exit.FAILED, "Nothing could be measured:", *(f"  {each.setting}: {each.reason}" for each in trials)
        )
    setting = tuned.Tuned(
        goal=call.goal, setting=chosen.setting, figures=chosen.figures, fingerprint=today, measured_s=time.time()
    )
    try:
        path = tuned.write(call.data, setting)
    except OSError as error:
        raise Failure(Exit.FAILED, f"{call.data} cannot be written: {error.strerror}") from None
    if call.as_json:
        printing.as_json({"chosen": chosen, "trials": trials})
    else:
        width = None if sys.stdout.isatty() else 1_000
        Console(highlight=False, width=width).print(display.table(trials, chosen=chosen))
    note(f"Best for {call.goal}: {chosen.setting}. `sayit up` takes it from {path}.")


def _compute_types() -> list[str]:
    import ctranslate2  # noqa: PLC0415 - a library of the transcriber, needed for this question only

    return sorted(ctranslate2.get_supported_compute_types("cpu"))
