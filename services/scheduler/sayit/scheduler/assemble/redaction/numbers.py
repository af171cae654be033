"""Which runs of digits are a phone number, a card, an account …: the table of shapes. Pure."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from sayit.scheduler.assemble.redaction.found import Found
from sayit.scheduler.assemble.redaction.spoken_numbers import DigitRun, Group, runs
from sayit.speech.redaction import RedactedKind

#: How far before a number the words stand that say what it is, and how far behind it, in characters.
_BEFORE, _BEHIND = 60, 16
#: Most digits of a number, and hence most groups of it.
_MOST_DIGITS = 19
_DATE = re.compile(r"(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])|(?:0[1-9]|[12]\d|3[01]){2}(?:19|20)\d{2}")
_FIRST_YEAR, _LAST_YEAR = 1800, 2100
#: Numbers in a row, each one more than the one before, that only count.
_MOST_COUNTED = 4
#: In live text: digits that are part of a number, for all that is known so far.
_SOME_DIGITS = 3

_PHONE_WORDS = re.compile(
    r"전화|연락처|핸드폰|휴대폰|휴대전화|폰 ?번호|팩스|내선|phone|\bcall|\breach|\bcell|mobile|\bfax|\bdial|text me|"
    r"\b(?:my|our|your|his|her|the) number is",
    re.IGNORECASE,
)
_LAST_WORDS = re.compile(
    r"(?:뒷|끝) ?(?:네 ?)?(?:자리|번호)|뒤(?:에)? ?네 ?자리|last (?:four|4)(?: digits)?|ending (?:in|with)",
    re.IGNORECASE,
)
_ID_WORDS = re.compile(r"주민|외국인 ?등록|등록 ?번호 ?앞|생년월일", re.IGNORECASE)
_SOCIAL_WORDS = re.compile(r"social security|\bsocial\b|\bssn\b", re.IGNORECASE)
_LICENCE_WORDS = re.compile(r"면허|driver'?s? licen[cs]e", re.IGNORECASE)
_ACCOUNT_WORDS = re.compile(
    r"계좌|통장|은행|뱅크|입금|송금|이체|농협|새마을금고|우체국|\baccount|\brouting|\biban\b|\bdeposit", re.IGNORECASE
)
_CARD_WORDS = re.compile(r"카드|\bcard\b|visa|master ?card|amex|비자", re.IGNORECASE)
_CODE_WORDS = re.compile(r"\bcvc\b|\bcvv\b|씨브이씨|씨브이브이|보안 ?코드|security code", re.IGNORECASE)
_PASSPORT_WORDS = re.compile(r"여권|passport", re.IGNORECASE)
_BUSINESS_WORDS = re.compile(r"사업자|business registration|\bein\b|tax id", re.IGNORECASE)

_KOREAN_PHONE = r"01[016789]\d{7,8}|02\d{7,8}|0[3-6][1-5]\d{7,8}|0[78]0\d{7,8}|050\d{8,9}"
_SERVICE_PHONE = r"1(?:5(?:22|33|44|66|77|88|99)|6(?:00|44|6[168]|70|88)|8(?:00|11|33|55|66|77|99))\d{4}"
_BIRTH = r"\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"


@dataclass(frozen=True, kw_only=True)
class _Window:
    """Some groups of a run, and what stands around them."""

    digits: str
    groups: Sequence[Group]
    plus: bool
    before: str

    @property
    def tight(self) -> bool:
        """Whether nothing but joints stands between the groups."""
        return not any(group.loose for group in self.groups[1:])

    @property
    def lengths(self) -> tuple[int, ...]:
        """The lengths of its groups."""
        return tuple(len(group.digits) for group in self.groups)

    @property
    def single(self) -> bool:
        """Whether it is dictated digit by digit, or nearly."""
        return len(self.groups) >= len(self.digits) - 2

    @property
    def breaks(self) -> set[int]:
        """Behind how many digits, from its end, more than a joint stands."""
        ends = accumulate(len(group.digits) for group in reversed(self.groups))
        return {end for group, end in zip(reversed(self.groups), ends, strict=True) if group.loose} - {len(self.digits)}

    @property
    def counts(self) -> bool:
        """Whether it only counts: one, two, three, four, five."""
        said = [int(group.digits) for group in self.groups]
        return len(said) > _MOST_COUNTED and all(after - before in {0, 1} for before, after in pairwise(said))


@dataclass(frozen=True, kw_only=True)
class _Shape:
    """One row of the table: digits like these are of this kind, if what is asked for holds."""

    kind: RedactedKind
    digits: re.Pattern[str]
    #: How many digits these may be, so that no others are looked at.
    lengths: range
    #: Words that must stand near the number.
    words: re.Pattern[str] | None = None
    #: What else must hold.
    when: Callable[[_Window], bool] = lambda _: True


def _shape(
    kind: RedactedKind,
    digits: str,
    least: int,
    most: int,
    words: re.Pattern[str] | None = None,
    when: Callable[[_Window], bool] = lambda _: True,
) -> _Shape:
    lengths = range(most, least - 1, -1)
    return _Shape(kind=kind, digits=re.compile(digits), lengths=lengths, words=words, when=when)


def _american(window: _Window) -> bool:
    """A number with an area code: in its usual groups, dictated, or one that is given out."""
    if window.breaks - {4, 7}:
        return False
    if window.lengths[-3:] == (3, 3, 4) or window.single:
        return True
    import phonenumbers  # noqa: PLC0415 - a quarter of a second that few jobs need

    return window.tight and phonenumbers.is_valid_number(phonenumbers.parse(window.digits, "US"))


def _international(window: _Window) -> bool:
    if not window.plus:
        return False
    import phonenumbers  # noqa: PLC0415 - as above

    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(f"+{window.digits}"))
    except phonenumbers.NumberParseException:
        return False


def _no_years(window: _Window) -> bool:
    """Two years, from 1588 to 1600, look like a company's number."""
    years = [int(group.digits) for group in window.groups if len(group.digits) == 4]
    two_years = len(window.groups) == len(years) == 2 and years[0] < years[1] <= _LAST_YEAR
    return window.tight and (not two_years or bool(_PHONE_WORDS.search(window.before)))


def _no_list_of_years(window: _Window) -> bool:
    return not all(_FIRST_YEAR <= int(group.digits) <= _LAST_YEAR for group in window.groups)


def _no_date(window: _Window) -> bool:
    return not _DATE.fullmatch(window.digits)


def _luhn(window: _Window) -> bool:
    from stdnum import luhn  # noqa: PLC0415 - as above

    return bool(luhn.is_valid(window.digits))


def _of_a_business(window: _Window) -> bool:
    from stdnum.kr import brn  # noqa: PLC0415 - as above

    return window.lengths == (3, 2, 5) and bool(brn.is_valid(window.digits))


_K = RedactedKind
#: In the order in which they are tried; of each the longest stretch of digits is taken.
_SHAPES = (
    _shape(_K.CARD, r"[2-9]\d{15}", 16, 16, None, _no_list_of_years),
    _shape(_K.CARD, r"3[47]\d{13}|3[0689]\d{12}", 14, 15, None, _luhn),
    _shape(_K.NATIONAL_ID, _BIRTH + r"[1-8]\d{6}", 13, 13),
    _shape(_K.PHONE, _KOREAN_PHONE, 9, 12),
    _shape(_K.PHONE, r"(?:82|011)\d{8,12}", 10, 15, None, lambda w: w.plus or w.digits.startswith("821")),
    _shape(_K.PHONE, r"\d{8,15}", 8, 15, None, _international),
    _shape(_K.BUSINESS_NUMBER, r"\d{10}", 10, 10, _BUSINESS_WORDS),
    _shape(_K.BUSINESS_NUMBER, r"\d{10}", 10, 10, None, _of_a_business),
    _shape(_K.PASSPORT, r"\d{7,9}", 7, 9, _PASSPORT_WORDS),
    _shape(_K.NATIONAL_ID, r"\d{12}", 12, 12, _LICENCE_WORDS),
    _shape(_K.NATIONAL_ID, r"\d{9}", 9, 9, _SOCIAL_WORDS),
    _shape(_K.NATIONAL_ID, r"[0-8]\d{8}", 9, 9, None, lambda w: w.tight and w.lengths == (3, 2, 4)),
    _shape(_K.NATIONAL_ID, r"\d{4}", 4, 4, _SOCIAL_WORDS),
    _shape(_K.NATIONAL_ID, _BIRTH + r"[1-8]?|[1-8]\d{6}", 6, 7, _ID_WORDS),
    _shape(_K.ACCOUNT, r"\d{8,16}", 8, 16, _ACCOUNT_WORDS, _no_date),
    _shape(_K.CARD, r"\d{13,19}", 13, 19, _CARD_WORDS),
    _shape(_K.CARD, r"\d{3,4}", 3, 4, _CODE_WORDS),
    _shape(_K.PHONE, r"1?[2-9]\d{9}", 10, 11, None, _american),
    _shape(_K.PHONE, _SERVICE_PHONE, 8, 8, None, _no_years),
    _shape(_K.PHONE, r"1?\d{10}|\d{7,8}", 7, 11, _PHONE_WORDS, _no_date),
    _shape(_K.CARD, r"\d{4}", 4, 4, _LAST_WORDS, lambda w: bool(_CARD_WORDS.search(w.before))),
    _shape(_K.PHONE, r"\d{4}", 4, 4, _LAST_WORDS),
)


class _Text:
    """A text, and where in it the words of each pattern stand."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._places: dict[re.Pattern[str], tuple[list[int], list[int]]] = {}

    def near(self, words: re.Pattern[str], start: int, end: int) -> bool:
        """Whether such words stand before or closely behind a stretch."""
        if words not in self._places:
            found = [match.span() for match in words.finditer(self._text)]
            self._places[words] = [first for first, _ in found], [last for _, last in found]
        starts, ends = self._places[words]
        before, behind = bisect_right(ends, start), bisect_left(starts, end)
        return (before > 0 and ends[before - 1] > start - _BEFORE) or (
            behind < len(starts) and starts[behind] < end + _BEHIND
        )

    def before(self, start: int) -> str:
        """What stands before a place, as far as it says what follows."""
        return self._text[max(0, start - _BEFORE) : start]


def numbers(text: str, kinds: frozenset[RedactedKind], *, live: bool = False) -> Iterator[Found]:
    """The numbers of these kinds in a text, in order.

    Args:
        text: any text; the time is linear in its length.
        kinds: what to look for.
        live: whether more may follow of a number: digits that may be part of one count as one, unless a unit follows.
    """
    whole = _Text(text)
    shapes = [s for s in _SHAPES if s.kind in kinds and (s.words is None or s.words.search(text))]
    for run in runs(text):
        if run.money:
            continue
        place = 0
        while place < len(run.groups):
            found = _at(whole, run, place, shapes)
            if found is None:
                place += 1
                continue
            last, kind, digits = found
            start = run.groups[place].start
            before = text[max(0, start - 2) : start]
            start -= len(before) - len(before.rstrip("+("))
            yield Found(start=start, end=run.groups[last].end, kind=kind, value=_written(kind, digits))
            place = last + 1
        if live:
            yield from _unfinished(run)


def _at(whole: _Text, run: DigitRun, place: int, shapes: Sequence[_Shape]) -> tuple[int, RedactedKind, str] | None:
    """The number that begins with a group: its last group, its kind and its digits."""
    first = run.groups[place]
    said = ""
    ends: dict[int, int] = {}  # the last group by how many digits there are up to it
    # A quantity at the end, so many of something, is no part of a number.
    for last in range(place, min(place + _MOST_DIGITS, len(run.groups) - run.unit)):
        said += run.groups[last].digits
        if len(said) > _MOST_DIGITS:
            break
        ends[len(said)] = last
    for shape in shapes:
        # Most are not even begun: that is asked once, not for every length.
        if not shape.digits.match(said):
            continue
        fitting = [length for length in shape.lengths if length in ends]
        # The longest first; what ends with a syllable that may be none of the number's comes last.
        for length in sorted(fitting, key=lambda length: run.groups[ends[length]].doubtful):
            digits, last = said[:length], ends[length]
            if not shape.digits.fullmatch(digits):
                continue
            if shape.words is not None and not whole.near(shape.words, first.start, run.groups[last].end):
                continue
            groups = run.groups[place : last + 1]
            before = whole.before(first.start)
            window = _Window(digits=digits, groups=groups, plus=run.plus and place == 0, before=before)
            if shape.when(window) and (shape.words or not window.counts):
                return last, shape.kind, digits
    return None


def _unfinished(run: DigitRun) -> Iterator[Found]:
    """What may be part of a number, if it is one piece of digits, or several in a row."""
    groups = run.groups[:-1] if run.unit else run.groups
    digits = "".join(group.digits for group in groups)
    one_by_one = len(groups) > _SOME_DIGITS and all(len(group.digits) == 1 for group in groups)
    said = one_by_one or any(len(group.digits) >= _SOME_DIGITS for group in groups)
    if groups and said:
        yield Found(start=groups[0].start, end=groups[-1].end, kind=RedactedKind.NUMBER, value=digits)


def _written(kind: RedactedKind, digits: str) -> str:
    """One form of a number, so that it has the same hash however it was said."""
    if kind is not RedactedKind.PHONE:
        return digits
    if digits.startswith("82") and len(digits) > 10:
        return "0" + digits[2:].lstrip("0")
    return digits[1:] if len(digits) == 11 and digits[0] == "1" else digits
