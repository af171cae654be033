"""What is redacted in a text: numbers, addresses, names; and what stands in its place. Pure."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from sayit.scheduler.assemble.redaction.addresses import addresses
from sayit.scheduler.assemble.redaction.found import Found
from sayit.scheduler.assemble.redaction.numbers import numbers
from sayit.speech.options import Options
from sayit.speech.redaction import ALL_KINDS, KINDS, RedactedKind, RedactStyle

#: Letters of a hash (47 bits): two of a million numbers hardly ever have the same. No digits: they would be a number.
_HASH_LETTERS = 10
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}(?![A-Za-z0-9])")
_PASSPORT = re.compile(r"(?<![A-Za-z0-9])[MSRODG](?:\d{8}|\d{3}[A-Z]\d{4})(?!\d)", re.IGNORECASE)
#: The letter that a spoken passport number begins with.
_LETTER_BEFORE = re.compile(r"(?:(?<![A-Za-z])[A-Za-z]|(?<![가-힣])(?:엠|에스|알|디|지))[\s,.-]{0,3}$")
_HANGUL = re.compile(r"[가-힣\s]+")
#: What may follow a Korean name without a space.
_AFTER_NAME = (
    r"(?:이|가|은|는|을|를|의|과|와|도|만|로|으로|에게|한테|께|께서|씨|님|이는|이가|이를|이도|입니다|이에요|예요|이라고|"
    r"라고|이요|요|이고|고|이고요|고객|선생|아|야|이야|이랑|랑|하고|이네|네|씨가|씨는|씨를|씨의|씨께|씨한테|씨도|님이|님은|님을|님의|님께|님께서|님도|"
    r"고객님|고객님이|고객님은|고객님께|선생님|인데요|이신데요|맞으시죠|이시죠|이십니다)?"
)


def key_of(secret: str, tenant: str) -> bytes:
    """The key of a tenant's hashes: made of the installation's secret, so that there is nothing to keep."""
    return hmac.new(secret.encode(), b"sayit redaction\n" + tenant.encode(), hashlib.sha256).digest()


@dataclass(frozen=True)
class Redaction:
    """What a job's text is redacted of, and how.

    Args:
        options: the job's.
        key: of hashes.
    """

    options: Options
    key: bytes = b""

    @property
    def on(self) -> bool:
        """Whether anything is to be redacted."""
        return self.options.redacts

    @cached_property
    def _kinds(self) -> frozenset[RedactedKind]:
        asked = self.options.redact
        return frozenset(map(RedactedKind, KINDS if ALL_KINDS in asked else asked))

    @cached_property
    def _names(self) -> re.Pattern[str] | None:
        if not self.options.redact_names:
            return None
        # The longest first, or a given name would leave the rest of a full one.
        names = sorted(self.options.redact_names, key=len, reverse=True)
        korean = "|".join(_spaced(name) for name in names if _HANGUL.fullmatch(name))
        others = "|".join(re.escape(name) for name in names if not _HANGUL.fullmatch(name)).replace(r"\ ", r"\s+")
        parts = [rf"(?<![가-힣])(?:{korean})(?={_AFTER_NAME}(?![가-힣]))" if korean else ""]
        parts += [rf"(?<!\w)(?:{others})(?!\w)" if others else ""]
        return re.compile("|".join(filter(None, parts)), re.IGNORECASE)

    def found(self, text: str, *, live: bool = False) -> list[Found]:
        """What is to be redacted in a text, in order, without overlaps; the time is linear in the text.

        Args:
            text: any text.
            live: whether more may follow; then digits that may be part of a number count as one.
        """
        every = sorted(self._all(text, live=live), key=lambda one: (one.start, -one.end))
        apart: list[Found] = []
        for one in every:
            if apart and one.start < apart[-1].end:
                before = apart[-1]
                end = max(before.end, one.end)
                apart[-1] = Found(start=before.start, end=end, kind=before.kind, value=before.value)
            else:
                apart.append(one)
        return apart

    def mark(self, found: Found) -> str:
        """What stands in its place."""
        name = found.kind.value.upper()
        if self.options.redact_style is not RedactStyle.HASH:
            return f"[{name}]"
        said = f"{found.kind.value}\n{found.value}".encode()
        number = int.from_bytes(hmac.new(self.key, said, hashlib.sha256).digest(), "big")
        letters = ""
        for _ in range(_HASH_LETTERS):
            number, letter = divmod(number, 26)
            letters += chr(ord("a") + letter)
        return f"[{name}:{letters}]"

    def text(self, text: str, *, live: bool = False) -> str:
        """The text with all of it redacted."""
        parts: list[str] = []
        done = 0
        for found in self.found(text, live=live):
            parts += [text[done : found.start], self.mark(found)]
            done = found.end
        return "".join((*parts, text[done:]))

    def _all(self, text: str, *, live: bool) -> Iterator[Found]:
        if RedactedKind.EMAIL in self._kinds:
            yield from addresses(text, live=live)
        for found in numbers(text, self._kinds, live=live and bool(self._kinds)):
            letter = None
            if found.kind is RedactedKind.PASSPORT:
                letter = _LETTER_BEFORE.search(text[max(0, found.start - 6) : found.start])
            if letter is None:
                yield found
            else:
                yield Found(start=found.start - len(letter[0]), end=found.end, kind=found.kind, value=found.value)
        if RedactedKind.ACCOUNT in self._kinds:
            yield from _with(_IBAN, text, RedactedKind.ACCOUNT, _is_iban)
        if RedactedKind.PASSPORT in self._kinds:
            yield from _with(_PASSPORT, text, RedactedKind.PASSPORT)
        if self._names is not None:
            yield from _with(self._names, text, RedactedKind.NAME)


def _is_iban(text: str) -> bool:
    from stdnum import iban  # noqa: PLC0415 - few jobs need it

    return bool(iban.is_valid(text))


def _with(
    pattern: re.Pattern[str], text: str, kind: RedactedKind, valid: Callable[[str], bool] = bool
) -> Iterator[Found]:
    for match in pattern.finditer(text):
        if valid(match[0]):
            value = "".join(match[0].casefold().split())
            yield Found(start=match.start(), end=match.end(), kind=kind, value=value)


def _spaced(name: str) -> str:
    """A pattern for a Korean name, with or without spaces between its syllables."""
    return r"\s?".join("".join(name.split()))
