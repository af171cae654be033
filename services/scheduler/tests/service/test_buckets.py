"""Objects and backups in a bucket: obstore's S3 client against a server that speaks S3 (moto)."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import boto3
import grpc
import pytest

from sayit.chassis import principal
from sayit.chassis.start import StartError
from sayit.cli.doctor import installation
from sayit.scheduler.db.objects import Objects
from sayit.scheduler.ingest.uploads import PART_BYTES
from sayit.scheduler.retention import backup
from sayit.scheduler.retention.backup import BackupError
from sayit.scheduler.retention.backup.objects import fetch, store
from sayit.speech.errors import ErrorKind, SayItError
from sayit.v1 import transcription_service_pb2 as service_pb

from .helper import ALICE, BOB, SHORT, SWEEPING, kind_of, repeated, suite
from .test_backup import _installation, _names, places

# One worker runs them all: the server takes more than a second to start.
pytestmark = pytest.mark.xdist_group("s3")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server that speaks S3: its URL."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - takes a second, in each process that reads the tests

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty bucket's URL; credentials are in the environment."""
    variables = {"ENDPOINT_URL": server, "ALLOW_HTTP": "true", "REGION": "us-east-1"}
    for name, value in {**variables, "ACCESS_KEY_ID": "key", "SECRET_ACCESS_KEY": "secret"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    for method, path in (("POST", "/moto-api/reset"), ("PUT", "/sayit-test")):
        with urllib.request.urlopen(urllib.request.Request(server + path, method=method)) as answer:
            assert answer.status == 200
    return "s3://sayit-test"


@pytest.fixture(params=["folder", "bucket"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    """A store of each kind."""
    url = f"file://{tmp_path / 'o'}" if request.param == "folder" else f"{request.getfixturevalue('bucket')}/prefix"
    (tmp_path / "scratch").mkdir()
    return Objects(url, scratch=tmp_path / "scratch")


async def test_objects_are_the_same_in_a_folder_and_in_a_bucket(objects: Objects) -> None:
    """Stored, replaced, read in a row as one file, deleted one by one and by prefix; what is missing is an error."""
    await objects.check()
    for number in range(3):
        await objects.put(f"jobs/j/{number}", b"old")
        await objects.put(f"jobs/j/{number}", bytes([number]) * 10)
    large = bytes(range(256)) * 50_000  # more than one request of a bucket's client
    await objects.put("uploads/u/0", large)
    async with objects.file_of(["jobs/j/1", "uploads/u/0", "jobs/j/2"]) as path:
        assert path.read_bytes() == b"\x01" * 10 + large + b"\x02" * 10
    await objects.delete("jobs/j/0")
    await objects.delete("jobs/j/0")
    await objects.delete_prefix("jobs/j/")
    await objects.delete_prefix("jobs/j/")
    for key in ("jobs/j/0", "jobs/j/2"):
        with pytest.raises(SayItError) as error:
            await objects.get(key)
        assert error.value.kind is ErrorKind.INTERNAL
    assert await objects.get("uploads/u/0") == large


async def test_a_bucket_that_is_not_there_can_be_tried_again(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong name is UNAVAILABLE, not a defect; a scheduler does not start on it, but on one that is away."""
    assert bucket
    there_is_none = Objects("s3://no-such-bucket/p", scratch=tmp_path)
    with pytest.raises(SayItError) as error:
        await there_is_none.put("a", b"x")
    assert error.value.kind is ErrorKind.UNAVAILABLE
    with pytest.raises(StartError, match="SAYIT_STORAGE_URL cannot be used: The specified bucket does not exist"):
        await there_is_none.verify()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setattr("sayit.scheduler.db.objects._VERIFY_S", 0.1)
    await Objects("s3://no-such-bucket/p", scratch=tmp_path).verify()


async def test_a_recording_is_fetched_from_the_bucket_itself(bucket: str, tmp_path: Path, redis_url: str) -> None:
    """With an address and nothing but curl, once its job has ended; not by strangers, and not after its deletion."""
    audio = repeated("ko-8s", 12)
    assert len(audio) > 2 * PART_BYTES
    async with suite(tmp_path, redis_url, storage_url=f"{bucket}/p", audio_address_s=60.0, sweep_s=SWEEPING) as s:
        for content in (SHORT, audio):
            job = await s.create(content)
            request = service_pb.GetAudioAddressRequest(job_id=job.id)
            with principal.use(ALICE):
                with pytest.raises(grpc.aio.AioRpcError) as early:
                    await s.jobs.GetAudioAddress(request)
                assert kind_of(early) is ErrorKind.JOB_NOT_FINISHED
                await s.jobs.CancelJob(service_pb.CancelJobRequest(job_id=job.id))
                answers = [await s.jobs.GetAudioAddress(request) for _ in range(2)]
            with principal.use(BOB), pytest.raises(grpc.aio.AioRpcError) as foreign:
                await s.jobs.GetAudioAddress(request)
            assert kind_of(foreign) is ErrorKind.JOB_NOT_FOUND
            fetch = ("curl", "-sf", "--noproxy", "*", answers[1].url)
            assert (await asyncio.to_thread(subprocess.run, fetch, capture_output=True, check=True)).stdout == content
            assert 0 < answers[1].expire_time.seconds - time.time() <= 60
            with principal.use(ALICE):
                await s.jobs.DeleteJob(service_pb.DeleteJobRequest(job_id=job.id))
            while True:
                gone = await asyncio.to_thread(subprocess.run, fetch, capture_output=True, check=False)
                if gone.returncode == 22:  # an answer above 400
                    break
                await asyncio.sleep(0.05)


async def test_a_bucket_is_examined(server: str, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`sayit doctor` tries it, and says where deleted objects stay as versions; our life cycle rules end those."""
    found = []
    for url in (bucket, "s3://no-such-bucket"):
        monkeypatch.setenv("SAYIT_STORAGE_URL", url)
        found.append(await asyncio.to_thread(installation.storage))
    s3 = boto3.client("s3", endpoint_url=server)
    rules = json.loads((Path(__file__).parents[4] / "deploy" / "s3" / "lifecycle.json").read_text())
    s3.put_bucket_lifecycle_configuration(Bucket="sayit-test", LifecycleConfiguration=rules)
    assert s3.get_bucket_lifecycle_configuration(Bucket="sayit-test")["Rules"] == rules["Rules"]
    s3.put_bucket_versioning(Bucket="sayit-test", VersioningConfiguration={"Status": "Enabled"})
    monkeypatch.setenv("SAYIT_STORAGE_URL", bucket)
    found.append(await asyncio.to_thread(installation.storage))
    assert [each.level for each in found] == ["ok", "fail", "warn"]
    assert "The specified bucket does not exist" in found[1].found


def test_backups_come_from_a_bucket_and_go_into_another_place(bucket: str, tmp_path: Path) -> None:
    """The archive holds the objects; they come back into a bucket and into a folder. It may lie in a bucket itself."""
    there = _installation(tmp_path / "a")
    keys = [f"uploads/u/{number}" for number in range(20)]
    _names(there, *keys)
    source = replace(there, objects=f"{bucket}/x")
    (tmp_path / "made").mkdir()
    for number, key in enumerate(keys):
        made = tmp_path / "made" / key
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_bytes(bytes([number]) * 1000)
    store(source, tmp_path / "made")
    saved = backup.save(source, tmp_path / "b.tar.gz")
    assert saved.objects == 20
    second = replace(places(tmp_path / "c"), objects=f"{bucket}/y")
    backup.restore(second, saved.path)
    assert fetch(second, keys, tmp_path / "fetched")
    assert (tmp_path / "fetched" / keys[7]).read_bytes() == b"\x07" * 1000
    backup.restore(places(tmp_path / "d"), saved.path)
    assert (tmp_path / "d" / "objects" / keys[7]).read_bytes() == b"\x07" * 1000
    for _ in range(3):
        last = backup.save_into(f"{bucket}/archives", source)
    assert len(backup.rotate_in(f"{bucket}/archives", 2)) == 1
    with backup.fetched(f"{bucket}/archives/{last.path.name}", source) as archive:
        backup.restore(places(tmp_path / "e"), archive)
    assert (tmp_path / "e" / "objects" / keys[7]).read_bytes() == b"\x07" * 1000
    with pytest.raises(BackupError, match="There is no archive"), backup.fetched(f"{bucket}/archives/no", source):
        pass
    with pytest.raises(BackupError, match="does not do it"):
        backup.save(replace(there, objects="nowhere://b/x"), tmp_path / "n.tar.gz")


def test_what_is_missing_in_a_bucket_is_no_backup(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a folder."""
    monkeypatch.setattr("sayit.scheduler.retention.backup.snapshot._PAUSE_S", 0.0)
    there = _installation(tmp_path / "a")
    _names(there, "uploads/u/0")
    with pytest.raises(BackupError, match="missing"):
        backup.save(replace(there, objects=f"{bucket}/x"), tmp_path / "b.tar.gz")
