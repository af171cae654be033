"""Backups of real schedulers' data, and what becomes of them."""

from __future__ import annotations

import asyncio
import io
import json
import sqlite3
import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from sayit.scheduler.db.engine import database_at
from sayit.scheduler.db.migrations import upgrade
from sayit.scheduler.retention import backup
from sayit.scheduler.retention.backup import BackupError, Locations
from sayit.scheduler.settings import SchedulerSettings
from sayit.v1 import resources_pb2 as pb

from .helper import RECORDINGS, Transcriber, suite

if TYPE_CHECKING:
    from tests.postgresql import PostgresServer

SHORT = (RECORDINGS / "ko-8s.flac").read_bytes()
LONG = (RECORDINGS / "en-90s.flac").read_bytes()


def places(data: Path, **settings: Any) -> Locations:
    """The default places in a folder."""
    return backup.locations_of(SchedulerSettings(data_dir=data, **settings))


Urls = dict[str, Any]


@pytest.fixture
def urls(shared_postgres: PostgresServer) -> Iterator[Callable[[str], Urls]]:
    """Settings that name a database of a kind: none for SQLite, a new one for PostgreSQL."""
    with ExitStack() as stack:

        def named(kind: str) -> Urls:
            if kind == "sqlite":
                return {}
            return {"database_url": SecretStr(stack.enter_context(shared_postgres.database()))}

        yield named


@pytest.mark.parametrize(
    ("source", "target"),
    [
        pytest.param(
            "postgresql",
            "sqlite",
            marks=pytest.mark.thorough(
                "the other way is just below, and all values go this one in tests/db/test_copying.py"
            ),
        ),
        ("sqlite", "postgresql"),
    ],
)
async def test_a_job_that_ran_is_finished_after_the_restore(
    tmp_path: Path, redis_url: str, urls: Callable[[str], Urls], source: str, target: str
) -> None:
    """Saved in the middle of a job, restored elsewhere: one job is done as it was, the other ends, exactly once.

    The kinds of database need not be the same.
    """
    archive = tmp_path / "b.tar.gz"
    async with suite(tmp_path / "a", redis_url, **urls(source)) as s:
        worker = Transcriber(s, slots=4)
        runner = asyncio.create_task(worker.run())
        done = await s.create(SHORT)
        await s.until(done.id, pb.JOB_STATE_COMPLETED)
        runner.cancel()
        text = (await s.transcript(done.id)).text
        job = await s.create(LONG)
        first = await worker.claim(*await worker.take())
        await first.finish("first")
        second = await worker.claim(*await worker.take())
        await second.on_engine()
        saved = await asyncio.to_thread(backup.save, backup.locations_of(s.settings), archive)
        seen = (await s.get(job.id)).last_seq
    assert saved.jobs == 2
    assert archive.stat().st_mode & 0o777 == 0o600
    assert list((s.settings.data_dir / "scratch").iterdir()) == []
    there = urls(target)
    settings = SchedulerSettings(data_dir=tmp_path / "c" / "data", **there)
    restored = await asyncio.to_thread(backup.restore, backup.locations_of(settings), archive)
    assert restored.replaced is None
    async with suite(tmp_path / "c", redis_url, **there) as s:
        await s.redis.flushall()  # another machine's queue knows nothing of it
        worker = Transcriber(s, slots=4)
        tasks = [asyncio.create_task(worker.run()), asyncio.create_task(_reporting(worker))]
        assert (await s.transcript(done.id)).text == text
        events = await asyncio.wait_for(s.events(job.id), 60)
        for task in tasks:
            task.cancel()
        after = await s.transcript(job.id)
    seqs = [event.seq for event in events if event.seq]
    assert seqs == list(range(1, len(seqs) + 1))
    assert len(seqs) > seen
    indexes = [event.chunk_text.chunk_index for event in events if event.HasField("chunk_text")]
    assert sorted(indexes) == list(range(len(indexes)))
    assert after.text.startswith("first")


async def _reporting(worker: Transcriber) -> None:
    while True:
        await worker.report()
        await asyncio.sleep(1)


def _file(there: Locations) -> Path:
    assert there.database_file is not None
    return there.database_file


def _installation(data: Path) -> Locations:
    """A database of the newest schema without rows, and no objects."""
    found = places(data)
    data.mkdir(parents=True)
    # Alembic runs a loop of its own, which a test's own loop would not allow.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, upgrade(found.database)).result()
    return found


def _names(there: Locations, *keys: str) -> None:
    """Rows that name objects."""
    with closing(sqlite3.connect(_file(there))) as database:
        rows = [("u", number, 1000, key) for number, key in enumerate(keys)]
        database.executemany("INSERT INTO upload_parts VALUES (?, ?, ?, ?)", rows)
        database.commit()


def _changed(archive: Path, target: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """A copy of an archive with other members."""
    with tarfile.open(archive) as tar:
        members = {m.name: file.read() for m in tar if (file := tar.extractfile(m))}
    change(members)
    with tarfile.open(target, "w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return target


def _manifest(members: dict[str, bytes], **changes: Any) -> None:
    members["manifest.json"] = json.dumps(json.loads(members["manifest.json"]) | changes).encode()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda m: _manifest(m, revision="9999"), "does not know its schema 9999"),
        (lambda m: _manifest(m, format=2), "does not know"),
        (lambda m: m.update({"sayit.db": b"x"}), "not those of its manifest"),
        (lambda m: m.pop("manifest.json"), "not those of its manifest"),
        (lambda m: m.update({"../evil": b"x"}), "no backup of SayIt"),
        (lambda m: m.update({"objects/a": b"x"}), "not those of its manifest"),
    ],
)
def test_what_is_not_right_is_refused(tmp_path: Path, change: Callable[[dict[str, bytes]], None], reason: str) -> None:
    """An archive that is damaged, forged or of a newer version changes nothing."""
    saved = backup.save(_installation(tmp_path / "a"), tmp_path / "b.tar.gz")
    wrong = _changed(saved.path, tmp_path / "wrong.tar.gz", change)
    there = places(tmp_path / "c")
    with pytest.raises(BackupError, match=reason):
        backup.restore(there, wrong)
    assert not _file(there).exists()
    assert not (tmp_path / "evil").exists()
    assert list((there.data / "scratch").iterdir()) == []


def test_a_truncated_archive_is_refused(tmp_path: Path) -> None:
    """Half an archive is none."""
    saved = backup.save(_installation(tmp_path / "a"), tmp_path / "b.tar.gz")
    half = tmp_path / "half.tar.gz"
    half.write_bytes(saved.path.read_bytes()[: saved.size // 2])
    with pytest.raises(BackupError, match="damaged"):
        backup.restore(places(tmp_path / "c"), half)


def test_data_that_are_there_are_put_aside_only_if_asked(tmp_path: Path) -> None:
    """Nothing is overwritten: without being asked it refuses, and when asked it moves."""
    there = _installation(tmp_path / "a")
    old = there.data / "objects" / "jobs" / "old"
    old.parent.mkdir(parents=True)
    old.write_text("old")
    saved = backup.save(there, tmp_path / "b.tar.gz")
    with pytest.raises(BackupError, match="--replace"):
        backup.restore(there, saved.path)
    restored = backup.restore(there, saved.path, replace=True)
    assert restored.replaced is not None
    assert (restored.replaced / "objects" / "jobs" / "old").read_text() == "old"
    assert _file(there).exists()
    assert not old.parent.exists()


async def test_a_running_scheduler_is_not_restored_over(tmp_path: Path, redis_url: str) -> None:
    """Its lock on the database is respected."""
    saved = backup.save(_installation(tmp_path / "x"), tmp_path / "b.tar.gz")
    async with suite(tmp_path, redis_url) as s:
        with pytest.raises(BackupError, match="stop it first"):
            backup.restore(places(s.settings.data_dir), saved.path, replace=True)


def test_audio_that_is_missing_is_no_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row without its object is not saved as if all were well, and no half archive stays."""
    monkeypatch.setattr("sayit.scheduler.retention.backup.snapshot._PAUSE_S", 0.0)
    there = _installation(tmp_path / "a")
    _names(there, "uploads/u/0")
    with pytest.raises(BackupError, match="missing"):
        backup.save(there, tmp_path / "b.tar.gz")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a"]


def test_the_settings_are_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables, the file of settings and the hashed keys lie beside the restored data, for their owner only."""
    for name in ("settings", "keys"):
        (tmp_path / name).write_text(name)
    found, there = _installation(tmp_path / "a"), places(tmp_path / "c")
    monkeypatch.setenv("SAYIT_SETTINGS_FILE", str(tmp_path / "settings"))
    monkeypatch.setenv("SAYIT_API_KEYS_FILE", str(tmp_path / "keys"))
    saved = backup.save(found, tmp_path / "b.tar.gz")
    restored = backup.restore(there, saved.path)
    assert (restored.settings / "file").read_text() == "settings"
    assert (restored.settings / "keys").read_text() == "keys"
    assert f"SAYIT_API_KEYS_FILE={tmp_path / 'keys'}" in (restored.settings / "environment").read_text()
    assert (restored.settings / "keys").stat().st_mode & 0o777 == 0o600


def test_rotation_keeps_the_newest(tmp_path: Path) -> None:
    """Archives of other names are none of its business."""
    there = _installation(tmp_path / "a")
    folder = tmp_path / "backups"
    folder.mkdir()
    (folder / "sayit-mine.tar.gz").write_text("")
    names = [backup.save(there, folder).path.name for _ in range(4)]
    assert backup.rotate(folder, 2) == names[:2]
    assert sorted(path.name for path in folder.iterdir()) == sorted([*names[2:], "sayit-mine.tar.gz"])


def test_a_database_with_rows_is_never_restored_over(tmp_path: Path, shared_postgres: PostgresServer) -> None:
    """On a server nothing is put aside; what was refused changed nothing, and an empty database takes it."""
    saved = backup.save(_installation(tmp_path / "a"), tmp_path / "b.tar.gz")
    with shared_postgres.database() as url:
        there = places(tmp_path / "c", database_url=SecretStr(url))
        backup.restore(there, saved.path)
        backup.restore(there, saved.path)  # it has a schema now, and no rows
        asyncio.run(_insert_upload(url))
        with pytest.raises(BackupError, match="is not empty"):
            backup.restore(there, saved.path, replace=True)
        again = backup.save(there, tmp_path / "again.tar.gz")
    assert again.jobs == 0


async def test_a_running_scheduler_on_a_server_is_not_restored_over(
    tmp_path: Path, redis_url: str, postgres_url: str
) -> None:
    """It shows by its connections."""
    saved = backup.save(_installation(tmp_path / "x"), tmp_path / "b.tar.gz")
    async with suite(tmp_path, redis_url, database_url=SecretStr(postgres_url)) as s:
        with pytest.raises(BackupError, match="stop it first"):
            await asyncio.to_thread(backup.restore, backup.locations_of(s.settings), saved.path)


def test_a_server_that_cannot_be_saved_says_why(tmp_path: Path, shared_postgres: PostgresServer) -> None:
    """Not there, without SayIt in it, of a newer version: one line each, without the password."""
    with shared_postgres.database() as url:
        with pytest.raises(BackupError, match="no SayIt in the database"):
            backup.save(places(tmp_path, database_url=SecretStr(url)), tmp_path / "b.tar.gz")
        asyncio.run(_newer(url))
        with pytest.raises(BackupError, match="another version") as refused:
            backup.save(places(tmp_path, database_url=SecretStr(url)), tmp_path / "b.tar.gz")
        assert "\n" not in str(refused.value)
    gone = SecretStr("postgresql+asyncpg://u:secret@127.0.0.1:1/d")
    with pytest.raises(BackupError, match=r"127\.0\.0\.1/d") as refused:
        backup.save(places(tmp_path, database_url=gone), tmp_path / "b.tar.gz")
    assert "secret" not in str(refused.value)
    assert not list(tmp_path.glob("*.tar.gz*"))


async def _insert_upload(url: str) -> None:
    await _execute(
        url,
        "INSERT INTO uploads (id, tenant, key_id, filename, received, created_s, expires_s) "
        "VALUES ('u', 't', 'k', 'f', 0, 0, 0)",
    )


async def _newer(url: str) -> None:
    await _execute(url, "CREATE TABLE alembic_version (version_num VARCHAR(32))")
    await _execute(url, "INSERT INTO alembic_version VALUES ('9999')")


async def _execute(url: str, statement: str) -> None:
    database = database_at(url)
    await database.write(lambda connection: connection.execute(text(statement)))
    await database.close()
