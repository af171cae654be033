"""Whisper's languages under all the codes and names by which clients call them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.presets import own_data

#: "Detect it": the language option that names no language.
AUTO = "auto"
#: English names of Whisper's languages by their BCP-47 primary subtags.
LANGUAGES: Mapping[str, str] = MappingProxyType(own_data("languages.toml"))

_ALIASES: Mapping[str, list[str]] = own_data("language_aliases.toml")
#: Codes by every name, in lower case.
_BY_NAME: Mapping[str, str] = {
    name: code for code, english in LANGUAGES.items() for name in (code, english, *_ALIASES.get(code, ()))
} | {"": AUTO, AUTO: AUTO}


#: What subtags of regions and scripts say of how Chinese is written there: whether with traditional characters.
_TRADITIONAL = {"hant": True, "tw": True, "hk": True, "mo": True, "hans": False, "cn": False, "sg": False, "my": False}


def is_traditional(name: str) -> bool | None:
    """Whether a tag such as `zh-TW` or `zh-Hant` asks for traditional characters; None where it does not say."""
    subtags = name.lower().replace("_", "-").split("-")[1:]
    return next((_TRADITIONAL[subtag] for subtag in subtags if subtag in _TRADITIONAL), None)


def normal_language(name: str) -> str:
    """The Whisper code of a language, or AUTO; empty means AUTO.

    Args:
        name: a code of ISO 639-1 or -3 (`ko`, `kor`), a BCP-47 tag (`ko-KR`, `cmn-Hans`, `nb`), or an English name.

    Raises:
        SayItError: INVALID_LANGUAGE for anything Whisper does not know.
    """
    plain = " ".join(name.lower().replace("_", "-").split())
    code = _BY_NAME.get(plain) or _BY_NAME.get(plain.partition("-")[0])
    # An extended language subtag says more than its macrolanguage: zh-yue-HK, zh-cmn.
    extended = _BY_NAME.get("-".join(plain.split("-")[:2]))
    if code is None:
        raise SayItError(ErrorKind.INVALID_LANGUAGE, field="language", language=name[:32])
    return extended or code
