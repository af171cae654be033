"""What a request may have redacted in its text, and how."""

from __future__ import annotations

from enum import StrEnum

#: In a request: every kind that there is.
ALL_KINDS = "all"


class RedactedKind(StrEnum):
    """What kind of personal data a stretch of text is."""

    #: A phone number; of companies, too.
    PHONE = "phone"
    EMAIL = "email"
    #: A Korean resident registration number, or a foreigner's; a driver's licence; an American social security number.
    NATIONAL_ID = "national_id"
    #: A credit or debit card's number, or its security code.
    CARD = "card"
    #: A bank account's number, or an IBAN.
    ACCOUNT = "account"
    PASSPORT = "passport"
    #: A Korean business registration number.
    BUSINESS_NUMBER = "business_number"
    #: A name that the request lists.
    NAME = "name"
    #: In live text alone: digits that may become one of these.
    NUMBER = "number"
    #: A kind of a newer server that this version does not know.
    OTHER = "other"

    @classmethod
    def _missing_(cls, value: object) -> RedactedKind:  # noqa: ARG003
        return cls.OTHER


#: What a request may name.
KINDS: tuple[str, ...] = tuple(
    kind.value for kind in RedactedKind if kind not in {RedactedKind.NUMBER, RedactedKind.OTHER, RedactedKind.NAME}
)


class RedactStyle(StrEnum):
    """What stands in the place of redacted text."""

    #: Its kind: [PHONE].
    TOKEN = "token"  # noqa: S105
    #: Its kind and a keyed hash, the same for the same number of a tenant: [PHONE:mrkqpwzhtd].
    HASH = "hash"
