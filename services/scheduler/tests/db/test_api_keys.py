"""API keys in the database."""

from __future__ import annotations

import time

import pytest

from sayit.chassis import principal
from sayit.chassis.api_keys import parts_of
from sayit.chassis.principal import Principal
from sayit.scheduler.api.key_control import KeyControl
from sayit.scheduler.db.transcribers import KEEP_ENDED_KEYS_S
from sayit.speech.api_keys import ApiKey
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.request_signatures import SigningKey

from .helper import stores

ADMIN = Principal(key_id="admin", tenant="t")


def secret_of(text: str) -> str:
    """The secret part of what a key reads."""
    parts = parts_of(text)
    assert parts is not None
    return parts[1]


async def test_a_key_is_stored_as_a_hash_and_admits_only_its_secret(database_url: str) -> None:
    """What is stored has the secret nowhere; it admits the secret, nothing else, and nothing once it is revoked."""
    async with stores(database_url) as s:
        control = KeyControl(s.api_keys)
        made = await control.create("t", name=" phone ", scopes=["read"], requests="5/minute", addresses=["10.1.2.3"])
        [stored] = await s.api_keys.look_up([made.key.id, "unknown"])
        assert stored.key == made.key
        assert (stored.key.name, stored.key.scopes, stored.key.addresses) == ("phone", ("read",), ("10.1.2.3/32",))
        secret = secret_of(made.secret)
        assert secret not in repr(stored)
        assert stored.admits(secret)
        assert not stored.admits(secret + "x")
        await s.api_keys.revoke_key("t", made.key.id)
        [revoked] = await s.api_keys.look_up([made.key.id])
        assert not revoked.admits(secret)
        again = await s.api_keys.revoke_key("t", made.key.id)
        assert again == revoked.key


async def test_a_tenant_has_its_own_keys_and_the_operator_all(database_url: str) -> None:
    """Another tenant's key is not found, not listed, not revoked, not rotated."""
    async with stores(database_url) as s:
        control = KeyControl(s.api_keys)
        mine, theirs = (await control.create("t")).key, (await control.create("u")).key
        assert await s.api_keys.list_keys("t") == [mine]
        assert await s.api_keys.list_keys(None) == [mine, theirs]
        for refused in (s.api_keys.revoke_key("t", theirs.id), control.rotate("t", theirs.id)):
            with pytest.raises(SayItError) as caught:
                await refused
            assert caught.value.kind is ErrorKind.KEY_NOT_FOUND
        assert (await s.api_keys.get_key("u", theirs.id)).valid
        assert not (await s.api_keys.revoke_key(None, theirs.id)).valid


async def test_a_rotated_key_has_a_successor_and_ends(database_url: str) -> None:
    """The new one may do the same, for as long; the old one ends after the overlap, and never later than before."""
    async with stores(database_url) as s:
        control = KeyControl(s.api_keys)
        old = (await control.create("t", name="n", scopes=["admin"], valid_for_s=1000.0, requests="5/minute")).key
        new = (await control.rotate("t", old.id, overlap_s=60.0)).key
        assert (new.name, new.scopes, new.requests, new.id != old.id) == ("n", ("admin",), "5/minute", True)
        assert new.expires_at_s is not None
        assert new.expires_at_s - new.created_at_s == pytest.approx(1000.0)
        ends = (await s.api_keys.get_key("t", old.id)).expires_at_s
        assert ends is not None
        assert ends <= time.time() + 60.0
        assert (await control.rotate("t", old.id, overlap_s=500.0)).key.name == "n"
        assert (await s.api_keys.get_key("t", old.id)).expires_at_s == ends
        await control.rotate("t", new.id, overlap_s=0.0)
        with pytest.raises(SayItError) as caught:
            await control.rotate("t", new.id)
        assert caught.value.kind is ErrorKind.KEY_NOT_FOUND


async def test_a_tenant_has_so_many_keys_and_no_more(database_url: str) -> None:
    """Those that have ended do not count; another tenant's do not, either."""
    async with stores(database_url) as s:
        control = KeyControl(s.api_keys)
        await control.create("u")
        await control.create("t", valid_for_s=0.0)
        made = [(await control.create("t")).key for _ in range(2)]
        [stored] = await s.api_keys.look_up([made[0].id])
        with pytest.raises(SayItError) as caught:
            await s.api_keys.create_key(stored, most=2)
        assert caught.value.kind is ErrorKind.TOO_MANY_KEYS


async def test_of_a_key_that_signs_nothing_is_stored(database_url: str) -> None:
    """Its secret is made anew, by the newest of the installation's; it admits nothing, and its successor signs, too."""
    async with stores(database_url) as s:
        control = KeyControl(s.api_keys, ("new" * 12, "old" * 12))
        made = await control.create("t", signed=True)
        assert SigningKey.of_text(made.secret) == SigningKey.made("new" * 12, made.key.id)
        [stored] = await s.api_keys.look_up([made.key.id])
        assert (stored.key.signed, stored.salt, stored.hash) == (True, b"", b"")
        assert not stored.admits("")
        assert (await control.rotate("t", made.key.id)).secret.startswith("sayitsig_")
        assert [key.signed for key in await s.api_keys.list_keys("t")] == [True, True]
        with pytest.raises(SayItError, match="SAYIT_SIGNING_SECRETS"):
            await KeyControl(s.api_keys).create("t", signed=True)


async def test_uses_are_written_once_a_minute(database_url: str) -> None:
    """The first one is; another within the minute changes nothing."""
    async with stores(database_url) as s:
        key = (await KeyControl(s.api_keys).create("t")).key
        await s.api_keys.note_use([key.id, "unknown"])
        used_at_s = (await s.api_keys.get_key("t", key.id)).last_used_at_s
        assert used_at_s is not None
        await s.api_keys.note_use([key.id])
        assert (await s.api_keys.get_key("t", key.id)).last_used_at_s == used_at_s


async def test_what_is_done_with_keys_is_noted(database_url: str) -> None:
    """With who did it; what was refused, and what changed nothing, leaves no note."""
    async with stores(database_url) as s:
        s.rules.audit_s = 60.0
        control = KeyControl(s.api_keys)
        with principal.use(ADMIN):
            key = (await control.create("t", scopes=["read"])).key
            new = (await control.rotate("t", key.id)).key
            for _ in range(2):
                await s.api_keys.revoke_key("t", key.id)
        rows = await s.audit.rows(since_s=0.0)
        assert [(row["key_id"], row["action"], row["subject"]) for row in rows] == [
            ("admin", "key.create", key.id),
            ("admin", "key.rotate", new.id),
            ("admin", "key.revoke", key.id),
        ]
        assert rows[0]["detail"] == "scopes=read"
        assert rows[1]["detail"].endswith(f"replaces={key.id}")


async def test_keys_that_ended_long_ago_are_forgotten(database_url: str) -> None:
    """Whether they were revoked or are over; those that are valid stay."""
    async with stores(database_url) as s:
        control = KeyControl(s.api_keys)
        kept = (await control.create("t")).key
        await s.api_keys.revoke_key("t", (await control.create("t")).key.id)
        await control.create("t", valid_for_s=1.0)
        await s.transcribers.expire(now_s=time.time() + KEEP_ENDED_KEYS_S - 60.0)
        assert len(await s.api_keys.list_keys("t")) == 3
        await s.transcribers.expire(now_s=time.time() + KEEP_ENDED_KEYS_S + 60.0)
        assert await s.api_keys.list_keys("t") == [kept]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"scopes": ["write"]}, "scopes"),
        ({"name": "a\nb"}, "name"),
        ({"name": "n" * 101}, "name"),
        ({"valid_for_s": -1.0}, "valid_for"),
        ({"valid_for_s": float("nan")}, "valid_for"),
        ({"requests": "many"}, "requests"),
        ({"addresses": ["10.0.0.1/8"]}, "addresses"),
        ({"addresses": ["example.com"]}, "addresses"),
        ({"tenant": ""}, "tenant"),
    ],
)
async def test_what_is_no_key_is_refused(database_url: str, values: dict[str, object], field: str) -> None:
    """Each with the field at fault, in both languages; nothing is stored."""
    async with stores(database_url) as s:
        with pytest.raises(SayItError) as caught:
            await KeyControl(s.api_keys).create(**{"tenant": "t", **values})  # type: ignore[arg-type]
        assert (caught.value.kind, caught.value.field) == (ErrorKind.INVALID_ARGUMENT, field)
        assert caught.value.message("ko").isascii() is False
        assert await s.api_keys.list_keys(None) == []


def test_a_key_is_valid_until_it_ends() -> None:
    """Without an end it is valid; revoked, or over, it is not."""
    assert ApiKey(id="k", tenant="t").valid
    assert not ApiKey(id="k", tenant="t", revoked_at_s=1.0).valid
    assert not ApiKey(id="k", tenant="t", expires_at_s=1.0).valid
