"""Errors as one line each, in the language of the user's terminal."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import sys
import tomllib
from collections.abc import Mapping
from contextvars import ContextVar
from importlib import resources

from sayit.speech.errors import ErrorKind, SayItError, korean_reason

#: Sentences of errors that only the command line knows, by code: English, Korean.
_LOCAL = {
    "FILE_NOT_FOUND": ("There is no such file.", "파일을 찾을 수 없습니다."),
    "FILE_UNREADABLE": ("The file cannot be read.", "파일을 읽을 수 없습니다."),
    "NOT_WRITTEN": (
        "The result cannot be written to {path}: {cause}.",
        "결과를 {path}에 쓸 수 없습니다: {cause}.",
    ),
    "NO_SUITE": (
        "No SayIt suite answers at {address}. Start one with `sayit up`, or name one with --server.",
        "{address}에서 SayIt이 응답하지 않습니다. `sayit up`으로 시작하거나 --server로 주소를 지정해 주세요.",
    ),
    "NO_MICROPHONE": ("The microphone cannot be used: {cause}.", "마이크를 사용할 수 없습니다: {cause}."),
    "PACKAGE_MISSING": (
        "This needs sayit[{extra}]: the package {package} is not installed.",
        "sayit[{extra}]가 필요합니다. {package} 패키지가 설치되어 있지 않습니다.",
    ),
    "PACKAGE_BROKEN": (
        "This needs sayit[{extra}]: the package {package} does not load ({cause}).",
        "sayit[{extra}]가 필요합니다. {package} 패키지를 불러올 수 없습니다({cause}).",
    ),
}
#: What the user can do about an error of the suite, by code: English, Korean.
_HINTS = {
    "FILE_TOO_LARGE": (
        "The limit is the suite's SAYIT_MAX_UPLOAD_MB.",
        "한도는 서버의 SAYIT_MAX_UPLOAD_MB 설정입니다.",
    ),
    "AUDIO_TOO_LONG": ("The limit is the suite's SAYIT_MAX_AUDIO_S.", "한도는 서버의 SAYIT_MAX_AUDIO_S 설정입니다."),
    "UNAUTHENTICATED": (
        "Give it with --api-key-file, or in SAYIT_API_KEY.",
        "--api-key-file 또는 SAYIT_API_KEY로 지정해 주세요.",
    ),
}
_chosen: ContextVar[str] = ContextVar("language", default="")


class LocalError(Exception):
    """Something that went wrong before the suite was asked.

    Args:
        code: a key of the sentences above.
        details: values for its sentence.
    """

    def __init__(self, code: str, **details: object) -> None:
        self.code = code
        self.details = details
        super().__init__(self.message("en"))

    def message(self, language: str) -> str:
        """The sentence for people."""
        english, korean = _LOCAL[self.code]
        if not language.startswith("ko"):
            return english.format(**self.details)
        return korean.format(**{name: korean_reason(str(value)) for name, value in self.details.items()})


def choose(language: str) -> None:
    """Sets the language of messages ("en" or "ko"); empty follows the locale."""
    _chosen.set(language)


def language(environment: Mapping[str, str] = os.environ) -> str:
    """Language of messages: what was chosen, else Korean in a Korean locale, else English."""
    chosen = _chosen.get()
    if chosen:
        return chosen
    locale = next((environment[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(name)), "")
    return "ko" if locale.lower().startswith("ko") else "en"


def error_line(subject: str, error: SayItError | LocalError) -> str:
    """`subject: sentence [CODE]`, and what to do about it."""
    hint = _HINTS[error.code][language() == "ko"] if error.code in _HINTS else ""
    return f"{subject}: {error.message(language())} [{error.code}] {hint}".rstrip()


def complain(subject: str, error: SayItError | LocalError) -> None:
    """Prints the error on standard error."""
    note(error_line(subject, error))


def note(line: str) -> None:
    """Prints a line for people on standard error, in their language: standard output is for results.

    A closed standard error is no reason to stop: a suite goes on without its terminal.
    """
    with contextlib.suppress(OSError):
        print(localized(line), file=sys.stderr, flush=True)


def localized(line: str) -> str:
    """A command's sentence in the user's language."""
    return in_korean(line) if language() == "ko" else line


def in_korean(line: str) -> str:
    """A command's sentence in Korean, by `messages_ko.toml`; as it is where it is not known there."""
    for pattern, korean in _sentences():
        if found := pattern.fullmatch(line):
            return korean.format(*map(korean_reason, found.groups()))
    return korean_reason(line)


@functools.cache
def _sentences() -> list[tuple[re.Pattern[str], str]]:
    text = (resources.files(__package__) / "messages_ko.toml").read_text(encoding="utf-8")
    # Parts are bounded, so that no line is slow to match.
    known = tomllib.loads(text).items()
    return [(re.compile(re.escape(english).replace(r"\{\}", "(.{0,300}?)")), korean) for english, korean in known]


def is_unavailability(error: SayItError | LocalError) -> bool:
    """Whether the suite was not there, rather than the request wrong."""
    if isinstance(error, LocalError):
        return error.code == "NO_SUITE"
    return error.kind is ErrorKind.UNAVAILABLE
