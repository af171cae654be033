"""Where results go: standard output, a file, or a folder with one file each."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from sayit.cli.local_suite.suite_file import write
from sayit.cli.messages import LocalError, language
from sayit.cli.transcription.inputs import Input
from sayit.speech.errors import SayItError
from sayit.speech.rendering import Format, render
from sayit.speech.transcript import Transcript

#: Formats of which several cannot follow one another on standard output.
_ONE_ONLY = frozenset({Format.SRT, Format.VTT, Format.TSV})


class Outputs:
    """Takes each input's outcome as it comes, and writes it to its destination.

    On standard output the results are in the order of the arguments, whatever order they finish in. Several texts
    get a head line each (`==> file <==`, as `head` and `tail` write it); several JSON results become one array of
    objects with the keys `file` and either `transcript` or `error`. On a terminal with progress bars, texts wait for
    `flush`.

    Args:
        inputs: all of them, in order.
        form: the format.
        output: a file, a folder, or None for standard output.

    Raises:
        ValueError: that cannot work; the text says why.
    """

    def __init__(self, inputs: Sequence[Input], form: Format, output: str | None) -> None:
        self._inputs = list(inputs)
        self._form = form
        self._files = _files(inputs, form, output)
        self._outcomes: dict[int, Transcript | SayItError | LocalError] = {}
        self._printed = 0
        if output is None and len(inputs) > 1 and form in _ONE_ONLY:
            raise ValueError(f"several files as {form} need --output FOLDER")

    def put(self, index: int, outcome: Transcript | SayItError | LocalError) -> None:
        """Takes the outcome of the input at this index.

        Raises:
            LocalError: the result cannot be written.
        """
        self._outcomes[index] = outcome
        if self._files is None:
            if not self._as_array and not sys.stdout.isatty():
                self._print_what_is_due()
        elif isinstance(outcome, Transcript):
            target = self._files[index]
            try:
                write(target, _ended(render(outcome, self._form)), mode=0o644)
            except OSError as error:
                raise LocalError("NOT_WRITTEN", path=target) from error

    def flush(self) -> None:
        """Prints the texts that waited for the terminal."""
        if self._files is None and not self._as_array:
            self._print_what_is_due()

    def finish(self) -> None:
        """Prints the array, once all is known."""
        if self._files is None and self._as_array:
            values = [_entry(one, self._outcomes[i]) for i, one in enumerate(self._inputs) if i in self._outcomes]
            _print(json.dumps(values, ensure_ascii=False, indent=2))

    @property
    def on_stdout(self) -> bool:
        """Whether the results go to standard output."""
        return self._files is None

    @property
    def _as_array(self) -> bool:
        return self._form is Format.JSON and len(self._inputs) > 1

    def _print_what_is_due(self) -> None:
        while self._printed in self._outcomes:
            outcome = self._outcomes[self._printed]
            if isinstance(outcome, Transcript):
                if len(self._inputs) > 1:
                    _print(f"==> {self._inputs[self._printed].shown} <==")
                _print(render(outcome, self._form))
            self._printed += 1


def _entry(one: Input, outcome: Transcript | SayItError | LocalError) -> dict[str, object]:
    if isinstance(outcome, Transcript):
        return {"file": one.shown, "transcript": json.loads(render(outcome, Format.JSON))}
    return {"file": one.shown, "error": {"code": outcome.code, "message": outcome.message(language())}}


def _files(inputs: Sequence[Input], form: Format, output: str | None) -> list[Path] | None:
    if output is None:
        return None
    target = Path(output)
    if len(inputs) == 1 and not target.is_dir() and not output.endswith("/"):
        return [target]
    if target.exists() and not target.is_dir():
        raise ValueError(f"--output {output} is a file; several results need a folder")
    files = [target / f"{one.stem}.{form}" for one in inputs]
    if len(set(files)) < len(files):
        twice = next(file for file in files if files.count(file) > 1)
        raise ValueError(f"two of the files would both be written to {twice}")
    return files


def _print(text: str) -> None:
    sys.stdout.write(_ended(text))
    sys.stdout.flush()


def _ended(text: str) -> str:
    return text if text.endswith("\n") or not text else text + "\n"
