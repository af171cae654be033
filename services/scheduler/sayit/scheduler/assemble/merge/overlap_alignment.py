"""Overlaps: two chunks transcribed the same seconds of audio; where to change from one to the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sayit.scheduler.assemble.words import ChunkWord

#: Equal words whose times are further apart than this are two words.
TIME_TOLERANCE_S = 1.0
#: Words this far outside the shared audio are still compared.
_SLACK_S = 0.7
#: What a match loses when its times differ by the whole tolerance; below 1, so that one more match always wins.
_TIME_WEIGHT = 0.4
#: Prices of a change: for a word that only the right chunk has and the change drops ...
_RIGHT_LOST = 1.0
#: ... if it is the chunk's first, which the cut may have left half ...
_RIGHT_FIRST_LOST = 0.2
#: ... for a word that only the left chunk has: a model drifts towards a window's end, and is best at its beginning ...
_LEFT_LOST = 0.15
#: ... if the word lies outside the audio that the other chunk has ...
_OUTSIDE_LOST = 2.0
#: ... for a change that is not made at a word which both have ...
_UNANCHORED = 0.3
#: ... and per second that the change is away from the middle of the shared audio.
_OFF_CENTRE = 0.01


@dataclass(frozen=True, kw_only=True)
class Splice:
    """The decision: the left chunk's words before `left_end`, then the right chunk's from `right_start` on."""

    left_end: int
    right_start: int


@dataclass(frozen=True, kw_only=True)
class _Column:
    """One place of the alignment: a word of both chunks, or of one of them."""

    left: ChunkWord | None
    right: ChunkWord | None
    #: Whether the right word is its chunk's first.
    opening: bool = False

    @property
    def middle_s(self) -> float:
        middles = [word.middle_s for word in (self.left, self.right) if word is not None]
        return sum(middles) / len(middles)

    @property
    def shared(self) -> bool:
        return self.left is not None and self.right is not None


def join(left: Sequence[ChunkWord], right: Sequence[ChunkWord], *, start_s: float, end_s: float) -> Splice:
    """Where to change from the left chunk's words to the right one's.

    Both chunks have the audio from `start_s` to `end_s`. Their words there are aligned: the most equal words in equal
    order, of similar alignments the one with the closest times; the other words in between by their times. Of all
    places between two words the change is made at the one that costs the least, see the prices above.
    """
    first = len(left)
    while first > 0 and left[first - 1].word.end_s >= start_s - _SLACK_S:
        first -= 1
    last = 0
    while last < len(right) and right[last].word.start_s <= end_s + _SLACK_S:
        last += 1
    columns = _columns(left[first:], right[:last])
    place = min(range(len(columns) + 1), key=lambda at: _price(columns, at, start_s, end_s))
    return Splice(
        left_end=first + sum(column.left is not None for column in columns[:place]),
        right_start=sum(column.right is not None for column in columns[:place]),
    )


@dataclass(frozen=True, kw_only=True)
class OverlapAgreement:
    """How far two readings of the same audio say the same."""

    #: Words that both have.
    equal: int
    #: The part of all words that both have; 1 where neither has any.
    share: float


def agreement(
    left: Sequence[ChunkWord], right: Sequence[ChunkWord], *, start_s: float, end_s: float
) -> OverlapAgreement:
    """How far both say the same between two times; words are aligned as in `join`."""
    inside = [
        column
        for column in _columns(_near(left, start_s, end_s), _near(right, start_s, end_s))
        if start_s <= column.middle_s <= end_s
    ]
    equal = sum(column.shared for column in inside)
    return OverlapAgreement(equal=equal, share=2 * equal / (len(inside) + equal) if inside else 1.0)


def _near(words: Sequence[ChunkWord], start_s: float, end_s: float) -> list[ChunkWord]:
    return [word for word in words if start_s - _SLACK_S <= word.middle_s <= end_s + _SLACK_S]


def _price(columns: Sequence[_Column], at: int, start_s: float, end_s: float) -> float:
    """What is lost by changing before `columns[at]`."""
    price = 0.0
    for column in columns[at:]:
        if column.right is None:
            price += _OUTSIDE_LOST if column.middle_s < start_s else _LEFT_LOST
    for column in columns[:at]:
        if column.left is None:
            outside = _OUTSIDE_LOST if column.middle_s > end_s else _RIGHT_LOST
            price += _RIGHT_FIRST_LOST if column.opening else outside
    around = columns[max(at - 1, 0) : at + 1]
    if not any(column.shared for column in around):
        price += _UNANCHORED
    where_s = sum(column.middle_s for column in around) / len(around) if around else start_s
    return price + _OFF_CENTRE * abs(where_s - (start_s + end_s) / 2)


def _columns(left: Sequence[ChunkWord], right: Sequence[ChunkWord]) -> list[_Column]:
    """The alignment, in order."""
    columns: list[_Column] = []
    i = j = 0
    for pair_i, pair_j in [*_matches(left, right), (len(left), len(right))]:
        single = [_Column(left=word, right=None) for word in left[i:pair_i]]
        single += [_Column(left=None, right=right[place], opening=place == 0) for place in range(j, pair_j)]
        columns += sorted(single, key=lambda column: column.middle_s)
        if pair_i < len(left):
            columns.append(_Column(left=left[pair_i], right=right[pair_j]))
        i, j = pair_i + 1, pair_j + 1
    return columns


def _matches(left: Sequence[ChunkWord], right: Sequence[ChunkWord]) -> list[tuple[int, int]]:
    """The best alignment's equal words as index pairs: longest common subsequence with a price on time differences."""
    best = [[0.0] * (len(right) + 1) for _ in range(len(left) + 1)]
    for i in range(len(left) - 1, -1, -1):
        for j in range(len(right) - 1, -1, -1):
            matched = best[i + 1][j + 1] + _likeness(left[i], right[j])
            best[i][j] = max(best[i + 1][j], best[i][j + 1], matched)
    pairs: list[tuple[int, int]] = []
    i = j = 0
    while i < len(left) and j < len(right):
        likeness = _likeness(left[i], right[j])
        if likeness > 0 and best[i][j] == best[i + 1][j + 1] + likeness:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return pairs


def _likeness(one: ChunkWord, other: ChunkWord) -> float:
    """0 for different words, else up to 1 the closer their times are; stretched words agree on one side at least."""
    if one.key != other.key:
        return 0.0
    apart_s = min(
        abs(one.word.start_s - other.word.start_s),
        abs(one.word.end_s - other.word.end_s),
        abs(one.middle_s - other.middle_s),
    )
    return 0.0 if apart_s > TIME_TOLERANCE_S else 1.0 - _TIME_WEIGHT * apart_s / TIME_TOLERANCE_S
