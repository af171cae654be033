"""Where results go: standard output, a file, or a folder with a file for each recording and format."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from sayit.cli.local_suite.suite_file import write
from sayit.cli.messages import LocalError, language
from sayit.cli.transcription.inputs import Input
from sayit.speech.errors import SayItError
from sayit.speech.rendering import BROADCASTERS, Format, SubtitleStyle, render
from sayit.speech.transcript import Transcript

#: What `all` means, as in openai/whisper.
ALL = (Format.TXT, Format.VTT, Format.SRT, Format.TSV, Format.JSON)
#: Formats of which several may follow one another on standard output.
_CAN_FOLLOW = frozenset({Format.TXT, Format.TIMED_TXT, Format.JSON, Format.MD})


@dataclass(frozen=True, kw_only=True)
class Form:
    """How a result is written."""

    formats: tuple[Format, ...] = (Format.TXT,)
    style: SubtitleStyle = BROADCASTERS
    #: Whether removed text is shown in its place.
    suppressed: bool = False


class Outputs:
    """Takes each input's outcome as it comes, and writes it to its destination.

    On standard output the results are in the order of the arguments, whatever order they finish in. Several texts
    get a head line each (`==> file <==`, as `head` and `tail` write it); several JSON results become one array of
    objects with the keys `file` and either `transcript` or `error`. On a terminal with progress bars, texts wait for
    `flush`.

    Args:
        inputs: all of them, in order.
        form: the formats and more.
        output: a file, a folder, or None for standard output.

    Raises:
        ValueError: that cannot work; the text says why.
    """

    def __init__(self, inputs: Sequence[Input], form: Form, output: str | None) -> None:
        self._inputs = list(inputs)
        self._form = form
        self._files = files_of(inputs, form.formats, output)
        self._outcomes: dict[int, Transcript | SayItError | LocalError] = {}
        self._printed = 0
        self._documents: dict[int, Mapping[Format, bytes]] = {}
        if self._files is None and len(inputs) > 1 and form.formats[0] not in _CAN_FOLLOW:
            raise ValueError(f"several files as {form.formats[0]} need --output FOLDER")
        if self._files is None and form.formats[0].is_document and sys.stdout.isatty():
            raise ValueError(f"{form.formats[0]} is no text for a terminal: --output FILE")

    @property
    def form(self) -> Form:
        """How results are written."""
        return self._form

    def put(
        self,
        index: int,
        outcome: Transcript | SayItError | LocalError,
        documents: Mapping[Format, bytes] = MappingProxyType({}),
    ) -> None:
        """Takes the outcome of the input at this index, and those documents that were asked for and could be made.

        Raises:
            LocalError: the result cannot be written.
        """
        self._outcomes[index], self._documents[index] = outcome, documents
        if self._files is None:
            if not self._as_array and not sys.stdout.isatty():
                self._print_what_is_due()
        elif isinstance(outcome, Transcript):
            for target, form in zip(self._files[index], self._form.formats, strict=True):
                if form.is_document and form not in documents:
                    continue
                content = documents[form] if form.is_document else _ended(self._rendered(outcome, form))
                try:
                    write(target, content, mode=0o644)
                except OSError as error:
                    raise LocalError("NOT_WRITTEN", path=target, cause=error.strerror) from error

    def flush(self) -> None:
        """Prints the texts that waited for the terminal."""
        if self._files is None and not self._as_array:
            self._print_what_is_due()

    def finish(self) -> None:
        """Prints the array, once all is known."""
        if self._files is None and self._as_array:
            values = [self._entry(i, one) for i, one in enumerate(self._inputs) if i in self._outcomes]
            _print(json.dumps(values, ensure_ascii=False, indent=2))

    @property
    def _as_array(self) -> bool:
        return self._form.formats == (Format.JSON,) and len(self._inputs) > 1

    def _rendered(self, transcript: Transcript, form: Format) -> str:
        return render(transcript, form, self._form.style, suppressed=self._form.suppressed)

    def _print_what_is_due(self) -> None:
        while self._printed in self._outcomes:
            outcome = self._outcomes[self._printed]
            form = self._form.formats[0]
            if isinstance(outcome, Transcript) and form.is_document:
                _print_bytes(self._documents[self._printed].get(form, b""))
            elif isinstance(outcome, Transcript):
                if len(self._inputs) > 1:
                    _print(f"==> {self._inputs[self._printed].shown} <==")
                _print(self._rendered(outcome, form))
            self._printed += 1

    def _entry(self, index: int, one: Input) -> dict[str, object]:
        outcome = self._outcomes[index]
        if isinstance(outcome, Transcript):
            return {"file": one.shown, "transcript": json.loads(self._rendered(outcome, Format.JSON))}
        return {"file": one.shown, "error": {"code": outcome.code, "message": outcome.message(language())}}


def formats_of(names: Sequence[str], output: str | None) -> tuple[Format, ...]:
    """The formats that are named, apart or with commas; without a name that of the output's ending, else text.

    Raises:
        ValueError: there is no such format.
    """
    given = [name.strip().lower() for text in names for name in text.split(",") if name.strip()]
    found: list[Format] = []
    for name in given:
        try:
            found += ALL if name == "all" else (Format(name),)
        except ValueError:
            raise ValueError(f"there is no format {name!r}: {', '.join(Format)}, or all") from None
    ending = next((form for form in sorted(Format, key=len, reverse=True) if (output or "").endswith(f".{form}")), None)
    return tuple(dict.fromkeys(found)) or (ending or Format.TXT,)


def files_of(inputs: Sequence[Input], formats: Sequence[Format], output: str | None) -> list[list[Path]] | None:
    """The files of each input, one for each format; None for standard output.

    Several formats without an output lie in the current folder, as openai/whisper puts them.

    Raises:
        ValueError: that cannot work; the text says why.
    """
    if output is None and len(formats) == 1:
        return None
    target = Path(output or ".")
    one_only = len(inputs) == 1 and len(formats) == 1 and inputs[0].folder is None
    if one_only and not target.is_dir() and not (output or "").endswith("/"):
        return [[target]]
    if target.exists() and not target.is_dir():
        raise ValueError(f"--output {output} is a file; several results need a folder")
    files = [[target / (one.folder or "") / f"{one.stem}.{form}" for form in formats] for one in inputs]
    every = [file for each in files for file in each]
    if len(set(every)) < len(every):
        twice = next(file for file in every if every.count(file) > 1)
        raise ValueError(f"two of the files would both be written to {twice}")
    return files


def without_done(inputs: Sequence[Input], formats: Sequence[Format], output: str | None) -> list[Input]:
    """The inputs without those of folders whose results are all there already."""
    files = files_of(inputs, formats, output)
    if files is None:
        return list(inputs)
    pairs = zip(inputs, files, strict=True)
    return [one for one, each in pairs if one.folder is None or not all(file.exists() for file in each)]


def _print(text: str) -> None:
    sys.stdout.write(_ended(text))
    sys.stdout.flush()


def _print_bytes(content: bytes) -> None:
    sys.stdout.buffer.write(content)
    sys.stdout.flush()


def _ended(text: str) -> str:
    return text if text.endswith("\n") or not text else text + "\n"
