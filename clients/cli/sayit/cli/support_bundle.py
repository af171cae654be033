"""`sayit support-bundle`: what an engineer needs to find out what is wrong, in one archive.

Settings without secrets, versions, the suite's description, metrics, ends of logs, and the last errors. Neither text
nor audio: the database and the folder of objects are not opened, and logs never hold what was said.
"""

from __future__ import annotations

import io
import json
import os
import platform
import re
import sys
import tarfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

from pydantic_settings import SettingsError

from sayit.chassis.settings import in_force, told
from sayit.cli import paths
from sayit.cli.doctor.findings import Finding
from sayit.cli.doctor.installation import packages, python
from sayit.cli.doctor.machine import cores, disk, vector_units
from sayit.cli.exit_codes import own_version
from sayit.cli.settings_reference import sections

#: What is taken of each log, and how many errors and warnings, the newest.
_LOG_BYTES = 2_000_000
_ERRORS = 200
_METRICS_S = 3.0
#: Passwords in URLs, and API keys.
_SECRET_FORMS = ((re.compile(r"://[^/@\s\"]+@"), "://***@"), (re.compile(r"\bsayit_[0-9a-f]{12}_[\w-]+"), "sayit_***"))


def write(target: Path, data: Path, environment: Mapping[str, str] = os.environ) -> list[str]:
    """Writes the archive, readable by its owner only; returns the names of what is in it."""
    names = []
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, text in _members(data, environment):
            content = _without_secrets(text, environment).encode()
            member = tarfile.TarInfo(f"sayit-support/{name}")
            member.size, member.mtime, member.mode = len(content), int(time.time()), 0o600
            archive.addfile(member, io.BytesIO(content))
            names.append(name)
    return names


def _members(data: Path, environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    yield (
        "versions.json",
        _json(
            {
                "sayit": own_version(),
                "python": sys.version,
                "platform": platform.platform(),
                "packages": {one.name: one.version for one in metadata.distributions()},
            }
        ),
    )
    yield "settings.json", _json(_settings(environment))
    checks = (python, packages, cores, vector_units, lambda: disk(data))
    yield "machine.json", _json([_found(check()) for check in checks])
    suite = paths.running_on(data)
    if suite is not None:
        yield "suite.json", _json({**asdict(suite), "redis": "***"})
        for part, address in suite.metrics.items():
            yield f"metrics/{part}.txt", _get(f"http://{address}/metrics")
    errors: list[str] = []
    for path in sorted((Path(suite.logs) if suite else data / "logs").glob("*.log")):
        text = _end(path)
        errors += [line for line in text.splitlines() if re.search(r'"level": "(error|warning|critical)"', line)]
        yield f"logs/{path.name}", text
    stamp = re.compile(r'"timestamp": "([^"]*)"')
    errors.sort(key=lambda line: found[1] if (found := stamp.search(line)) else "")
    yield "errors.log", "\n".join(errors[-_ERRORS:]) + "\n"


def _settings(environment: Mapping[str, str]) -> object:
    try:
        return {
            title: {one.name: in_force(one, environment) for one in settings} for title, settings in sections().items()
        }
    except SettingsError as error:
        return {"error": str(error)}


def _found(finding: Finding) -> dict[str, str]:
    return {"about": finding.about, "level": finding.level.value, "found": finding.found}


def _get(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=_METRICS_S) as page:  # noqa: S310 - http, of a part of ours
            text: str = page.read().decode()
    except OSError as error:
        return f"# {url}: {error}\n"
    return text


def _end(path: Path) -> str:
    with path.open("rb") as log:
        size = log.seek(0, os.SEEK_END)
        log.seek(max(0, size - _LOG_BYTES))
        return log.read().decode(errors="replace")


def _without_secrets(text: str, environment: Mapping[str, str]) -> str:
    """Also where one stands in a log or a message by mistake."""
    secrets = {one.name for settings in sections().values() for one in settings if one.secret} | {"SAYIT_API_KEY"}
    for name, value in told(environment).items():
        if name in secrets and len(value) > 3:
            text = text.replace(value, "***")
    for form, instead in _SECRET_FORMS:
        text = form.sub(instead, text)
    return text


def _json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, default=str) + "\n"
