"""The file of API keys."""

from __future__ import annotations

import json
import os
import stat
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from sayit.gateway.auth.keys import KeyRing, KeysFileError, create_key, list_keys, revoke_key, rotate_key


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file will be, in a folder that does not exist yet."""
    return tmp_path / "config" / "keys.json"


def test_created_key_names_its_tenant(path: Path) -> None:
    """The key that create_key returns admits its tenant under the key's id."""
    stored, key = create_key(path, tenant="acme", name="laptop")
    assert key.startswith(f"sayit_{stored.id}_")
    assert KeyRing(path).find(key) == stored
    assert (stored.tenant, stored.scopes) == ("acme", ("transcribe", "read"))


def test_file_holds_no_secret_and_is_private(path: Path) -> None:
    """Only the owner can read the file, and the key is not in it."""
    _, key = create_key(path, tenant="acme")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert key.split("_", 2)[2] not in path.read_text()


@pytest.mark.parametrize("spoil", [lambda key: key[:-1], lambda key: key + "x", lambda _: "", lambda _: "sayit_x_y"])
def test_wrong_keys_are_nobody(path: Path, spoil: object) -> None:
    """A key with anything else in it than what was issued belongs to nobody."""
    _, key = create_key(path, tenant="acme")
    assert callable(spoil)
    assert KeyRing(path).find(spoil(key)) is None


def test_revoked_key_stops_working_while_the_gateway_runs(path: Path) -> None:
    """A ring that is in use notices keys that are revoked and keys that are new."""
    stored, key = create_key(path, tenant="acme")
    ring = KeyRing(path)
    assert ring.find(key) is not None
    revoked = revoke_key(path, stored.id)
    assert revoked.revoked
    assert ring.find(key) is None
    _, second = create_key(path, tenant="other")
    assert ring.find(second) is not None


def test_a_key_ends_when_it_was_made_to(path: Path) -> None:
    """A key may be made for some time; it admits until then, and another key does not notice."""
    over, old = create_key(path, tenant="acme", valid_for=timedelta(0))
    _, new = create_key(path, tenant="acme", valid_for=timedelta(hours=1))
    ring = KeyRing(path)
    assert over.expires
    assert ring.find(old) is None
    assert ring.find(new) is not None
    assert not ring.is_valid(over.id)


def test_scopes_are_some_of_three(path: Path) -> None:
    """What no gateway knows, and nothing, is refused; a key with what all had before is written as before."""
    for scopes in ((), ("write",)):
        with pytest.raises(KeysFileError, match="transcribe, read, admin"):
            create_key(path, tenant="acme", scopes=scopes)
    stored, _ = create_key(path, tenant="acme", scopes=["admin"])
    assert list_keys(path) == (stored,)
    create_key(path, tenant="acme")
    assert [set(entry) & {"scopes", "expires"} for entry in json.loads(path.read_text())["keys"]] == [{"scopes"}, set()]


def test_a_key_is_rotated(path: Path) -> None:
    """Its successor may do the same for as long, and the old one ends after the overlap; an ended one has none."""
    old, key = create_key(
        path, tenant="acme", name="n", scopes=["admin"], valid_for=timedelta(days=9), requests="5/day"
    )
    new, second = rotate_key(path, old.id, timedelta(days=1))
    assert (new.tenant, new.name, new.scopes, new.requests) == ("acme", "n", ("admin",), "5/day")
    ring = KeyRing(path)
    assert ring.find(key) is not None
    assert ring.find(second) == new
    ends = {one.id: one.expires for one in list_keys(path)}
    assert ends[old.id] < old.expires <= ends[new.id]
    rotate_key(path, old.id, timedelta(0))
    assert ring.find(key) is None
    with pytest.raises(KeysFileError, match="no valid key"):
        rotate_key(path, old.id)


@pytest.mark.parametrize("wrong", [{"requests": "many"}, {"addresses": ["home"]}])
def test_what_is_no_limit_or_network_is_refused(path: Path, wrong: dict[str, object]) -> None:
    """Before anything is written."""
    with pytest.raises(KeysFileError):
        create_key(path, tenant="acme", **wrong)  # type: ignore[arg-type]
    assert not path.exists()


def test_revoking_twice_changes_nothing(path: Path) -> None:
    """The time of the first revocation stays."""
    stored, _ = create_key(path, tenant="acme")
    assert revoke_key(path, stored.id) == revoke_key(path, stored.id)


def test_list_shows_all_keys_in_order(path: Path) -> None:
    """Revoked keys are listed too, oldest first."""
    first, _ = create_key(path, tenant="a", name="one")
    create_key(path, tenant="b", name="two")
    revoke_key(path, first.id)
    assert [(key.tenant, key.name, bool(key.revoked)) for key in list_keys(path)] == [
        ("a", "one", True),
        ("b", "two", False),
    ]


def test_two_commands_at_once_lose_no_key(path: Path) -> None:
    """Keys that are created at the same time are all in the file."""
    threads = [threading.Thread(target=create_key, args=(path,), kwargs={"tenant": str(n)}) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {key.tenant for key in list_keys(path)} == {str(n) for n in range(8)}


@pytest.mark.parametrize(
    "content", ["no json", "[]", "{}", '{"format": 2, "keys": []}', '{"format": 1, "keys": [{"id": "x"}]}']
)
def test_broken_file_is_one_clear_line(path: Path, content: str) -> None:
    """A file that holds something else is refused in one line that names it."""
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(KeysFileError) as caught:
        KeyRing(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_and_key_are_told(path: Path) -> None:
    """Reading no file, or revoking no key, says what is missing."""
    with pytest.raises(KeysFileError, match="sayit keys create"):
        list_keys(path)
    create_key(path, tenant="acme")
    with pytest.raises(KeysFileError, match="no key nope"):
        revoke_key(path, "nope")


def test_file_that_breaks_locks_nobody_out(path: Path) -> None:
    """While the gateway runs, an unreadable file leaves the keys as they were, and the ring says what is wrong."""
    _, key = create_key(path, tenant="acme")
    ring = KeyRing(path)
    good = path.read_text()
    path.write_text("oops")
    assert ring.find(key) is not None
    assert "not JSON" in ring.problem
    path.write_text(good)
    os.utime(path, ns=(1, 1))
    assert ring.find(key) is not None
    assert ring.problem == ""
    assert json.loads(good)["format"] == 1
