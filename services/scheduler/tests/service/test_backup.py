"""Backups of real schedulers' data, and what becomes of them."""

from __future__ import annotations

import asyncio
import io
import json
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sayit.scheduler import backup
from sayit.scheduler.backup import BackupError, Places
from sayit.scheduler.settings import SchedulerSettings
from sayit.v1 import resources_pb2 as pb

from .helper import RECORDINGS, Transcriber, suite

SHORT = (RECORDINGS / "ko-8s.flac").read_bytes()
LONG = (RECORDINGS / "en-90s.flac").read_bytes()


def places(data: Path) -> Places:
    """The default places in a folder."""
    return backup.places_of(SchedulerSettings(data_dir=data))


async def test_a_job_that_ran_is_finished_after_the_restore(tmp_path: Path, redis_url: str) -> None:
    """Saved in the middle of a job, restored elsewhere: one job is done as it was, the other ends, exactly once."""
    archive = tmp_path / "b.tar.gz"
    async with suite(tmp_path / "a", redis_url) as s:
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
        saved = await asyncio.to_thread(backup.save, places(s.settings.data_dir), archive)
        seen = (await s.get(job.id)).last_seq
    assert saved.jobs == 2
    assert archive.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in s.settings.data_dir.glob("backup-*")] == []
    restored = await asyncio.to_thread(backup.restore, places(tmp_path / "c" / "data"), archive)
    assert restored.replaced is None
    async with suite(tmp_path / "c", redis_url) as s:
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


def _installation(data: Path) -> Places:
    """A database of the newest schema without rows, and no objects."""
    found = places(data)
    data.mkdir(parents=True)
    with closing(sqlite3.connect(found.database)) as database:
        database.executescript(
            "CREATE TABLE alembic_version (version_num TEXT); INSERT INTO alembic_version VALUES ('0001');"
            "CREATE TABLE jobs (id TEXT, state TEXT); CREATE TABLE chunks (object_key TEXT, job_id TEXT);"
            "CREATE TABLE upload_parts (object_key TEXT);"
        )
    return found


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
    assert not there.database.exists()
    assert not (tmp_path / "evil").exists()
    assert not list(there.data.glob("restore-*"))


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
    (there.objects / "jobs").mkdir(parents=True)
    (there.objects / "jobs" / "old").write_text("old")
    saved = backup.save(there, tmp_path / "b.tar.gz")
    with pytest.raises(BackupError, match="--replace"):
        backup.restore(there, saved.path)
    restored = backup.restore(there, saved.path, replace=True)
    assert restored.replaced is not None
    assert (restored.replaced / "objects" / "jobs" / "old").read_text() == "old"
    assert there.database.exists()
    assert not (there.objects / "jobs").exists()


async def test_a_running_scheduler_is_not_restored_over(tmp_path: Path, redis_url: str) -> None:
    """Its lock on the database is respected."""
    saved = backup.save(_installation(tmp_path / "x"), tmp_path / "b.tar.gz")
    async with suite(tmp_path, redis_url) as s:
        with pytest.raises(BackupError, match="stop it first"):
            backup.restore(places(s.settings.data_dir), saved.path, replace=True)


def test_audio_that_is_missing_is_no_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row without its object is not saved as if all were well, and no half archive stays."""
    monkeypatch.setattr("sayit.scheduler.backup.saving._PAUSE_S", 0.0)
    there = _installation(tmp_path / "a")
    with closing(sqlite3.connect(there.database)) as database:
        database.execute("INSERT INTO upload_parts VALUES ('uploads/u/0')")
        database.commit()
    with pytest.raises(BackupError, match="missing"):
        backup.save(there, tmp_path / "b.tar.gz")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a"]


def test_the_settings_are_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables, the file of settings and the hashed keys lie beside the restored data, for their owner only."""
    for name in ("settings", "keys"):
        (tmp_path / name).write_text(name)
    monkeypatch.setenv("SAYIT_SETTINGS_FILE", str(tmp_path / "settings"))
    monkeypatch.setenv("SAYIT_API_KEYS_FILE", str(tmp_path / "keys"))
    found = Places(data=tmp_path / "a", database=tmp_path / "a" / "sayit.db", objects=tmp_path / "a" / "objects")
    monkeypatch.delenv("SAYIT_SETTINGS_FILE")
    _installation(tmp_path / "a")
    monkeypatch.setenv("SAYIT_SETTINGS_FILE", str(tmp_path / "settings"))
    saved = backup.save(found, tmp_path / "b.tar.gz")
    there = Places(data=tmp_path / "c", database=tmp_path / "c" / "sayit.db", objects=tmp_path / "c" / "objects")
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
    assert [path.name for path in backup.rotate(folder, 2)] == names[:2]
    assert sorted(path.name for path in folder.iterdir()) == sorted([*names[2:], "sayit-mine.tar.gz"])


def test_other_databases_are_saved_by_their_own_tools() -> None:
    """The message says with what."""
    with pytest.raises(BackupError, match="pg_dump"):
        backup.places_of(SchedulerSettings(database_url="postgresql+asyncpg://h/d"))  # type: ignore[arg-type]
    with pytest.raises(BackupError, match="bucket"):
        backup.places_of(SchedulerSettings(storage_url="s3://b/p"))
