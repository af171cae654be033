"""Writes `openapi.json` from the bridge's code and, where Node's packages are installed, `src/schema.d.ts` from it.

The document is committed: it is what other generators start from, and a test holds it against the code.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from sayit.bridge.application import create_app
from sayit.bridge.gateway_client import Gateway
from sayit.bridge.settings import BridgeSettings

FOLDER = Path(__file__).parent
DOCUMENT = FOLDER / "openapi.json"
SCHEMA = FOLDER / "src" / "schema.d.ts"
GENERATOR = FOLDER / "node_modules" / ".bin" / "openapi-typescript"


def document() -> str:
    """The bridge's OpenAPI document."""
    settings = BridgeSettings()
    app = create_app(Gateway.at(settings), settings)
    return json.dumps(app.openapi(), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def write_schema(source: Path, target: Path) -> None:
    """Generates TypeScript types; OSError without Node's packages, CalledProcessError for a broken document."""
    subprocess.run([GENERATOR, source, "--output", target], check=True, capture_output=True, cwd=FOLDER)


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
    if shutil.which("node") and GENERATOR.exists():
        write_schema(DOCUMENT, SCHEMA)
