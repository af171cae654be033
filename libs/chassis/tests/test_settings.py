"""Settings from variables, arguments and files."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import SettingsError

from sayit.chassis.settings import FORMERLY, ServiceSettings, SettingDoc, describe, in_force, told


class ToySettings(ServiceSettings):
    """Settings of a service that does not exist."""

    threads: int = Field(default=2, ge=1, description="Threads.")
    folder: Path | None = Field(default=None, description="Folder.")
    token: SecretStr = Field(default=SecretStr(""), description="Token.")
    needed: str = Field(description="Needed.")
    seats: int = Field(default=1, description="Seats.", json_schema_extra={FORMERLY: "SAYIT_CHAIRS"})


def test_variables_set_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable SAYIT_<NAME> sets a field, and an argument wins over it."""
    monkeypatch.setenv("SAYIT_NEEDED", "x")
    monkeypatch.setenv("SAYIT_THREADS", "4")
    monkeypatch.setenv("SAYIT_LOG_LEVEL", "WARNING")
    assert (ToySettings().threads, ToySettings().log_level) == (4, "warning")  # type: ignore[call-arg]  # from the variable
    assert ToySettings(needed="y", threads=8).threads == 8


def test_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """A compose file that passes `SAYIT_THREADS=` leaves the default."""
    monkeypatch.setenv("SAYIT_THREADS", "")
    assert ToySettings(needed="x").threads == 2


def test_a_former_name_is_read_where_the_present_one_is_not_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In variables and in the file; the present name wins over it in both."""
    (tmp_path / "settings").write_text("SAYIT_CHAIRS=2\n")
    monkeypatch.setenv("SAYIT_SETTINGS_FILE", str(tmp_path / "settings"))
    assert ToySettings(needed="x").seats == 2
    monkeypatch.setenv("SAYIT_CHAIRS", "3")
    assert ToySettings(needed="x").seats == 3
    monkeypatch.setenv("SAYIT_SEATS", "4")
    assert ToySettings(needed="x").seats == 4


def test_secret_is_read_from_its_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """SAYIT_<NAME>_FILE holds a secret; the variable itself wins; neither is printed."""
    (tmp_path / "token").write_text("from-file\n")
    monkeypatch.setenv("SAYIT_TOKEN_FILE", str(tmp_path / "token"))
    settings = ToySettings(needed="x")
    assert settings.token.get_secret_value() == "from-file"
    assert "from-file" not in repr(settings)
    monkeypatch.setenv("SAYIT_TOKEN", "from-variable")
    assert ToySettings(needed="x").token.get_secret_value() == "from-variable"


def test_onlookers_see_variables_and_file_together(tmp_path: Path) -> None:
    """A variable wins, what is empty is not said, and a file that cannot be read says nothing."""
    file = tmp_path / "settings"
    file.write_text("SAYIT_THREADS=2\nSAYIT_TOKEN=a\nSAYIT_FOLDER=\n")
    named = {"SAYIT_SETTINGS_FILE": str(file)}
    assert told(named | {"SAYIT_THREADS": "4", "SAYIT_TOKEN": ""}) == named | {
        "SAYIT_THREADS": "4",
        "SAYIT_TOKEN": "a",
    }
    file.write_text("no setting")
    assert told(named | {"SAYIT_THREADS": "4"}) == named | {"SAYIT_THREADS": "4"}


def test_missing_secret_file_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file that is not there is an error that names variable and file."""
    monkeypatch.setenv("SAYIT_TOKEN_FILE", str(tmp_path / "gone"))
    with pytest.raises(SettingsError, match=r"SAYIT_TOKEN_FILE names .*gone"):
        ToySettings(needed="x")


@pytest.mark.parametrize("values", [{"threads": 0}, {"threads": "many"}, {"log_format": "xml"}, {"no_such_setting": 1}])
def test_wrong_values_are_refused(values: dict[str, object]) -> None:
    """Values outside their range and settings that do not exist do not pass."""
    with pytest.raises(ValidationError):
        ToySettings(needed="x", **values)  # type: ignore[arg-type]  # on purpose


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("SAYIT_THREDS", ": did you mean SAYIT_THREADS?"),
        ("SAYIT_TOKEN_FIL", ": did you mean SAYIT_TOKEN_FILE?"),
        ("SAYIT_MAX_WATCHER", ": did you mean SAYIT_MAX_WATCHERS?"),
        ("SAYIT_QQQ", ""),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_one(
    name: str, hint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As a variable and as a line of the file; settings of all processes count as known, not only this one's."""
    with monkeypatch.context() as context:
        context.setenv(name, "1")
        with pytest.raises(SettingsError, match=f"^{name} is no setting{hint[:20]}") as error:
            ToySettings(needed="x")
    assert str(error.value).endswith(hint)
    file = tmp_path / "settings"
    file.write_text(f"export SAYIT_THREADS=3\n{name}=1\n")
    monkeypatch.setenv("SAYIT_SETTINGS_FILE", str(file))
    with pytest.raises(SettingsError, match=f"{name} is no setting"):
        ToySettings(needed="x")
    file.write_text("export SAYIT_THREADS=3\nSAYIT_MAX_WATCHERS=1\n")
    assert ToySettings(needed="x").threads == 3


def test_names_that_others_set_are_no_mistakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line's own, and what Kubernetes puts into every container for a service `sayit-gateway`."""
    for name in (
        "SAYIT_SERVER",
        "SAYIT_GATEWAY_SERVICE_HOST",
        "SAYIT_GATEWAY_PORT_50051_TCP_ADDR",
        "SAYIT_GATEWAY_PORT",
    ):
        monkeypatch.setenv(name, "1")
    assert ToySettings(needed="x").threads == 2


def test_what_is_in_force_says_where_it_is_from(tmp_path: Path) -> None:
    """A variable wins over the file, the file over the default; a secret's value is not shown."""
    file = tmp_path / "settings"
    file.write_text("SAYIT_THREADS=3\nSAYIT_FOLDER=/x\n")
    environment = {"SAYIT_SETTINGS_FILE": str(file), "SAYIT_THREADS": "4", "SAYIT_TOKEN_FILE": "/run/secrets/token"}
    found = {one.name: in_force(one, environment) for one in describe(ToySettings)}
    assert found["SAYIT_THREADS"] == ("4", "variable")
    assert found["SAYIT_FOLDER"] == ("/x", str(file))
    assert found["SAYIT_TOKEN"] == ("***", "/run/secrets/token")
    assert found["SAYIT_GRACE_S"] == ("30.0", "default")


def test_settings_do_not_change() -> None:
    """Settings are frozen."""
    with pytest.raises(ValidationError):
        ToySettings(needed="x").threads = 3  # type: ignore[misc]  # on purpose


def test_describe_lists_all() -> None:
    """The documentation's source names every setting with default, type, description and secrecy."""
    docs = {doc.name: doc for doc in describe(ToySettings)}
    assert next(iter(docs)) == "SAYIT_LOG_LEVEL"
    assert docs["SAYIT_THREADS"] == SettingDoc(
        name="SAYIT_THREADS",
        default="2",
        type="int",
        description="Threads.",
        secret=False,
        required=False,
        reloadable=False,
    )
    assert (docs["SAYIT_TOKEN"].secret, docs["SAYIT_TOKEN"].type, docs["SAYIT_TOKEN"].default) == (True, "secret", "")
    assert (docs["SAYIT_FOLDER"].type, docs["SAYIT_FOLDER"].default) == ("path", "")
    assert docs["SAYIT_NEEDED"].required
    assert docs["SAYIT_LOG_FORMAT"].type == "one of auto, console, json"
    assert all(doc.description for doc in docs.values())
