"""Two channels that speak at once, in cues that follow each other: a line of each.

Players stack cues that overlap, hide one of them, or refuse the file. So cues never overlap, whatever speech does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sayit.speech.rendering.units import Unit, joined


@dataclass(frozen=True, kw_only=True)
class CuePart:
    """What one voice says in a cue."""

    #: From 1; 0 where channels were mixed.
    channel: int
    #: In one line; empty where unknown.
    speaker: str
    #: What stands in front of the first line.
    label: str
    #: The words of each line.
    rows: tuple[tuple[Unit, ...], ...]
    #: The word that is said now, where words are highlighted.
    said: Unit | None = None

    @property
    def lines(self) -> tuple[str, ...]:
        """As they are shown, the word that is said between the marks."""
        return tuple((self.label * (n == 0) + joined(row, self.said)).rstrip() for n, row in enumerate(self.rows))


@dataclass(frozen=True, kw_only=True)
class Cue:
    """What a player shows at once; `start_ms` < `end_ms`."""

    start_ms: int
    end_ms: int
    #: One, or two of different channels with a line each.
    parts: tuple[CuePart, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """One or two."""
        return tuple(line for part in self.parts for line in part.lines)


@dataclass(frozen=True, kw_only=True)
class CueSpan:
    """A stretch of speech in a channel."""

    channel: int
    start_ms: int
    end_ms: int


def crossed(stretches: Sequence[CueSpan]) -> list[bool]:
    """Which stretches lie at the same time as one of another channel."""
    found = [False] * len(stretches)
    by_start = sorted(range(len(stretches)), key=lambda place: stretches[place].start_ms)
    ends: dict[int, int] = {}
    for place in by_start:
        one = stretches[place]
        found[place] = any(end > one.start_ms for channel, end in ends.items() if channel != one.channel)
        ends[one.channel] = max(one.end_ms, ends.get(one.channel, 0))
    starts: dict[int, int] = {}
    for place in reversed(by_start):
        one = stretches[place]
        found[place] |= any(start < one.end_ms for channel, start in starts.items() if channel != one.channel)
        starts[one.channel] = one.start_ms
    return found


def paired(cues: Iterable[Cue]) -> list[Cue]:
    """The same cues, in order of start; two neighbours that are said mostly at the same time have become one."""
    made: list[Cue] = []
    for cue in sorted(cues, key=lambda cue: (cue.start_ms, cue.parts[0].channel)):
        if made and _together(made[-1], cue):
            before = made[-1]
            made[-1] = Cue(
                start_ms=before.start_ms, end_ms=max(before.end_ms, cue.end_ms), parts=before.parts + cue.parts
            )
        else:
            made.append(cue)
    return made


def _together(first: Cue, second: Cue) -> bool:
    """Whether two cues fit one, and at least half of the shorter one is said while the other one is."""
    if first.parts[0].channel == second.parts[0].channel or len(first.lines) + len(second.lines) > 2:
        return False
    common_ms = min(first.end_ms, second.end_ms) - second.start_ms
    return 2 * common_ms > min(one.end_ms - one.start_ms for one in (first, second))
