"""Two reports on the same recordings: is the second configuration better?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sayit.eval.report import Report, ReportError, Scored, groups
from sayit.eval.statistics import Difference, difference


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One measure on one group of recordings."""

    group: str
    recordings: int
    #: WER, spaced WER or CER.
    measure: str
    difference: Difference


def compare(first: Report, second: Report) -> list[Compared]:
    """Differences between two runs, on the recordings that both have.

    Raises:
        ReportError: they have none in common, or counted differently.
    """
    if first.normaliser is not second.normaliser:
        raise ReportError(f"the first report's words are {first.normaliser}, the second one's {second.normaliser}")
    others = {one.name: one for one in second.recordings}
    shared = [one for one in first.recordings if one.name in others]
    if not shared:
        raise ReportError("the two reports have no recording in common")
    changed = [one.name for one in shared if others[one.name].said != one.said]
    if changed:
        raise ReportError(f"the label of {changed[0]} is not the same in both reports")
    return [
        compared
        for group, members in groups(shared).items()
        for compared in _measures(group, members, [others[one.name] for one in members])
    ]


def _measures(group: str, first: Sequence[Scored], second: Sequence[Scored]) -> list[Compared]:
    measures = {
        "WER": ("word_errors", "words"),
        "spaced WER": ("spaced_word_errors", "words"),
        "CER": ("character_errors", "characters"),
    }
    found = []
    for measure, (errors, units) in measures.items():
        said: list[int] = [getattr(one, units) for one in first]
        if sum(said):
            change = difference([getattr(o, errors) for o in first], [getattr(o, errors) for o in second], said)
            found.append(Compared(group=group, recordings=len(first), measure=measure, difference=change))
    return found
