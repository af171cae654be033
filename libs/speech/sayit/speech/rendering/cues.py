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
from sayit.speech.rendering.units import BROADCASTERS, WIDE_LINE_CELLS, SubtitleStyle, Unit, units_of
from sayit.speech.transcript import Segment, Transcript

#: The shortest cue in milliseconds where words crowd: players drop what is shorter than a frame.
SHORTEST_CUE_MS = 100
#: The shortest and the longest cue otherwise.
_SHORT_CUE_MS = 1_000
_LONGEST_CUE_MS = 7_000
#: A pause from here on always ends a cue; a shorter one from here on is a good place to end one.
_PAUSE_MS = 700
_BREATH_MS = 250
#: Letters that are read in a second: of Latin, of Hangul.
_CHARS_PER_S = 20
_WIDE_CHARS_PER_S = 12
#: Prices: of each cue; of ending one inside a sentence, after a clause, segment or breath; of a sentence's end inside a
#: cue; of a cue that lasts no time at all, less the longer it lasts, up to what is short and what is brief.
_CUE = 0.5
_INSIDE_SENTENCE = 1.0
_AFTER_CLAUSE = 0.4
_TWO_SENTENCES = 0.6
_SHORT = 1.0
_BRIEF = 0.3
_BRIEF_CUE_MS = 3_000


def cues_of(transcript: Transcript, *, naming: bool, style: SubtitleStyle = BROADCASTERS) -> list[Cue]:
    """Cues in ascending order without overlaps, each at least SHORTEST_CUE_MS long.

    Args:
        transcript: what to show.
        naming: whether the speaker's name, or the channel, stands in front of the text, and needs room.
        style: the limits.
    """
    channels = {segment.channel for segment in transcript.segments}
    runs = [
        run for channel in channels for run in _runs((s for s in transcript.segments if s.channel == channel), style)
    ]
    labels = {(run.channel, run.speaker): _label(run) if naming else "" for run in runs}
    most = style.max_line_count
    pieces = [piece for run in runs for piece in _cut(run, labels[run.channel, run.speaker], style, lines=most)]
    if len(channels) > 1:
        crossing = crossed([piece.stretch for piece in pieces])
        pieces = [
            part
            for piece, crosses in zip(pieces, crossing, strict=True)
            for part in (_cut(piece, labels[piece.channel, piece.speaker], style, lines=1) if crosses else [piece])
        ]
    cues = _shown(paired(_cue(piece, labels[piece.channel, piece.speaker], style) for piece in pieces), style)
    return [each for cue in cues for each in _highlighted(cue)] if style.highlight_words else cues


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


def _runs(segments: Iterable[Segment], style: SubtitleStyle) -> Iterator[_Run]:
    """The runs of a channel."""
    run: _Run | None = None
    for segment in sorted(segments, key=lambda one: (one.start_s, one.id)):
        speaker = line(segment.speaker)
        for unit in units_of(segment, style):
            pause_ms = unit.start_ms - run.units[-1].end_ms if run else 0
            if run is None or run.speaker != speaker or not 0 <= pause_ms < _PAUSE_MS:
                if run:
                    yield run
                run = _Run(channel=segment.channel, speaker=speaker, units=[])
            run.units.append(unit)
    if run:
        yield run


def _cut(run: _Run, label: str, style: SubtitleStyle, *, lines: int) -> list[_Run]:
    """The run in what cues of so many lines show: the cheapest way, found from the end to the beginning."""
    units = run.units
    best = [0.0] * (len(units) + 1)
    ends = [0] * len(units)
    for first in reversed(range(len(units))):
        choices = [
            (_price(units, first, end) + best[end], end)
            for end in _possible_ends(units, first, style, label_cells=width(label), lines=lines)
        ]
        best[first], ends[first] = min(choices)
    pieces: list[_Run] = []
    first = 0
    while first < len(units):
        pieces.append(replace(run, units=units[first : ends[first]]))
        first = ends[first]
    return pieces


def _cue(piece: _Run, label: str, style: SubtitleStyle) -> Cue:
    when = piece.stretch
    rows = _rows(piece.units, label, style)
    part = CuePart(channel=piece.channel, speaker=piece.speaker, label=label, rows=rows)
    return Cue(start_ms=when.start_ms, end_ms=when.end_ms, parts=(part,))


def _possible_ends(
    units: Sequence[Unit], first: int, style: SubtitleStyle, *, label_cells: int, lines: int
) -> Iterator[int]:
    """Every `end` for which `units[first:end]` is a cue of so many lines and not too long; the first one always is."""
    for end in range(first + 1, len(units) + 1):
        too_long = units[end - 1].end_ms - units[first].start_ms > _LONGEST_CUE_MS
        if end > first + 1 and (too_long or not _fits(units[first:end], style, label_cells, lines)):
            return
        yield end


def _fits(units: Sequence[Unit], style: SubtitleStyle, label_cells: int, lines: int) -> bool:
    if any(unit.width > _limit(units, style) for unit in units):
        return False  # a long Latin word, where Hangul makes the line a short one
    return len(_filled(units, label_cells, style)) <= lines


def _filled(units: Sequence[Unit], label_cells: int, style: SubtitleStyle) -> list[tuple[Unit, ...]]:
    """The units in lines, as many in each as fit; a unit that fits none has a line of its own."""
    limit = _limit(units, style)
    rows: list[list[Unit]] = [[]]
    cells = label_cells
    for unit in units:
        more = unit.width + (unit.spaced and cells > 0)
        if (cells and cells + more > limit) or len(rows[-1]) == style.max_words_per_line:
            rows.append([])
            more, cells = unit.width, 0
        rows[-1].append(unit)
        cells += more
    return list(map(tuple, rows))


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


def _rows(units: Sequence[Unit], label: str, style: SubtitleStyle) -> tuple[tuple[Unit, ...], ...]:
    """One line if they fit, else two of similar width, the break after a clause if there is one near the middle."""
    filled = _filled(units, width(label), style)
    if len(filled) != 2:
        return tuple(filled)
    limit, words = _limit(units, style), style.max_words_per_line or len(units)
    prices: list[tuple[float, int]] = []
    for place in range(0 if label else 1, len(units)):
        upper = width(label) + _width(units[:place])
        lower = _width(units[place:])
        if upper <= limit and lower <= limit and max(place, len(units) - place) <= words:
            ends_part = place > 0 and (units[place - 1].ends_clause or units[place - 1].ends_sentence)
            prices.append((abs(upper - lower) / limit + (0.0 if ends_part else 0.3), place))
    place = min(prices)[1] if prices else len(filled[0])  # none: a word that fits no line
    return (tuple(units[:place]), tuple(units[place:]))


def _limit(units: Sequence[Unit], style: SubtitleStyle) -> int:
    return style.cells(wide=any(unit.wide for unit in units))


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


def _shown(cues: Sequence[Cue], style: SubtitleStyle) -> list[Cue]:
    """The cues with the times of their showing: in order, none before the other has gone, none too short to read."""
    starts: list[int] = []
    for cue in cues:
        starts.append(max(cue.start_ms, starts[-1] + SHORTEST_CUE_MS if starts else 0))
    shown = []
    for place, cue in enumerate(cues):
        lasts_ms = max(cue.end_ms - starts[place], _reading_ms(cue, style), _SHORT_CUE_MS)
        end_ms = starts[place] + min(lasts_ms, _LONGEST_CUE_MS)
        if place + 1 < len(cues):
            with_gap = starts[place + 1] - style.min_gap_ms
            last_ms = with_gap if with_gap - starts[place] >= SHORTEST_CUE_MS else starts[place + 1]
            end_ms = min(end_ms, last_ms)
        shown.append(replace(cue, start_ms=starts[place], end_ms=end_ms))
    return shown


def _reading_ms(cue: Cue, style: SubtitleStyle) -> int:
    wide = any(map(is_wide, cue.lines))
    letters = sum(map(width, cue.lines)) / (2 if wide else 1)
    return int(1000 * letters / (style.chars_per_second or (_WIDE_CHARS_PER_S if wide else _CHARS_PER_S)))


def _highlighted(cue: Cue) -> Iterator[Cue]:
    """A cue for each word, marked while it is said, and the plain text while none is."""
    position = cue.start_ms
    words = sorted({unit for part in cue.parts for row in part.rows for unit in row}, key=lambda unit: unit.start_ms)
    for word in words:
        start_ms, end_ms = max(position, word.start_ms), min(cue.end_ms, word.end_ms)
        if end_ms <= start_ms:
            continue
        if start_ms > position:
            yield replace(cue, start_ms=position, end_ms=start_ms)
        parts = tuple(replace(part, said=word) for part in cue.parts)
        yield replace(cue, start_ms=start_ms, end_ms=end_ms, parts=parts)
        position = end_ms
    if position < cue.end_ms:
        yield replace(cue, start_ms=position)
