"""Valid files of every format, short, to be damaged."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

#: Seconds of speech in each seed.
SEED_S = 0.6
#: Seconds of speech in the seed that carries pictures and in the longest ones, so that they have several pages.
_LONG_S = 1.5
_LONG = frozenset({"webm-opus", "mp4-video", "ogg-opus", "mp4-fragmented"})
#: Left out because a single one would be megabytes.
_LARGE = frozenset({"wav-s16-192k-5.1", "wav-f32-96k"})


@cache
def media() -> ModuleType:
    """The encoder of the decoder's own tests; test folders are no packages, so it is loaded from its file."""
    path = Path(__file__).parents[2] / "services/scheduler/tests/ingest/audio_reader/media.py"
    spec = importlib.util.spec_from_file_location("decoding_test_media", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@cache
def seeds() -> dict[str, bytes]:
    """Name to content."""
    return {
        name: media().encoded(name, _LONG_S if name in _LONG else SEED_S)
        for name in media().RECIPES
        if name not in _LARGE
    }
