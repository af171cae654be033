"""What a transcriber's text depends on beside the request, as one short text that others can compare."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from sayit.transcriber.models import REQUIRED_FILES, VOCABULARY_FILES

#: Of a model's folder, what its text depends on.
_FILES = (*REQUIRED_FILES, *VOCABULARY_FILES, "preprocessor_config.json")
#: Whose versions may change the text.
_PACKAGES = ("sayit", "faster-whisper", "ctranslate2")


def revision(folder: Path, *, decoding: Iterable[str]) -> str:
    """SHA-256 (hex) over the model's files, the versions of what runs it, and the settings that change its text.

    Over the files' content, not their names and times: so the copies of a model on several machines are one model, and
    another one under the same name is another. It blocks as long as reading the files takes.

    Raises:
        OSError: a file cannot be read.
    """
    digest = hashlib.sha256()
    for name in _FILES:
        if (path := folder / name).is_file():
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            digest.update(f"{name} {content}\n".encode())
    for package in _PACKAGES:
        digest.update(f"{package} {version(package)}\n".encode())
    digest.update("".join(f"{setting}\n" for setting in decoding).encode())
    return digest.hexdigest()
