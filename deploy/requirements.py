"""Prints the part of constraints.txt that one extra of SayIt needs, for `pip install --require-hashes -r`.

Runs in an environment into which the whole of constraints.txt is installed, whose metadata says who needs whom:
`python deploy/requirements.py gateway`.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
_OWN_NAME = "sayit"


def closure(extra: str, project: dict[str, object]) -> set[str]:
    """Canonical names of everything that `sayit[extra]` needs on this platform."""
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [Requirement(f"{_OWN_NAME}[{extra}]")]
    while waiting:
        requirement = waiting.pop()
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key not in seen:
            seen.add(key)
            waiting.extend(_needs(requirement, project))
    return {name for name, _ in seen} - {_OWN_NAME}


def blocks(constraints: str) -> dict[str, list[str]]:
    """Each package's pins with their hashes, by canonical name; several where they depend on Python's version."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in constraints.splitlines():
        match = re.match(r"([A-Za-z0-9._-]+)(\[[^\]]*\])?==", line)
        if match:
            name = canonicalize_name(match[1])
            found.setdefault(name, []).append(line)
        elif name and line.startswith(" ") and "--hash" in line:
            found[name][-1] += "\n" + line
        else:
            name = ""
    return found


def _needs(requirement: Requirement, project: dict[str, object]) -> Iterable[Requirement]:
    extras = requirement.extras or {""}
    if canonicalize_name(requirement.name) == _OWN_NAME:
        optional = project["optional-dependencies"]
        assert isinstance(optional, dict)
        own = project["dependencies"]
        assert isinstance(own, list)
        texts = [*own, *(text for extra in extras if extra for text in optional[extra])]
    else:
        texts = metadata.requires(requirement.name) or []
    environment = {str(name): str(value) for name, value in default_environment().items()}
    for text in texts:
        need = Requirement(text)
        if need.marker is None or any(need.marker.evaluate(environment | {"extra": extra}) for extra in extras | {""}):
            yield need


def main(extra: str) -> None:
    """Prints the pins."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = blocks((ROOT / "constraints.txt").read_text(encoding="utf-8"))
    for name in sorted(closure(extra, project)):
        sys.stdout.writelines(pin + "\n" for pin in pins[name])


if __name__ == "__main__":
    main(sys.argv[1])
