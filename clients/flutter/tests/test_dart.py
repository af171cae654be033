"""The Dart client is parsed; no Dart SDK is among the dependencies, so that nothing here compiles it."""

from __future__ import annotations

from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1]
FILES = sorted(FOLDER.rglob("*.dart"))


@pytest.mark.parametrize("path", FILES, ids=[path.name for path in FILES])
def test_the_source_is_dart(path: Path) -> None:
    """The grammar knows every construct in it."""
    tree_sitter = pytest.importorskip("tree_sitter", reason="no parser: pip install tree-sitter tree-sitter-dart")
    grammar = pytest.importorskip("tree_sitter_dart", reason="no grammar: pip install tree-sitter-dart")
    parser = tree_sitter.Parser(tree_sitter.Language(grammar.language()))
    assert not parser.parse(path.read_bytes()).root_node.has_error


def test_a_mistake_would_be_seen() -> None:
    """The parser does find errors."""
    tree_sitter = pytest.importorskip("tree_sitter", reason="no parser: pip install tree-sitter tree-sitter-dart")
    grammar = pytest.importorskip("tree_sitter_dart", reason="no grammar: pip install tree-sitter-dart")
    parser = tree_sitter.Parser(tree_sitter.Language(grammar.language()))
    broken = FILES[0].read_bytes() + b"\nclass { final }"
    assert parser.parse(broken).root_node.has_error
