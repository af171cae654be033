"""Prints the pins that one extra of SayIt needs, for `pip install --no-deps --require-hashes -r`.

Runs in an environment with all of requirements/development.txt, whose metadata says which package needs which:
`python deploy/requirements.py 'sayit[gateway]'`.
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
#: Our distributions, and where their metadata lies.
_PROJECTS = {
    "sayit": ROOT / "pyproject.toml",
    "sayit-client": ROOT / "clients" / "python" / "pyproject.toml",
    "sayit-eval": ROOT / "clients" / "eval" / "pyproject.toml",
}


def closure(requirement: str) -> set[str]:
    """Canonical names of all packages but ours that a requirement, such as `sayit[gateway]`, needs on this platform."""
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [Requirement(requirement)]
    while waiting:
        one = waiting.pop()
        key = (canonicalize_name(one.name), frozenset(one.extras))
        if key not in seen:
            seen.add(key)
            waiting.extend(_needs(one))
    return {name for name, _ in seen} - set(_PROJECTS)


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


def _needs(requirement: Requirement) -> Iterable[Requirement]:
    extras = requirement.extras or {""}
    if path := _PROJECTS.get(canonicalize_name(requirement.name)):
        project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
        optional = project.get("optional-dependencies", {})
        texts = [*project["dependencies"], *(text for extra in extras if extra for text in optional[extra])]
    else:
        texts = metadata.requires(requirement.name) or []
    environment = {str(name): str(value) for name, value in default_environment().items()}
    for text in texts:
        need = Requirement(text)
        if need.marker is None or any(need.marker.evaluate(environment | {"extra": extra}) for extra in extras | {""}):
            yield need


def main(requirement: str) -> None:
    """Prints the pins."""
    pins = blocks((ROOT / "requirements" / "development.txt").read_text(encoding="utf-8"))
    for name in sorted(closure(requirement)):
        sys.stdout.writelines(pin + "\n" for pin in pins[name])


if __name__ == "__main__":
    main(sys.argv[1])
