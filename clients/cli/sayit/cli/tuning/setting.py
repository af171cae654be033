"""What `sayit up` makes of a tuned setting: it is taken where the user says nothing else, and if it fits."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from sayit.cli.suite.cores import Workforce
from sayit.cli.suite.pools import Pool
from sayit.cli.suite.prepare import chosen_workforce
from sayit.cli.tuning import tuned


def chosen(
    data: Path,
    model: str,
    folder: Path,
    *,
    transcribers: int | None,
    threads: int | None,
    others: Sequence[Pool] = (),
    say: Callable[[str], None],
) -> tuple[Workforce, dict[str, str]]:
    """The workforce, and variables for the transcribers that the user did not set.

    Args:
        data: the data folder, which may hold a tuned setting.
        model: name of the model.
        folder: where it lies.
        transcribers: as the user said, if so.
        threads: as the user said, if so.
        others: models beside it, for which the setting says nothing.
        say: tells the user.
    """
    found = tuned.read(data)
    untuned = functools.partial(chosen_workforce, transcribers, threads, say, folder=folder, others=others)
    if found is None:
        return untuned(), {}
    why_not = tuned.misfit(found, tuned.fingerprint(model, folder))
    if why_not:
        say(f"The tuned setting in {data / tuned.FILE} is not used: {why_not}. `sayit tune` measures again.")
        return untuned(), {}
    variables = tuned.variables(found, dict(os.environ))
    day = datetime.fromtimestamp(found.measured_s, UTC).astimezone().strftime("%Y-%m-%d")
    if transcribers is None and threads is None:
        say(f"Tuned for {found.goal} on {day}: {found.setting}.")
        # It was measured alone: what works beside it takes its place on the cores.
        beside = sum(pool.transcribers for pool in others)
        own = max(1, found.setting.transcribers - beside)
        return Workforce(transcribers=own, threads=found.setting.threads), variables
    return untuned(), variables
