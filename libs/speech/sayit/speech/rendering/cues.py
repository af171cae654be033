"""Subtitles that can be read: words cut into cues of one or two lines, and the time that each is shown.

Whisper's segments are too long for two lines now and then, and end where its window ended. So words are cut anew:
always at pauses, else where a cut costs the least: best after a sentence, then after a clause or a segment, worst
between words that belong together. A cue that is too short to read is shown for longer, as far as the next one allows.
Channels are cut each by itself; where two speak at once, in single lines, which then share a cue (see `dialogue`).

The limits are broadcasters' (Netflix Timed Text Style Guides, general requirements, English and Korean).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from sayit.speech.rendering.dialogue import Cue, CuePart, CueSpan, crossed, paired
from sayit.speech.rendering.text import channel_mark, is_wide, line, width
from sayit.speech.rendering.units import LINE_CELLS, WIDE_LINE_CELLS, Unit, units_of
from sayit.speech.transcript import Segment, Transcript

#: The shortest cue in milliseconds where words crowd: players drop what is shorter than a frame.
SHORTEST_CUE_MS = 100
#: The shortest and the longest cue otherwise.
_SHORT_CUE_MS = 1_000
_LONGEST_CUE_MS = 7_000
#: Cues nearer than this leave two frames between them, so that the eye notices the change.
_GAP_MS = 80
#: A pause from here on always ends a cue; a shorter one from here on is a good place to end one.
_PAUSE_MS = 700
_BREATH_MS = 250
#: Cells that are read in a second: 20 letters of Latin, 12 of Hangul.
_CELLS_PER_S = 20
_WIDE_CELLS_PER_S = 24
#: Prices: of each cue; of ending one inside a sentence, after a clause, segment or breath; of a sentence's end inside a
#: cue; of a cue that lasts no time at all, less the longer it lasts, up to what is short and what is brief.
_CUE = 0.5
_INSIDE_SENTENCE = 1.0
_AFTER_CLAUSE = 0.4
_TWO_SENTENCES = 0.6
_SHORT = 1.0
_BRIEF = 0.3
_BRIEF_CUE_MS = 3_000


def cues_of(transcript: Transcript, *, naming: bool) -> list[Cue]:
    """Cues in ascending order without overlaps, each at least SHORTEST_CUE_MS long.

    Args:
        transcript: what to show.
        naming: whether the speaker's name, or the channel, stands in front of the text, and needs room.
    """
    channels = {segment.channel for segment in transcript.segments}
    runs = [run for channel in channels for run in _runs(s for s in transcript.segments if s.channel == channel)]
    labels = {(run.channel, run.speaker): _label(run) if naming else "" for run in runs}
    pieces = [piece for run in runs for piece in _cut(run, labels[run.channel, run.speaker])]
    if len(channels) > 1:
        crossing = crossed([piece.stretch for piece in pieces])
        pieces = [
            part
            for piece, crosses in zip(pieces, crossing, strict=True)
            for part in (_cut(piece, labels[piece.channel, piece.speaker], lines=1) if crosses else [piece])
        ]
    return _shown(paired(_cue(piece, labels[piece.channel, piece.speaker]) for piece in pieces))


@dataclass(frozen=True, kw_only=True)
class _Run:
    """Words of one speaker without a pause, or what of them is shown at once."""

    channel: int
    speaker: str
    units: list[Unit]

    @property
    def stretch(self) -> CueSpan:
        end_ms = max(unit.end_ms for unit in self.units)
        return CueSpan(channel=self.channel, start_ms=self.units[0].start_ms, end_ms=end_ms)


def _runs(segments: Iterable[Segment]) -> Iterator[_Run]:
    """The runs of a channel."""
    run: _Run | None = None
    for segment in sorted(segments, key=lambda one: (one.start_s, one.id)):
        speaker = line(segment.speaker)
        for unit in units_of(segment):
            pause_ms = unit.start_ms - run.units[-1].end_ms if run else 0
            if run is None or run.speaker != speaker or not 0 <= pause_ms < _PAUSE_MS:
                if run:
                    yield run
                run = _Run(channel=segment.channel, speaker=speaker, units=[])
            run.units.append(unit)
    if run:
        yield run


def _cut(run: _Run, label: str, *, lines: int = 2) -> list[_Run]:
    """The run in what cues of so many lines show: the cheapest way, found from the end to the beginning."""
    units = run.units
    best = [0.0] * (len(units) + 1)
    ends = [0] * len(units)
    for first in reversed(range(len(units))):
        choices = [
            (_price(units, first, end) + best[end], end)
            for end in _possible_ends(units, first, label_cells=width(label), lines=lines)
        ]
        best[first], ends[first] = min(choices)
    pieces: list[_Run] = []
    first = 0
    while first < len(units):
        pieces.append(replace(run, units=units[first : ends[first]]))
        first = ends[first]
    return pieces


def _cue(piece: _Run, label: str) -> Cue:
    when = piece.stretch
    part = CuePart(channel=piece.channel, speaker=piece.speaker, lines=_lines(piece.units, label))
    return Cue(start_ms=when.start_ms, end_ms=when.end_ms, parts=(part,))


def _possible_ends(units: Sequence[Unit], first: int, *, label_cells: int, lines: int) -> Iterator[int]:
    """Every `end` for which `units[first:end]` is a cue of so many lines and not too long; the first one always is."""
    for end in range(first + 1, len(units) + 1):
        too_long = units[end - 1].end_ms - units[first].start_ms > _LONGEST_CUE_MS
        if end > first + 1 and (too_long or not _fits(units[first:end], label_cells, lines)):
            return
        yield end


def _fits(units: Sequence[Unit], label_cells: int, most: int) -> bool:
    limit = _limit(units)
    cells, lines = label_cells, 1
    for unit in units:
        more = unit.width + (unit.spaced and cells > 0)
        if unit.width > limit:
            return False  # a long Latin word, where Hangul makes the line a short one
        if cells + more > limit:
            lines += 1
            cells = unit.width
        else:
            cells += more
    return lines <= most


def _price(units: Sequence[Unit], first: int, end: int) -> float:
    last = units[end - 1]
    price = _CUE
    if end < len(units) and not last.ends_sentence:
        breath = units[end].start_ms - last.end_ms >= _BREATH_MS
        price += _AFTER_CLAUSE if last.ends_clause or last.ends_segment or breath else _INSIDE_SENTENCE
    price += _TWO_SENTENCES * sum(unit.ends_sentence for unit in units[first : end - 1])
    lasts_ms = last.end_ms - units[first].start_ms
    short, brief = (max(0.0, 1 - lasts_ms / limit_ms) for limit_ms in (_SHORT_CUE_MS, _BRIEF_CUE_MS))
    return price + _SHORT * short + _BRIEF * brief


def _lines(units: Sequence[Unit], label: str) -> tuple[str, ...]:
    """One line if they fit, else two of similar width, the break after a clause if there is one near the middle."""
    limit = _limit(units)
    whole = label + _joined(units)
    if width(label) + _width(units) <= limit:
        return (whole,)
    prices: list[tuple[float, int]] = []
    for place in range(0 if label else 1, len(units)):
        upper = width(label) + _width(units[:place])
        lower = _width(units[place:])
        if upper <= limit and lower <= limit:
            ends_part = place > 0 and (units[place - 1].ends_clause or units[place - 1].ends_sentence)
            prices.append((abs(upper - lower) / limit + (0.0 if ends_part else 0.3), place))
    _, place = min(prices)
    return ((label + _joined(units[:place])).rstrip(), _joined(units[place:]))


def _limit(units: Sequence[Unit]) -> int:
    return WIDE_LINE_CELLS if any(unit.wide for unit in units) else LINE_CELLS


def _joined(units: Sequence[Unit]) -> str:
    return "".join(f" {unit.text}" if unit.spaced else unit.text for unit in units).strip()


def _width(units: Sequence[Unit]) -> int:
    return sum(unit.width + unit.spaced for unit in units) - (units[0].spaced if units else 0)


def _label(run: _Run) -> str:
    """A name in front of a text, a very long one is cut; without one the channel, if there is more than one."""
    if not run.speaker:
        return channel_mark(run.channel)
    kept = ""
    for letter in run.speaker:
        if width(kept + letter) > WIDE_LINE_CELLS // 2:
            return f"{kept.rstrip()}…: "
        kept += letter
    return f"{kept}: "


def _shown(cues: Sequence[Cue]) -> list[Cue]:
    """The cues with the times of their showing: in order, none before the other has gone, none too short to read."""
    starts: list[int] = []
    for cue in cues:
        starts.append(max(cue.start_ms, starts[-1] + SHORTEST_CUE_MS if starts else 0))
    shown = []
    for place, cue in enumerate(cues):
        lasts_ms = max(cue.end_ms - starts[place], _reading_ms(cue), _SHORT_CUE_MS)
        end_ms = starts[place] + min(lasts_ms, _LONGEST_CUE_MS)
        if place + 1 < len(cues):
            with_gap = starts[place + 1] - _GAP_MS
            last_ms = with_gap if with_gap - starts[place] >= SHORTEST_CUE_MS else starts[place + 1]
            end_ms = min(end_ms, last_ms)
        shown.append(replace(cue, start_ms=starts[place], end_ms=end_ms))
    return shown


def _reading_ms(cue: Cue) -> int:
    cells = sum(map(width, cue.lines))
    return 1000 * cells // (_WIDE_CELLS_PER_S if any(map(is_wide, cue.lines)) else _CELLS_PER_S)
