"""Reasons that stand inside sentences of errors are there in Korean, as the sentences are."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from sayit.speech.errors import ErrorKind, SayItError, korean_reason

ROOT = Path(__file__).parents[2]
#: A field's name and what pydantic says about it, each translated by itself.
JOINED = {"7: 7"}


def _reasons() -> Iterator[str]:
    """Every text that product code gives to an error as `reason`, with numbers for what it fills in."""
    for path in (path for name in ("clients", "libs", "services") for path in (ROOT / name).glob("*/sayit/**/*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        makers = dict(_makers(tree))
        for node in ast.walk(tree):
            yield from map(_text, _values(node, makers))


def _values(node: ast.AST, makers: dict[str, int]) -> Iterator[ast.expr]:
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "reason":
        yield node.value
    if isinstance(node, ast.Call):
        yield from (keyword.value for keyword in node.keywords if keyword.arg == "reason")
        if isinstance(node.func, ast.Name) and node.func.id in makers:
            yield from node.args[makers[node.func.id] :][:1]


def _makers(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Functions that make errors of a reason, and its place among their arguments."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and "reason" in (names := [one.arg for one in node.args.args]):
            yield node.name, names.index("reason")


def _text(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(str(one.value) if isinstance(one, ast.Constant) else "7" for one in parts)
        case ast.IfExp(body=body):
            return _text(body)
    return ""


def test_every_reason_is_there_in_korean() -> None:
    """None is missing in `reasons_ko.toml`; what is missing is named."""
    reasons = set(_reasons()) - {""}
    assert len(reasons) > 80
    assert {one for one in reasons if korean_reason(one) == one} == JOINED


def test_a_reason_says_what_it_is_about() -> None:
    """The field stands in front of it, in both languages, unless it names the field itself."""
    error = SayItError(ErrorKind.INVALID_ARGUMENT, field="page_size", reason="it is negative")
    assert error.message("en") == "The request is not valid: page_size: it is negative"
    assert error.message("ko") == "요청이 올바르지 않습니다: page_size: 음수입니다"
    named = SayItError(ErrorKind.INVALID_ARGUMENT, field="job_id", reason="job_id is empty")
    assert named.message("en") == "The request is not valid: job_id is empty"
