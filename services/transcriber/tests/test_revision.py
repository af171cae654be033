"""What tells one model from another under the same name."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from sayit.transcriber import models
from sayit.transcriber.revision import revision


def test_a_revision_is_what_the_text_depends_on(tmp_path: Path) -> None:
    """A copy is the same model; one changed byte of weights or vocabulary, or other arithmetic, is another."""
    copy = tmp_path / "copy"
    shutil.copytree(models.bundled().path, copy)
    os.utime(copy / "model.bin", (1, 1))
    original = revision(models.bundled().path, decoding=("int8",))
    assert len(original) == 64
    assert revision(copy, decoding=("int8",)) == original
    assert revision(copy, decoding=("float32",)) != original
    seen = {original}
    for name in ("model.bin", "tokenizer.json", "config.json"):
        data = bytearray((copy / name).read_bytes())
        data[len(data) // 2] ^= 1
        (copy / name).write_bytes(data)
        changed = revision(copy, decoding=("int8",))
        assert changed not in seen
        seen.add(changed)
