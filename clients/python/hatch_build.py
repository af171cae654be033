"""Adds to the wheel of sayit-client the code outside this folder: the public messages and `sayit.speech`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface[Any]):
    """Hatchling's own `force-include` would copy the folders into editable installations too, where they go stale."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Includes both folders in a wheel; an editable installation finds them by path."""
        if version == "standard":
            root = Path(self.root).parents[1]
            build_data["force_include"] |= {
                str(root / "protos" / "gen" / "python" / "sayit" / "v1"): "sayit/v1",
                str(root / "libs" / "speech" / "sayit" / "speech"): "sayit/speech",
            }
