"""What `sayit up` makes of a tuned setting: it is taken where the user says nothing else, and if it fits."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sayit.cli.suite.cores import Workforce
from sayit.cli.suite.prepare import chosen_workforce
from sayit.cli.tuning import tuned


def chosen(
    data: Path,
    model: str,
    folder: Path,
    *,
    transcribers: int | None,
    threads: int | None,
    say: Callable[[str], None],
) -> tuple[Workforce, dict[str, str]]:
    """The workforce, and variables for the transcribers that the user did not set.

    Args:
        data: the data folder, which may hold a tuned setting.
        model: name of the model.
        folder: where it lies.
        transcribers: as the user said, if so.
        threads: as the user said, if so.
        say: tells the user.
    """
    found = tuned.read(data)
    if found is None:
        return chosen_workforce(transcribers, threads, say), {}
    why_not = tuned.misfit(found, tuned.fingerprint(model, folder))
    if why_not:
        say(f"The tuned setting in {data / tuned.FILE} is not used: {why_not}. `sayit tune` measures again.")
        return chosen_workforce(transcribers, threads, say), {}
    variables = tuned.variables(found, dict(os.environ))
    day = datetime.fromtimestamp(found.measured_s, UTC).astimezone().strftime("%Y-%m-%d")
    if transcribers is None and threads is None:
        say(f"Tuned for {found.goal} on {day}: {found.setting}.")
        return Workforce(transcribers=found.setting.transcribers, threads=found.setting.threads), variables
    return chosen_workforce(transcribers, threads, say), variables
