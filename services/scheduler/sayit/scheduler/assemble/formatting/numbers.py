"""Spoken numbers as digits, where nothing else can be meant."""

from __future__ import annotations

import re
from importlib import resources

from text_to_num import alpha2digit

#: Smaller English numbers stay words when they stand alone.
_SMALLEST = 9
_DIGITS = {"영": 0, "공": 0, "일": 1, "이": 2, "삼": 3, "사": 4, "오": 5, "육": 6, "칠": 7, "팔": 8, "구": 9}
_TENS = {"십": 10, "백": 100, "천": 1000}
_MONTHS = {"유": "육", "시": "십"}
_NUMBER = "[일이삼사오육칠팔구십백천]+"
_PARTICLES = (
    "은|는|이|가|을|를|에|의|도|로|으로|과|와|만|까지|부터|이나|정도|쯤|씩|짜리|이상|이하|입니다|이에요|이고|인"
)
_UNITS = "|".join(
    line.strip()
    for line in resources.files(__package__).joinpath("data/units.ko.txt").read_text(encoding="utf-8").splitlines()
    if line.strip() and not line.startswith("#")
)
#: A number with a unit, and behind it a particle or no more letters: 이 일을 and 천만에요 are no numbers.
_AMOUNT = re.compile(
    rf"(?<![가-힣])((?:{_NUMBER}조 ?)?(?:{_NUMBER}억 ?)?(?:(?:{_NUMBER})?만 ?)?(?:{_NUMBER})?) ?({_UNITS})"
    rf"(?=(?:{_PARTICLES})?(?![가-힣]))"
)
_DATE = re.compile(
    rf"(?<![가-힣])(십일|십이|[일이삼사오유육칠팔구시십])월 ?({_NUMBER}) ?일(?=(?:{_PARTICLES})?(?![가-힣]))"
)
_COUNTED_IN_TENS_OF_THOUSANDS = frozenset({"원", "달러", "유로", "엔", "명"})
_SIGNS = {"퍼센트": "%", "프로": "%"}


def with_digits(text: str, language: str) -> str:
    """The text with its numbers in digits.

    English by the package text2num: from ten on, and smaller ones in a row. Korean: Sino-Korean numbers from ten on in
    front of a unit, and dates; the rest is too often something else. Other languages stay as they are.
    """
    if language == "en":
        return str(alpha2digit(text, "en", threshold=_SMALLEST))
    if language == "ko":
        return _AMOUNT.sub(_amount, _DATE.sub(_date, text))
    return text


def _date(found: re.Match[str]) -> str:
    month, day = (_below_ten_thousand(_MONTHS.get(part, part)) for part in found.groups())
    return f"{month}월 {day}일" if month and day and day <= 31 else found[0]


def _amount(found: re.Match[str]) -> str:
    spoken, unit = found[1].strip(), found[2]
    groups = [(part, big) for part, big in re.findall(r"([^조억만 ]*)([조억만]?)", spoken) if part or big]
    values = [(_below_ten_thousand(part) if part else 1, big) for part, big in groups]
    small = not any(big or (value or 0) >= 10 for value, big in values)
    if small or spoken == "만" or any(value is None for value, _ in values):
        return found[0]
    if spoken == "이만" and unit not in _COUNTED_IN_TENS_OF_THOUSANDS:
        return found[0]  # that is all for now
    return " ".join(f"{value}{big}" for value, big in values) + _SIGNS.get(unit, unit)


def _below_ten_thousand(spoken: str) -> int | None:
    """The number; None if the syllables are in no order that makes one."""
    total, digit, last = 0, 0, 10_000
    for syllable in spoken:
        if syllable in _TENS:
            unit = _TENS[syllable]
            if unit >= last:
                return None
            total += (digit or 1) * unit
            digit, last = 0, unit
        elif digit:
            return None  # digit after digit is a code, or something else
        else:
            digit = _DIGITS[syllable]
    return total + digit
