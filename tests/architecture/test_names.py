"""What a reader of the code may rely on: a class's name means one thing, and a function fits on a screen."""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
MOST_LINES = 60


@cache
def _definitions() -> tuple[tuple[str, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef], ...]:
    """Classes and functions of the product's hand-written code, each with its file."""
    paths = (path for folder in ("libs", "services", "clients") for path in (ROOT / folder).glob("*/sayit/**/*.py"))
    return tuple(
        (str(path.relative_to(ROOT)), node)
        for path in sorted(paths)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    )


def test_a_class_name_stands_for_one_class() -> None:
    """No two classes of the product have one name, private ones included."""
    found = defaultdict(list)
    for path, node in _definitions():
        if isinstance(node, ast.ClassDef):
            found[node.name].append(path)
    assert found, "no class was found: the folders have other names now"
    assert {name: paths for name, paths in found.items() if len(paths) > 1} == {}


def test_a_function_fits_on_a_screen() -> None:
    """No function is longer than 60 lines, docstring included."""
    long = [
        f"{path}: {node.name} has {lines} lines"
        for path, node in _definitions()
        if not isinstance(node, ast.ClassDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > MOST_LINES
    ]
    assert long == []
