"""Several models in one suite: what the command line says, what each gets, what their transcribers are told."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from sayit.cli.doctor import machine
from sayit.cli.exit_codes import Failure
from sayit.cli.local_suite import prepare, worker_pools
from sayit.cli.local_suite.plan import plan
from sayit.cli.local_suite.resources import TRANSCRIBER_BYTES, transcriber_bytes, workforce
from sayit.cli.local_suite.worker_pools import Asked, Pool

from .helper import suite_options


def test_models_are_named_with_their_number_of_transcribers(tmp_path: Path) -> None:
    """NAME, NAME=N, PATH=N; a folder whose name looks like that is a folder; none at all is the default."""
    odd = tmp_path / "model=2"
    odd.mkdir()
    assert worker_pools.parse([]) == (Asked(model="", transcribers=None),)
    assert worker_pools.parse(["small", "medium=2", f"{tmp_path}=1", str(odd)]) == (
        Asked(model="small", transcribers=None),
        Asked(model="medium", transcribers=2),
        Asked(model=str(tmp_path), transcribers=1),
        Asked(model=str(odd), transcribers=None),
    )


@pytest.mark.parametrize("text", ["small=", "small=0", "small=x", "small=65", "small=-1"])
def test_a_number_that_is_none_is_refused(text: str) -> None:
    """The line says what is expected."""
    with pytest.raises(Failure, match="number of transcribers"):
        worker_pools.parse([text])


def test_two_models_of_one_name_are_refused() -> None:
    """Requests name models, so names must differ, whatever the folders are."""
    with pytest.raises(Failure, match="Two models are called 'x'"):
        worker_pools.resolve_all(worker_pools.parse(["/a/x", "/b/x"]), lambda asked: (Path(asked).name, Path(asked)))


def test_the_default_models_number_is_said_once() -> None:
    """--transcribers and =N both speak of the first model; they must not differ."""
    first = Asked(model="small", transcribers=2)
    assert worker_pools.of_default(first, None) == worker_pools.of_default(first, 2) == 2
    assert worker_pools.of_default(Asked(model="small", transcribers=None), 3) == 3
    with pytest.raises(Failure, match="--transcribers 3"):
        worker_pools.of_default(first, 3)


@pytest.mark.parametrize(
    ("cores", "beside", "memory_gb", "expected"),
    [(8, 1, None, (3, 2)), (2, 1, None, (1, 1)), (1, 1, None, (1, 1)), (8, 2, 2.5, (1, 2)), (8, 0, None, (4, 2))],
)
def test_the_default_model_gets_the_cores_that_the_others_leave(
    cores: int, beside: int, memory_gb: float | None, expected: tuple[int, int]
) -> None:
    """All transcribers together fill the cores, and there is always one of each model."""
    memory_bytes = None if memory_gb is None else int(memory_gb * 1e9)
    made = workforce(cores, memory_bytes=memory_bytes, beside=beside)
    assert (made.transcribers, made.threads) == expected


def test_a_larger_model_takes_more_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its weights; nothing counts less than Whisper small, and too much together is told."""
    (tmp_path / "model.bin").touch()
    assert transcriber_bytes(tmp_path) == transcriber_bytes(tmp_path / "nowhere") == TRANSCRIBER_BYTES
    with (tmp_path / "model.bin").open("wb") as file:
        file.truncate(1_528_000_000)  # Whisper medium's
    assert 3 * TRANSCRIBER_BYTES < transcriber_bytes(tmp_path) < 4 * TRANSCRIBER_BYTES
    monkeypatch.setattr(prepare, "free_bytes", lambda: 4_000_000_000)
    monkeypatch.setattr(prepare, "usable_cores", lambda: 8)
    told: list[str] = []
    large = Pool(model="medium", folder=tmp_path, transcribers=1)
    chosen = prepare.chosen_workforce(None, None, told.append, folder=tmp_path / "nowhere", others=[large])
    assert chosen.transcribers == 1
    assert "2 transcribers of 2 models may want 8 GB of memory, and 4 GB are free" in told[0]
    monkeypatch.setattr(machine, "total_bytes", lambda: 4_000_000_000)
    found = machine.memory(
        worker_pools.parse(["small=1", "medium"]), lambda name: tmp_path if name == "medium" else None
    )
    assert found.level is machine.warn("", "", "").level
    assert "small, medium: about 8." in found.found


def test_each_transcriber_is_told_its_own_model(tmp_path: Path) -> None:
    """The first model is the default; what was tuned is the first one's alone."""
    options = dataclasses.replace(
        suite_options(tmp_path),
        others=(Pool(model="big", folder=Path("/models/big"), transcribers=2),),
        tuned={"SAYIT_BATCH": "4"},
    )
    parts = {part.name: part.environment for part in plan(options).parts}
    told = [
        tuple(parts[f"transcriber-{number}"].get(name) for name in ("SAYIT_MODEL_NAME", "SAYIT_MODEL", "SAYIT_BATCH"))
        for number in (1, 2, 3)
    ]
    assert told == [(options.model, str(options.model_folder), "4"), *[("big", "/models/big", None)] * 2]
    scheduler = parts["scheduler"]
    assert (scheduler["SAYIT_DEFAULT_MODEL"], scheduler["SAYIT_TRANSCRIBERS_EXPECTED"]) == (options.model, "3")
    assert scheduler["SAYIT_MODELS_EXPECTED"] == f"{options.model},big"
