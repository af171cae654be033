"""The files of deploy/, read."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
#: `$NAME`, `${NAME}`, `${NAME:-default}`; the default may hold no brace.
VARIABLE = re.compile(r"\$\{?([A-Z_][A-Z0-9_]*)(?::?-([^}]*))?\}?")


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """One instruction of a Dockerfile, continuation lines joined."""

    name: str
    arguments: str

    def as_list(self) -> list[str]:
        """The exec form."""
        value = json.loads(self.arguments)
        assert isinstance(value, list)
        return value


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One FROM and what follows it."""

    name: str
    base: str
    instructions: tuple[Instruction, ...]

    def all(self, name: str) -> list[Instruction]:
        """The instructions with this name."""
        return [one for one in self.instructions if one.name == name]


def stages(text: str) -> dict[str, Stage]:
    """The stages of a Dockerfile by name."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    found: dict[str, tuple[str, list[Instruction]]] = {}
    current: list[Instruction] = []
    for line in joined.splitlines():
        if not line.strip():
            continue
        name, _, arguments = line.partition(" ")
        if name == "FROM":
            base, _, stage = arguments.partition(" AS ")
            current = []
            found[stage] = (base, current)
        else:
            current.append(Instruction(name=name, arguments=arguments.strip()))
    return {name: Stage(name=name, base=base, instructions=tuple(own)) for name, (base, own) in found.items()}


def compose() -> dict[str, Any]:
    """compose.yaml, its anchors merged."""
    value = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    assert isinstance(value, dict)
    return value


def substituted(value: Any, environment: dict[str, str]) -> Any:
    """The value with `${NAME:-default}` replaced, as compose does it."""
    if isinstance(value, str):
        return VARIABLE.sub(lambda match: environment.get(match[1]) or match[2] or "", value)
    if isinstance(value, list):
        return [substituted(item, environment) for item in value]
    if isinstance(value, dict):
        return {key: substituted(item, environment) for key, item in value.items()}
    return value
