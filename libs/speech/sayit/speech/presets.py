"""The language presets: decode options by language, from a data file and the operator's own file over it."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

#: Serves every language without a preset of its own.
FALLBACK = "auto"
#: Most temperatures of a preset or a request.
MAX_TEMPERATURES = 8
#: Most tokens that a preset or a request may forbid, and the highest id of one.
MAX_SUPPRESSED_TOKENS, MAX_TOKEN = 200, 100_000
#: Least and most of each number, in presets and in requests.
LIMITS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "beam_size": (1, 10),
        "best_of": (1, 10),
        "patience": (0.1, 4.0),
        "compression_ratio_threshold": (1.0, 10.0),
        "logprob_threshold": (-10.0, 0.0),
        "no_speech_threshold": (0.0, 1.0),
    }
)
#: Most values of each list, and least and most of each.
_LISTS: Mapping[str, tuple[int, tuple[float, float]]] = MappingProxyType(
    {"temperatures": (MAX_TEMPERATURES, (0.0, 1.0)), "suppress_tokens": (MAX_SUPPRESSED_TOKENS, (0, MAX_TOKEN))}
)
_WHOLE = frozenset({"beam_size", "best_of", "suppress_tokens"})


class PresetsError(Exception):
    """A file of presets cannot be used; the message names the file, the language and the field."""


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Decode options of one language; `data/presets.toml` says what each is."""

    #: Tried in order until a result passes the thresholds; 0 means beam search, above 0 means sampling with `best_of`.
    temperatures: tuple[float, ...]
    beam_size: int
    best_of: int
    patience: float
    #: A result above this zlib ratio is repetitive and fails (Whisper's default).
    compression_ratio_threshold: float = 2.4
    #: A result below this mean log probability fails (Whisper's default).
    logprob_threshold: float = -1.0
    #: Above this no-speech probability a low-confidence result counts as silence (Whisper's default).
    no_speech_threshold: float = 0.6
    #: Token ids that are never written, beside those that Whisper never writes.
    suppress_tokens: tuple[int, ...] = ()


#: Presets by language code; FALLBACK is always among them.
Presets: TypeAlias = Mapping[str, Preset]


def load_presets(languages: Collection[str], more: Path | None = None) -> Presets:
    """The presets that come with SayIt, and those of another file in the same form laid over them.

    Args:
        languages: codes that may have a preset, beside FALLBACK.
        more: the other file.

    Raises:
        PresetsError: the file cannot be read, or says something that is no preset.
    """
    # A preset that is wrong here is a defect, which the tests find: there is no preset below it.
    presets = _laid_over({}, own_data("presets.toml"), "presets.toml", languages)
    if more is not None:
        presets = _laid_over(presets, _read(more), str(more), languages)
    return MappingProxyType(presets)


def own_data(name: str) -> dict[str, Any]:
    """A file of `data/`, parsed."""
    return tomllib.loads((resources.files(__package__) / "data" / name).read_text(encoding="utf-8"))


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PresetsError(f"{path} cannot be read: {(error.strerror or '').lower()}") from error
    except ValueError as error:  # no UTF-8, or no TOML
        raise PresetsError(f"{path} is no TOML: {error}") from error


def _laid_over(
    base: Mapping[str, Preset], tables: dict[str, Any], name: str, languages: Collection[str]
) -> dict[str, Preset]:
    presets = dict(base)
    # First the fallback, for others begin as it is.
    for language in sorted(tables, key=lambda each: each != FALLBACK):
        where = f"{name}, [{language}]"
        if language != FALLBACK and language not in languages:
            raise PresetsError(f"{where}: no language that Whisper knows")
        if not isinstance(tables[language], dict):
            raise PresetsError(f"{where}: write a table")
        values = {field: _checked(field, value, where) for field, value in tables[language].items()}
        below = presets.get(language) or presets.get(FALLBACK)
        presets[language] = Preset(**values) if below is None else replace(below, **values)
    return presets


def _checked(field: str, value: Any, where: str) -> Any:
    """A field's value as a preset holds it."""
    if field in _LISTS:
        most, limits = _LISTS[field]
        if not isinstance(value, list) or len(value) > most:
            raise PresetsError(f"{where}, {field}: write a list of at most {most} numbers")
        if field == "temperatures" and not value:
            raise PresetsError(f"{where}, temperatures: at least one is needed")
        return tuple(_number(field, number, where, limits) for number in value)
    if field not in LIMITS:
        known = ", ".join(Preset.__dataclass_fields__)
        raise PresetsError(f"{where}: there is no {field!r}; there are {known}")
    return _number(field, value, where, LIMITS[field])


def _number(field: str, value: Any, where: str, limits: tuple[float, float]) -> float:
    low, high = limits
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value) or not low <= value <= high:
        raise PresetsError(f"{where}, {field}: {value!r} is no number from {low} to {high}")
    if field in _WHOLE and not isinstance(value, int):
        raise PresetsError(f"{where}, {field}: {value!r} is no whole number")
    return value if field in _WHOLE else float(value)
