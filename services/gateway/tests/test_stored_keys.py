"""Keys of the database, as a gateway knows them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from sayit.chassis.api_keys import StoredKey, new_secret
from sayit.chassis.principal import Principal
from sayit.gateway.auth import access, stored_keys
from sayit.gateway.auth.stored_keys import TRUSTED_S, StoredKeys
from sayit.speech.api_keys import ApiKey
from sayit.speech.errors import ErrorKind, SayItError
from sayit.v1 import key_service_pb2 as key_pb
from sayit.v1.transcription_service_pb2 import GetJobRequest, WatchJobRequest

from .fake_keys import FakeKeys
from .helper import failure, suite

REQUEST = GetJobRequest(job_id="job-1")


class Database:
    """A database of keys that notes what it is asked."""

    def __init__(self) -> None:
        self.keys: dict[str, StoredKey] = {}
        self.asked: list[list[str]] = []
        self.used: list[str] = []
        self.away = False
        #: Answers wait for it.
        self.open = asyncio.Event()
        self.open.set()

    def create(self, **values: Any) -> tuple[str, str]:
        """A key's id, and what it reads."""
        secret = new_secret()
        key = ApiKey(**{"id": secret.key_id, "tenant": "acme", **values})
        self.keys[key.id] = StoredKey(key=key, salt=secret.salt, hash=secret.hash)
        return key.id, secret.text

    def revoke(self, key_id: str) -> None:
        """Revokes a key."""
        self.keys[key_id] = replace(self.keys[key_id], key=replace(self.keys[key_id].key, revoked_at_s=1.0))

    async def look_up(self, ids: Sequence[str], used: Sequence[str]) -> Iterable[StoredKey]:
        """As the scheduler does."""
        self.asked.append(list(ids))
        await self.open.wait()
        if self.away:
            raise SayItError(ErrorKind.UNAVAILABLE, cause="away")
        self.used += used
        return [self.keys[one] for one in ids if one in self.keys]


class Clock:
    """A clock that is set."""

    now_s = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now_s


async def test_a_key_is_asked_for_once_and_then_watched() -> None:
    """Calls cost no question; one that is revoked is found out by the next look."""
    database = Database()
    key_id, text = database.create(scopes=("read",))
    keys = StoredKeys(database.look_up)
    for _ in range(3):
        found = await keys.find(text)
        assert found is not None
        assert (found.id, found.scopes) == (key_id, ("read",))
    assert database.asked == [[key_id]]
    database.revoke(key_id)
    assert keys.is_valid(key_id)
    await keys.refresh()
    assert not keys.is_valid(key_id)
    assert await keys.find(text) is None


@pytest.mark.parametrize("wrong", ["", "sayit", "sayit_x_", "sayit__y", "other_a_b", "sayit_a-b_c", "sayit_é_c"])
async def test_what_is_no_key_is_not_asked_for(wrong: str) -> None:
    """The database hears of keys only."""
    database = Database()
    assert await StoredKeys(database.look_up).find(wrong) is None
    assert database.asked == []


async def test_a_wrong_secret_is_no_use_of_a_key() -> None:
    """It is refused without a further question, and the key does not count as used."""
    database, clock = Database(), Clock()
    key_id, text = database.create()
    keys = StoredKeys(database.look_up, clock)
    for _ in range(2):
        assert await keys.find(text + "x") is None
    await keys.refresh()
    assert database.used == []
    await keys.find(text)
    await keys.refresh()
    assert database.used == [key_id]
    await keys.find(text)
    await keys.refresh()
    assert database.used == [key_id], "a use within the minute is not told"
    clock.now_s += 61.0
    await keys.refresh()
    assert database.used == [key_id], "without a use there is nothing to tell"
    await keys.refresh([key_id])
    assert database.used == [key_id, key_id], "a call that runs is a use"


async def test_unknown_keys_are_remembered_for_a_moment() -> None:
    """The same one is asked for once; later it may have come."""
    database, clock = Database(), Clock()
    keys = StoredKeys(database.look_up, clock)
    key_id, text = database.create()
    stored = database.keys.pop(key_id)
    for _ in range(3):
        assert await keys.find(text) is None
    assert len(database.asked) == 1
    database.keys[key_id] = stored
    clock.now_s += 10.0
    assert await keys.find(text) is not None


async def test_many_that_come_at_once_share_questions() -> None:
    """However many unknown keys arrive, one question is under way at a time, and its size is bounded."""
    database = Database()
    database.open.clear()
    keys = StoredKeys(database.look_up)
    _, text = database.create()
    waiting = [asyncio.create_task(keys.find(f"sayit_{number}_x")) for number in range(1200)]
    mine = asyncio.create_task(keys.find(text))
    while not database.asked:  # noqa: ASYNC110 - it only records
        await asyncio.sleep(0)
    database.open.set()
    assert set(await asyncio.gather(*waiting)) == {None}
    assert await mine is not None
    assert len(database.asked) <= 4
    assert max(map(len, database.asked)) == stored_keys.BATCH


async def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of known and of unknown keys the oldest go; unknown ones push no known one out. Too many at once are refused."""
    monkeypatch.setattr(stored_keys, "MOST_KEYS", 3)
    database = Database()
    keys = StoredKeys(database.look_up)
    made = [database.create() for _ in range(4)]
    for _, text in made:
        await keys.find(text)
    assert list(keys._known) == [key_id for key_id, _ in made[1:]]
    for number in range(5):
        await keys.find(f"sayit_{number}_x")
    assert list(keys._unknown) == ["2", "3", "4"]
    assert list(keys._known) == [key_id for key_id, _ in made[1:]]
    database.open.clear()
    waiting = [asyncio.create_task(keys.find(f"sayit_{number}_x")) for number in range(10, 13)]
    while len(keys._waiting) < 3:  # noqa: ASYNC110 - as above
        await asyncio.sleep(0)
    with pytest.raises(SayItError) as caught:
        await keys.find("sayit_99_x")
    assert caught.value.kind is ErrorKind.OVERLOADED
    database.open.set()
    await asyncio.gather(*waiting)


async def test_idle_keys_are_forgotten_unless_their_calls_run() -> None:
    """Ten minutes after the last use a key is not looked at any more; a stream of it keeps it."""
    database, clock = Database(), Clock()
    keys = StoredKeys(database.look_up, clock)
    (idle, text), (streaming, other) = database.create(), database.create()
    await keys.find(text)
    await keys.find(other)
    clock.now_s += 601.0
    await keys.refresh([streaming])
    assert database.asked[-1] == [streaming]
    assert keys.is_valid(idle), "nothing bad is known of it"
    database.revoke(streaming)
    await keys.refresh([streaming])
    assert not keys.is_valid(streaming)


async def test_a_database_that_is_away_opens_nothing_and_locks_no_caller_out() -> None:
    """A key that was checked goes on for a while; any other is told to come back, a wrong secret is refused."""
    database, clock = Database(), Clock()
    keys = StoredKeys(database.look_up, clock)
    (_, known), (_, other) = database.create(), database.create()
    await keys.find(known)
    database.away = True
    with pytest.raises(SayItError):
        await keys.refresh()
    assert await keys.find(known) is not None
    assert await keys.find(known + "x") is None
    for unknown in (other, "sayit_1_x"):
        with pytest.raises(SayItError) as caught:
            await keys.find(unknown)
        assert caught.value.kind is ErrorKind.UNAVAILABLE
        assert caught.value.retry_after_s
    clock.now_s += TRUSTED_S + 1.0
    with pytest.raises(SayItError):
        await keys.find(known)
    database.away = False
    assert await keys.find(known) is not None
    assert await keys.find(other) is not None


async def test_a_key_of_the_database_is_a_principal() -> None:
    """It names its tenant to the scheduler; unknown ones, wrong secrets and none are refused as ever."""
    stored = FakeKeys()
    key_id, text = stored.create(tenant="acme")
    async with suite(require_keys=True, stored=stored) as s:
        await s.jobs.GetJob(REQUEST, metadata=[("authorization", f"Bearer {text}")])
        for metadata in ([], [("x-api-key", text + "x")], [("x-api-key", "sayit_1_x")], [("x-api-key", "nonsense")]):
            assert (await failure(s.jobs.GetJob(REQUEST, metadata=metadata))).kind is ErrorKind.UNAUTHENTICATED
        assert s.fake.principals["GetJob"] == Principal(key_id=key_id, tenant="acme")
        stored.away = True
        await s.jobs.GetJob(REQUEST, metadata=[("x-api-key", text)])
        away = await failure(s.jobs.GetJob(REQUEST, metadata=[("x-api-key", "sayit_2_x")]))
        assert (away.kind, away.retry_after_s) == (ErrorKind.UNAVAILABLE, 2.0)


async def test_a_revoked_key_of_the_database_ends_its_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    """A watcher whose key is revoked elsewhere is cut off; another tenant's goes on, and a database away ends none."""
    monkeypatch.setattr(access, "CHECK_KEYS_S", 0.05)
    stored = FakeKeys()
    (key_id, text), (_, other) = stored.create(), stored.create(tenant="b")
    async with suite(require_keys=True, stored=stored) as s:
        s.fake.pace = asyncio.Semaphore(0)
        watch = WatchJobRequest(job_id="job-1")
        ends, stays = (s.jobs.WatchJob(watch, metadata=[("x-api-key", each)]) for each in (text, other))
        while len(s.fake.watches) < 2:  # noqa: ASYNC110 - the fake only records
            await asyncio.sleep(0.01)
        stored.away = True
        asked = len(stored.asked)
        while len(stored.asked) < asked + 3:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
        assert not ends.done()
        assert not stays.done()
        stored.away = False
        stored.revoke(key_id)
        assert (await failure(ends)).kind is ErrorKind.UNAUTHENTICATED
        assert not stays.done()
        stays.cancel()
        assert (await failure(s.jobs.GetJob(REQUEST, metadata=[("x-api-key", text)]))).kind is ErrorKind.UNAUTHENTICATED


async def test_keys_are_managed_through_the_gateway() -> None:
    """With the caller's principal; an id that is missing is told before anyone is asked."""
    stored = FakeKeys()
    _, admin = stored.create(scopes=("admin",))
    _, reader = stored.create(scopes=("transcribe", "read"))
    async with suite(require_keys=True, stored=stored) as s:
        metadata = [("x-api-key", admin)]
        made = await s.keys.CreateKey(key_pb.CreateKeyRequest(name="phone"), metadata=metadata)
        assert (made.key.name, made.secret) == ("phone", "sayit_key-1_secret")
        assert s.fake.principals["CreateKey"].tenant == "acme"
        assert [one.id for one in (await s.keys.ListKeys(key_pb.ListKeysRequest(), metadata=metadata)).keys] == [
            "key-1"
        ]
        empty = await failure(s.keys.RevokeKey(key_pb.RevokeKeyRequest(), metadata=metadata))
        assert empty.kind is ErrorKind.INVALID_ARGUMENT
        listing = s.keys.ListKeys(key_pb.ListKeysRequest(), metadata=[("x-api-key", reader)])
        assert (await failure(listing)).kind is ErrorKind.PERMISSION_DENIED


async def test_without_keys_no_caller_manages_any() -> None:
    """A key that anyone made would open an installation that asks for keys later."""
    async with suite() as s:
        await s.jobs.GetJob(REQUEST)
        for call in (s.keys.CreateKey(key_pb.CreateKeyRequest()), s.keys.ListKeys(key_pb.ListKeysRequest())):
            assert (await failure(call)).kind is ErrorKind.PERMISSION_DENIED
        assert "CreateKey" not in s.fake.principals
