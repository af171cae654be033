"""Migrations on a database that is full: what can survive, survives."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.engine import URL, make_url

from sayit.chassis.api_keys import new_secret
from sayit.chassis.start import StartError
from sayit.scheduler.api.key_control import KeyControl
from sayit.scheduler.db.engine import database_at
from sayit.scheduler.db.migrations import NEWEST, config, downgrade, upgrade
from sayit.scheduler.db.schema import metadata
from sayit.scheduler.db.stores import Stores
from sayit.scheduler.jobs.records import AttemptEnd, Ending, NewCacheEntry
from sayit.scheduler.jobs.transcribers import TranscriberRecord
from sayit.speech.corrections import Corrections
from sayit.speech.jobs import JobState
from sayit.speech.vocabularies import Vocabulary

from .helper import accepted, completed, dispatched, output, prepared, stores
from .test_live_sessions import begun

Rows = dict[str, list[dict[str, Any]]]


async def fill(s: Stores) -> None:
    """Puts rows into every table: jobs in several states, attempts that ended in several ways, a full bin."""
    job = await prepared(s, 3)
    for message in await dispatched(s, job.id):
        claim = await s.chunks.claim(message.chunk_id, message.dispatch, "t1", lease_until_s=time.time() + 60)
        assert claim is not None
        if claim.index == 0:
            await s.chunks.commit(
                claim, output("안녕"), NewCacheEntry(key="k", output=output("안녕"), expires_s=time.time() + 60)
            )
        elif claim.index == 1:
            await s.chunks.give_up(claim, Ending(how=AttemptEnd.CRASHED, detail="x"))
    await s.jobs.cache_put("t", "key", job.id, expires_s=time.time() + 60)
    await s.corrections.add("t", job.id, "k", Corrections(version=1, names={"1": "김"}))
    await s.vocabularies.put_vocabulary("t", Vocabulary(name="v", words=("세이잇",), prompt="p"), most=9)
    await KeyControl(s.api_keys).create("t", name="n", addresses=["10.0.0.0/8"])
    await s.holds.place("t", job.id, "case")
    await completed(s, "shared")
    await s.share_links.create_link("t", "shared", new_secret(), valid_for_s=60.0)
    s.rules.audit_s = s.rules.usage_s = 60.0
    s.rules.receivers = {"t": "https://example.com/hook"}
    await begun(s, "live")
    gone = await accepted(s, "cancelled", key="once")
    await s.jobs.cancel_job("t", gone.id)
    await s.transcribers.report(
        TranscriberRecord(
            id="t1",
            model="micro",
            slots=1,
            busy=0,
            audio_s=1.5,
            compute_s=0.5,
            draining=False,
            seen_s=time.time(),
            revision="r1",
        )
    )


def rows_of(connection: Connection) -> Rows:
    """Every table's rows as the database has them, in the order of its key today."""
    found: Rows = {}
    for name in inspect(connection).get_table_names():
        if name != "alembic_version":
            rows = connection.execute(text(f'SELECT * FROM "{name}"')).mappings()
            key = [column.name for column in metadata.tables[name].primary_key] if name in metadata.tables else []
            found[name] = sorted(map(dict, rows), key=lambda row: [str(row.get(column)) for column in key])
    return found


async def rows_at(url: URL) -> Rows:
    """Every table's rows as they are now."""
    database = database_at(url.render_as_string(hide_password=False))
    found = await database.read(rows_of)
    await database.close()
    return found


async def test_data_survives_every_step_back_and_forth(empty_database_url: str) -> None:
    """From the newest schema back to the first, step by step, and forward again: what both know stays, work goes on."""
    url = make_url(empty_database_url)
    async with stores(empty_database_url) as s:
        await fill(s)
    before = await rows_at(url)
    assert set(before) == set(metadata.tables)
    assert all(before.values()), "a table was left empty, so its migration would not be tested"
    revisions = [script.revision for script in ScriptDirectory.from_config(config(url)).walk_revisions()]
    assert revisions[0] == NEWEST
    for move, steps in ((downgrade, revisions[1:]), (upgrade, revisions[-2::-1])):
        for revision in steps:
            await move(url, revision)
            after = await rows_at(url)
            _unchanged(before, after)
            before = after
    async with stores(empty_database_url) as s:
        assert (await s.jobs.get_job("t", "j")).state is JobState.RUNNING
        assert [each.output.segments[0].text for each in await s.chunks.done_chunks("j")] == ["안녕"]
        again = await s.jobs.find_by_idempotency_key("t", "once")
        assert again is not None
        assert again.state is JobState.CANCELLED


def _unchanged(before: Rows, after: Rows) -> None:
    """Rows of the tables, and columns, that both schemas have."""
    for name in before.keys() & after.keys():
        assert len(before[name]) == len(after[name])
        for old, new in zip(before[name], after[name], strict=True):
            common = old.keys() & new.keys()
            assert {key: old[key] for key in common} == {key: new[key] for key in common}


@pytest.mark.parametrize(
    ("revision", "told"), [("9999", "the schema 9999 of a later version"), ("ae1027a6acf", "of another program")]
)
async def test_a_database_of_a_later_version_is_left_alone(empty_database_url: str, revision: str, told: str) -> None:
    """An older program says which schemas are meant, and changes nothing; so it does where Alembic serves another."""
    async with stores(empty_database_url):
        pass
    database = database_at(empty_database_url)
    set_version = text("UPDATE alembic_version SET version_num = :revision").bindparams(revision=revision)
    await database.write(lambda connection: connection.execute(set_version))
    await database.close()
    with pytest.raises(StartError, match=told):
        async with stores(empty_database_url):
            pass


async def test_a_database_of_another_program_is_left_alone(empty_database_url: str) -> None:
    """Its tables are not mixed with ours."""
    database = database_at(empty_database_url)
    await database.write(lambda connection: connection.execute(text("CREATE TABLE customers (name TEXT)")))
    with pytest.raises(StartError, match=r"another program \(customers\)"):
        async with stores(empty_database_url):
            pass
    assert (await rows_at(make_url(empty_database_url))).keys() == {"customers"}
    await database.close()


async def test_a_database_that_cannot_be_used_is_told_in_one_line(tmp_path: Path, postgres_url: str) -> None:
    """Its place without the password, and what the database says."""
    (tmp_path / "song.db").write_bytes(b"la" * 1000)
    elsewhere = make_url(postgres_url).set(database="nope", username="ghost", password="hush")
    for url, told in (
        (f"sqlite:///{tmp_path}/song.db", r"song\.db cannot be used: file is not a database$"),
        (f"sqlite:///{tmp_path}", "unable to open database file: no file that can be read and written$"),
        ("sqlite:////proc/none/x.db", r"/proc/none/x\.db cannot be used: .*No such file"),
        (elsewhere.render_as_string(hide_password=False), r'/nope cannot be used: role "ghost" does not exist$'),
    ):
        with pytest.raises(StartError, match=told):
            async with stores(url):
                pass


async def test_a_full_database_can_be_taken_back_to_nothing(empty_database_url: str) -> None:
    """The way back to an empty database works with rows that refer to each other, and so does the way forward again."""
    url = make_url(empty_database_url)
    async with stores(empty_database_url) as s:
        await fill(s)
    await downgrade(url, "base")
    assert await rows_at(url) == {}
    async with stores(empty_database_url) as s:
        await fill(s)
