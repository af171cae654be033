"""Runs all checks and prints what they found."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from sayit.cli import printer
from sayit.cli.doctor import installation, machine
from sayit.cli.doctor.findings import Finding, Severity
from sayit.cli.exit_codes import Exit
from sayit.cli.local_suite import worker_pools
from sayit.cli.local_suite.worker_pools import Asked
from sayit.cli.messages import localized
from sayit.cli.paths import NO_BRIDGE

_SIGNS = {Severity.OK: ("✓", "green"), Severity.WARN: ("!", "yellow"), Severity.FAIL: ("✗", "red")}


def run(*, data: Path, models: tuple[str, ...], listen: str, rest: str, as_json: bool) -> Exit:
    """Examines the installation; FAILED if something will not work."""
    findings = []
    for check in _checks(data, worker_pools.parse(models), listen, rest):
        finding = check()
        findings.append(finding)
        if not as_json:
            _print(finding)
    if as_json:
        printer.as_json(findings)
    failed = sum(finding.level is Severity.FAIL for finding in findings)
    warned = sum(finding.level is Severity.WARN for finding in findings)
    if not as_json:
        print("\n" + localized(f"{failed} failed, {warned} could be better, {len(findings) - failed - warned} ok."))
    return Exit.FAILED if failed else Exit.OK


def _checks(data: Path, asked: Sequence[Asked], listen: str, rest: str) -> Iterator[Callable[[], Finding]]:
    yield installation.python
    yield installation.packages
    yield installation.native_libraries
    yield machine.cores
    yield machine.vector_units
    yield lambda: machine.memory(asked, installation.folder_of)
    yield lambda: machine.disk(data)
    yield machine.open_files
    yield machine.confinement
    yield installation.queue_server
    yield installation.storage
    for each in asked:
        yield functools.partial(installation.model, each.model)
    yield installation.keys_file
    yield lambda: machine.address(data, listen)
    if rest != NO_BRIDGE:
        yield lambda: machine.address(data, rest, "page and REST", "--rest")
    yield lambda: machine.running_suite(data)


def _print(finding: Finding) -> None:
    from rich.cells import set_cell_size  # noqa: PLC0415 - rich takes a while to import
    from rich.console import Console  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    sign, colour = _SIGNS[finding.level]
    about, found = set_cell_size(localized(finding.about), 17), localized(finding.found)
    line = Text.assemble((f"{sign} {finding.level:4} ", colour), (about, "bold"), found)
    console = Console(highlight=False)
    console.print(line, soft_wrap=True)
    if finding.advice:
        console.print(Text(" " * 24 + "→ " + localized(finding.advice), style=colour), soft_wrap=True)
