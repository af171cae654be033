"""E-mail addresses, written and spoken: 민수 골뱅이 네이버 닷컴, john dot smith at gmail dot com."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sayit.scheduler.assemble.redaction.found import Found
from sayit.speech.redaction import RedactedKind

#: How far on both sides of its sign an address is looked for, so that the time is linear in the text.
_LEFT, _RIGHT = 80, 80
#: Most tokens of the part in front of the sign.
_MOST_TOKENS = 24
_SIGN = re.compile(r"@|골뱅이|(?<![가-힣])앳(?![가-힣])|\bat(?: sign)?\b", re.IGNORECASE)
#: Signs that are words as well: the address's end must be there.
_CERTAIN = frozenset(["@", "골뱅이"])
_DOT = r"(?:\.|닷|쩜|점|\bdot\b)"
_TOP = (
    r"(?:com|net|org|edu|gov|co|kr|io|ai|me|info|biz|us|uk|jp|dev|app|컴|넷|오알지|씨오|코|케이알|케알)"
    r"(?![A-Za-z0-9])"
)
_LABEL = r"(?:[A-Za-z0-9][A-Za-z0-9-]{0,30}|[가-힣]{1,12}?)(?: (?:[A-Za-z]|[가-힣]{1,3}))?"
_DOMAIN = re.compile(
    rf"\s{{0,3}}(?P<name>{_LABEL}(?:\s?{_DOT}\s?{_LABEL}){{0,3}}?)\s?{_DOT}\s?{_TOP}(?:\s?{_DOT}\s?{_TOP})?",
    re.IGNORECASE,
)
_PROVIDER = re.compile(
    r"\s{0,3}(?:네이버|지메일|다음|한메일|네이트|카카오|핫메일|야후|아웃룩|naver|gmail|daum|hanmail|nate|kakao|hotmail|"
    r"yahoo|outlook)",
    re.IGNORECASE,
)
_NEXT_WORD = re.compile(r"\s{0,3}\S{1,40}")
_TOKENS = re.compile(r"[A-Za-z0-9]+|[가-힣]+|\s+|[^\sA-Za-z0-9가-힣]")
_JOINTS = re.compile(
    r"dot|underscore|dash|hyphen|plus|닷|쩜|점|언더바|언더스코어|밑줄|대시|하이픈|다시|[._+-]", re.IGNORECASE
)
_SPELLED = re.compile(
    r"[A-Za-z]|\d+|(?:영|공|일|이|삼|사|오|육|륙|칠|팔|구)+|에이|비|씨|디|에프|지|에이치|아이|제이|케이|엘|엠|엔|피|큐|"
    r"알|에스|티|유|브이|더블유|엑스|와이|제트|지트|zero|oh|one|two|three|four|five|six|seven|eight|nine|double",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"\d+|(?:영|공|일|이|삼|사|오|육|륙|칠|팔|구)+")
#: A word that leads to an address, and is no part of it: 이메일은, 주소가, is.
_LEADS = re.compile(r".*(?:은|는|가|로|메일|주소|요)|is|me|email|mail|address|it's|to|at|contact|write", re.IGNORECASE)
_AS_WRITTEN = {
    **dict.fromkeys(("dot", "닷", "쩜", "점"), "."),
    **dict.fromkeys(("underscore", "언더바", "언더스코어", "밑줄"), "_"),
    **dict.fromkeys(("dash", "hyphen", "대시", "하이픈", "다시"), "-"),
    **dict.fromkeys(("골뱅이", "앳", "at"), "@"),
    "네이버": "naver",
    "지메일": "gmail",
    "다음": "daum",
    "한메일": "hanmail",
    "네이트": "nate",
    "컴": "com",
    "넷": "net",
}


def addresses(text: str, *, live: bool = False) -> Iterator[Found]:
    """The addresses in a text, in order. In live text the part behind the sign may still be missing."""
    done = 0
    for sign in _SIGN.finditer(text):
        if sign.start() < done:
            continue
        certain = sign[0].casefold() in _CERTAIN
        # Bounded copies: no pattern sees more of a text than this.
        right = text[sign.end() : sign.end() + _RIGHT]
        domain = _DOMAIN.match(right) or (_PROVIDER.match(right) if certain else None)
        if domain is None and certain and live:
            domain = _NEXT_WORD.match(right)
        start = _local(text, max(done, sign.start() - _LEFT), sign.start())
        if start == sign.start() or (domain is None and not (certain and live)):
            continue
        done = sign.end() + (domain.end() if domain else 0)
        yield Found(start=start, end=done, kind=RedactedKind.EMAIL, value=_written(text[start:done]))


def _local(text: str, least: int, end: int) -> int:
    """Where the part in front of the sign begins; `end` where there is none."""
    tokens = list(_TOKENS.finditer(text, least, end))[-_MOST_TOKENS:]
    start = end
    first = ""  # the token that the part begins with so far
    joint = glued = False
    for token in reversed(tokens):
        word = token[0]
        if word.isspace():
            glued = False
            continue
        if _JOINTS.fullmatch(word) and first:
            joint, glued = True, True
            continue
        if not word[0].isalnum() or _JOINTS.fullmatch(word):
            break
        takes = (
            not first
            or joint
            or (glued and token.end() == start)
            or (bool(_SPELLED.fullmatch(first)) and bool(_SPELLED.fullmatch(word)))
            or (first.isascii() and word.isascii() and len(word) == 1 and word.casefold() not in {"a", "i"})
            or (bool(_DIGITS.fullmatch(first)) and not _LEADS.fullmatch(word))
        )
        if not takes:
            break
        start, first, joint, glued = token.start(), word, False, True
    return start


def _written(said: str) -> str:
    """One form of an address, so that it has the same hash however it was said."""
    words = (token[0].casefold() for token in _TOKENS.finditer(said) if not token[0].isspace())
    return "".join(_AS_WRITTEN.get(word, word) for word in words).replace("닷컴", ".com")
