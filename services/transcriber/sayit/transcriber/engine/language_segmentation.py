"""Where speech changes its language inside one window.

The encoder's output keeps the order of time, and the decoder tells a language from a second of it. So the language
of each second is detected on the output that is there anyway, all seconds in one call, which costs what the detection
on the whole window does (7 % of encoding it, with Small's shape). The seconds are joined by the Viterbi algorithm: a
change costs evidence, so that a single doubtful second makes none. Then each change is moved to the dip of loudness
near it whose two sides fit their languages best.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from sayit.transcriber.engine import loudness
from sayit.transcriber.engine.loudness import Levels

#: Detects languages in stretches of a window, each (first frame, frames), all of one length: codes with probabilities.
Hear = Callable[[Sequence[tuple[int, int]]], Sequence[Mapping[str, float]]]

#: Frames of one cell: less is too short to tell a language.
CELL_FRAMES = 100
#: Shorter windows, 6 s, are not searched: of 8 English clips with Whisper base two were cut, of 3 and 6 s, and wrongly.
LEAST_FRAMES = 600
#: What a change must gain, in nats of the cells' probabilities: at 2 no recording of one language has one, and
#: stretches of four seconds are found (from 1 to 4, only short ones differ).
CHANGE_COST = 2.0
#: Least probability that a cell gives a language: a single cell rules none out.
_FLOOR = 0.02
#: Languages compared: whatever the allowed ones are, hardly more are spoken in one window.
_MOST_LANGUAGES = 4
_LEAST_SHARE = 0.1
#: A cell counts if at least this part of it is loud.
_HEARD = 0.15
#: A change is searched so far from where the cells put it, with so much audio on each side of it.
_SEARCH_FRAMES, _SIDE_FRAMES = 150, 80
#: Dips that are tried, at least so far from each other, and from the window's ends.
_DIPS, _APART_FRAMES, _MARGIN_FRAMES = 8, 15, 50
#: What 40 dB of depth are worth, in nats.
_DEPTH = 2.0


@dataclass(frozen=True, kw_only=True)
class LanguageSpan:
    """A part of a window in one language; frames from the window's start."""

    start_frame: int
    end_frame: int
    #: Empty where nothing was heard.
    language: str


def language_spans(
    hear: Hear, features: npt.NDArray[np.float32], languages: Collection[str]
) -> tuple[LanguageSpan, ...]:
    """Cuts a window where its language changes: one stretch for the usual window, at least.

    Args:
        hear: detects languages in stretches of the window's encoding.
        features: log-mel, float32[bands, n] with n frames of audio, without padding.
        languages: those that it may be in, two or more.
    """
    frames = features.shape[1]
    unknown = LanguageSpan(start_frame=0, end_frame=frames, language="")
    if frames < LEAST_FRAMES:
        return (unknown,)
    levels = loudness.levels(features)
    loud = loudness.loud(levels)
    cells = range(0, frames - CELL_FRAMES + 1, CELL_FRAMES)
    starts = [at for at in cells if loud[at : at + CELL_FRAMES].mean() > _HEARD]
    if not starts:
        return (unknown,)
    by_cell = _table(hear([(at, CELL_FRAMES) for at in starts]), tuple(languages))
    mean = by_cell.mean(axis=0)
    likely = [n for n in np.argsort(-mean)[:_MOST_LANGUAGES] if mean[n] >= _LEAST_SHARE or mean[n] == np.max(mean)]
    codes = [tuple(languages)[n] for n in likely]
    path = [codes[n] for n in _path(np.log(np.maximum(_normal(by_cell[:, likely]), _FLOOR)))]
    found: list[LanguageSpan] = []
    begin = 0
    for number, (before, after) in enumerate(pairwise(path), start=1):
        if before == after:
            continue
        cut = _cut(hear, levels, range(begin, frames), around=starts[number], before=before, after=after)
        if cut is not None:
            found.append(LanguageSpan(start_frame=begin, end_frame=cut, language=before))
            begin = cut
    return (*found, LanguageSpan(start_frame=begin, end_frame=frames, language=path[-1]))


def _table(heard: Sequence[Mapping[str, float]], languages: Sequence[str]) -> npt.NDArray[np.float64]:
    """Shares of these languages, one row for each stretch heard."""
    return _normal(np.array([[each.get(code, 0.0) for code in languages] for each in heard]))


def _normal(shares: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    normal: npt.NDArray[np.float64] = (shares + 1e-9) / (shares + 1e-9).sum(axis=1, keepdims=True)
    return normal


def _path(evidence: npt.NDArray[np.float64]) -> list[int]:
    """The best sequence of columns, one for each row, where a change costs (Viterbi)."""
    best = evidence[0]
    came_from = []
    for row in evidence[1:]:
        leader = int(best.argmax())
        stays = best >= best[leader] - CHANGE_COST
        came_from.append(np.where(stays, np.arange(len(best)), leader))
        best = np.where(stays, best, best[leader] - CHANGE_COST) + row
    path = [int(best.argmax())]
    for step in reversed(came_from):
        path.append(int(step[path[-1]]))
    return path[::-1]


def _cut(hear: Hear, levels: Levels, within: range, *, around: int, before: str, after: str) -> int | None:
    """The frame near `around` where one language ends and the other begins; None where there is no room for both."""
    low = max(around - _SEARCH_FRAMES, within.start + _MARGIN_FRAMES)
    high = min(around + _SEARCH_FRAMES, within.stop - _MARGIN_FRAMES)
    dips = _dips(levels, low, high)
    if not dips or within.stop < _SIDE_FRAMES:
        return None
    left = [(max(0, at - _SIDE_FRAMES), _SIDE_FRAMES) for at in dips]
    right = [(min(at, within.stop - _SIDE_FRAMES), _SIDE_FRAMES) for at in dips]
    shares = np.log(np.maximum(_table(hear([*left, *right]), (before, after)), _FLOOR / 2))
    fit = shares[: len(dips), 0] + shares[len(dips) :, 1]
    depth = _DEPTH * (np.quantile(levels, 0.9) - levels[dips])
    return dips[int(np.argmax(fit + depth))]


def _dips(levels: Levels, low: int, high: int) -> list[int]:
    """The quietest frames between, quietest first, each some way from the others."""
    dips: list[int] = []
    for at in np.argsort(levels[low:high], kind="stable") + low if low < high else ():
        if all(abs(int(at) - other) >= _APART_FRAMES for other in dips):
            dips.append(int(at))
        if len(dips) == _DIPS:
            break
    return dips
