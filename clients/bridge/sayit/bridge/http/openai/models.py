"""Model names: those of this installation, and OpenAI's, which stand for one of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sayit.chassis.start import StartError
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.system import Model

#: Names that OpenAI's clients ask for; here they stand for the default model.
OPENAI_NAMES = (
    "whisper-1",
    "gpt-transcribe",
    "gpt-4o-transcribe",
    "gpt-4o-mini-transcribe",
    "gpt-4o-mini-transcribe-2025-12-15",
    "gpt-4o-transcribe-diarize",
    "gpt-live-transcribe",
    "gpt-realtime-whisper",
)
#: A name's version, which no client need know of.
_VERSION = re.compile(r"-(latest|\d{4}-\d{2}-\d{2})$")
#: OpenAI's models have a time of creation; SayIt knows none.
_CREATED_S = 0


def parse_aliases(text: str) -> dict[str, str]:
    """The names of a setting such as "whisper-1=small,gpt-4o-transcribe=medium"; an empty model means the default.

    Raises:
        StartError: an entry is no NAME=MODEL.
    """
    aliases = dict.fromkeys(OPENAI_NAMES, "")
    for entry in filter(None, (each.strip() for each in text.split(","))):
        name, equals, model = (part.strip() for part in entry.partition("="))
        if not (name and equals):
            raise StartError(f"SAYIT_OPENAI_MODELS: '{entry}' is not NAME=MODEL")
        aliases[name] = model
    return aliases


def resolve(name: str, models: Sequence[Model], aliases: Mapping[str, str]) -> str:
    """The model that a caller's name means; a model of that name goes before an alias, and no name is the default.

    Raises:
        SayItError: MODEL_NOT_AVAILABLE, which lists the names.
    """
    if not name or any(model.name == name for model in models):
        return name
    for known in (name, _VERSION.sub("", name)):
        if known in aliases:
            return aliases[known]
    raise _unknown(name, models, aliases)


def model_entry(name: str, models: Sequence[Model], aliases: Mapping[str, str]) -> dict[str, Any]:
    """One of `model_list`.

    Raises:
        SayItError: MODEL_NOT_AVAILABLE.
    """
    for entry in model_list(models, aliases):
        if entry["id"] == name:
            return entry
    raise _unknown(name, models, aliases)


def model_list(models: Sequence[Model], aliases: Mapping[str, str]) -> list[dict[str, Any]]:
    """Every name that can be asked for, in OpenAI's form; `default` and `transcribers` are SayIt's.

    An alias for a model that is not here is left out.
    """
    own = {model.name: model for model in models}
    default = next((model.name for model in own.values() if model.default), "")
    listed = [_entry(name, model) for name, model in own.items()]
    for alias, name in aliases.items():
        target = own.get(name or default)
        if alias not in own and target is not None:
            listed.append(_entry(alias, target) | {"default": False, "stands_for": target.name})
    return listed


def _entry(name: str, model: Model) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "created": _CREATED_S,
        "owned_by": "sayit",
        "default": model.default,
        "transcribers": model.transcribers,
    }


def _unknown(name: str, models: Sequence[Model], aliases: Mapping[str, str]) -> SayItError:
    available = ", ".join(entry["id"] for entry in model_list(models, aliases))
    return SayItError(ErrorKind.MODEL_NOT_AVAILABLE, field="model", model=name[:64], available=available)
