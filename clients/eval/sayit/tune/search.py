"""In which order settings are measured, and when it is enough."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from sayit.cli.local_suite.tuned import Figures, Goal, Setting
from sayit.tune.display import Show
from sayit.tune.grid import MeasuredSetting, best, compute_candidates, memory_mb, shape_candidates
from sayit.tune.measurement import NotMeasuredError

#: Measures a setting of the model in a folder.
Measure = Callable[[Setting, Path], Awaitable[Figures]]


class Search:
    """Measures compute types first, alike in all else; then every shape with the best of them.

    Args:
        folder: the model.
        goal: what is best.
        budget_s: nothing is begun after so many seconds; the first setting always is.
        free_mb: memory that may be taken; None where it is unknown.
        measure: measures one setting.
        show: shows the progress.
    """

    def __init__(
        self, *, folder: Path, goal: Goal, budget_s: float, free_mb: float | None, measure: Measure, show: Show
    ) -> None:
        self.trials: list[MeasuredSetting] = []
        self._folder = folder
        self._model_bytes = (folder / "model.bin").stat().st_size
        self._goal = goal
        self._deadline_s = time.monotonic() + budget_s
        self._free_mb = free_mb
        self._measure = measure
        self._show = show

    async def run(self, cores: int, supported: Sequence[str]) -> MeasuredSetting | None:
        """Measures all that fits; returns the best, or None if nothing could be measured."""
        for setting in compute_candidates(cores, supported):
            await self._try(setting)
        first = best(self.trials, self._goal)
        if first is None:
            return await self._smaller(cores, supported)
        tried = {measured.setting for measured in self.trials}
        for setting in shape_candidates(cores, first.setting.compute_type):
            if setting not in tried:
                await self._try(setting)
        return best(self.trials, self._goal)

    async def _smaller(self, cores: int, supported: Sequence[str]) -> MeasuredSetting | None:
        """Where a transcriber on every core is too much: fewer of them."""
        count = cores // 2
        while count and best(self.trials, self._goal) is None:
            for setting in compute_candidates(count, supported):
                await self._try(setting)
            count //= 2
        return best(self.trials, self._goal)

    async def _try(self, setting: Setting) -> None:
        reason = self._obstacle(setting)
        figures: Figures | None = None
        if not reason:
            self._show(self.trials, setting)
            try:
                figures = await self._measure(setting, self._folder)
            except NotMeasuredError as error:
                reason = str(error)
        self.trials.append(MeasuredSetting(setting=setting, figures=figures, reason=reason))
        self._show(self.trials, None)

    def _obstacle(self, setting: Setting) -> str:
        if any(measured.figures for measured in self.trials) and time.monotonic() > self._deadline_s:
            return "no time left"
        wanted_mb = memory_mb(setting, self._model_bytes, self.trials)
        if self._free_mb is not None and wanted_mb > self._free_mb:
            return f"would take {wanted_mb / 1000:.1f} GB, {self._free_mb / 1000:.1f} GB are free"
        return ""
