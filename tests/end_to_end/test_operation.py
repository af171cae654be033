"""What operators see: metrics, logs, memory, reflection."""

from __future__ import annotations

import contextlib
import json
import tarfile
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
import numpy as np
import psutil
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from sayit.cli import support_bundle
from sayit.client import Client
from sayit.speech.options import Options

from .helper import RECORDINGS, RunningSuite, repeated, wav

SHORT = RECORDINGS / "ko-8s.flac"


def test_every_service_has_metrics_and_one_line_per_call_and_chunk(suite: RunningSuite) -> None:
    """The numbers that dashboards need are there, and the log has one canonical line for the request and the chunk."""
    with Client(suite.address) as client:
        job = client.transcribe(SHORT, options=Options(language="ko", prompt=str(time.time()))).job
    pages = {}
    for part, address in suite.ready["metrics"].items():
        with urllib.request.urlopen(f"http://{address}/metrics") as page:
            pages[part] = page.read().decode()
    assert all("sayit_grpc_calls_total" in page for part, page in pages.items() if part != "bridge")
    assert "sayit_attempts_total" in pages["scheduler"]
    lines = [
        json.loads(line)
        for path in (suite.data / "logs").glob("*.log")
        for line in path.read_text().splitlines()
        if line.startswith("{")
    ]
    mine = [line for line in lines if line.get("job_id") == job.id]
    chunk_lines = [line for line in mine if line["event"] == "chunk"]
    # Beside the chunk's there may be those of a second look, whose numbers are far higher.
    first = [line for line in chunk_lines if 0 in {line.get("index"), line.get("chunk_index")}]
    assert {line["service"] for line in first} == {"scheduler", "transcriber"}
    assert len(first) == 2
    requests = [line for line in mine if line["event"] == "call" and line["method"].endswith("/Transcribe")]
    assert len(requests) == 1
    assert requests[0]["tenant"] == "local"
    work = [line for line in mine if line["event"] in {"prepare", "chunk", "merge"}]
    assert {line["trace_id"] for line in work} == {requests[0]["trace_id"]}


def test_what_a_suite_writes_is_its_user_s_alone(suite: RunningSuite) -> None:
    """No file or folder of any part can be read by others."""
    with Client(suite.address) as client:
        client.transcribe(SHORT)
    modes = {}
    for path in [suite.data, *suite.data.rglob("*")]:
        with contextlib.suppress(FileNotFoundError):  # scratch files come and go
            modes[path] = path.lstat().st_mode
    assert [path for path, mode in modes.items() if mode & 0o077 and not path.is_symlink()] == []
    assert suite.data / "objects" in modes


def test_a_support_bundle_holds_what_helps_and_nothing_that_was_said(suite: RunningSuite, tmp_path: Path) -> None:
    """Settings, versions, logs and metrics of every part; no secret, no text."""
    with Client(suite.address) as client:
        text = client.transcribe(SHORT, options=Options(language="ko")).transcript.text
    assert text
    names = support_bundle.write(tmp_path / "bundle.tar.gz", suite.data, {"SAYIT_INTERNAL_SECRET": "hush-hush"})
    assert {"versions.json", "settings.json", "errors.log", "suite.json", "metrics/scheduler.txt"} <= set(names)
    assert {f"logs/{part['name']}.log" for part in suite.ready["parts"]} <= set(names)
    with tarfile.open(tmp_path / "bundle.tar.gz") as archive:
        content = {each.name: archive.extractfile(each).read().decode() for each in archive.getmembers()}  # type: ignore[union-attr]  # all are files
    whole = "\n".join(content.values())
    assert "sayit_attempts_total" in content["sayit-support/metrics/scheduler.txt"]
    assert not [word for word in ("hush-hush", urlsplit(suite.ready["redis"]).password, *text.split()) if word in whole]


def test_a_client_that_knows_nothing_can_call_by_reflection(suite: RunningSuite) -> None:
    """Reflection lists the services and tells enough to build and make a call."""
    with grpc.insecure_channel(suite.address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        assert {"sayit.v1.TranscriptionService", "sayit.v1.UploadService", "sayit.v1.SystemService"} <= set(
            database.get_services()
        )
        pool = DescriptorPool(database)
        method = pool.FindServiceByName("sayit.v1.SystemService").FindMethodByName("GetStatus")
        call = channel.unary_unary(
            "/sayit.v1.SystemService/GetStatus",
            request_serializer=GetMessageClass(method.input_type).SerializeToString,
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )
        deadline = time.monotonic() + 20
        while True:  # a transcriber serves a moment before its first report
            status: Any = call(GetMessageClass(method.input_type)())
            if status.transcribers_online == 2 or time.monotonic() > deadline:
                break
            time.sleep(0.1)
    assert status.transcribers_online == 2
    assert {part.name for part in status.parts} >= {"gateway", "scheduler", "database", "queue", "storage"}


def test_memory_does_not_grow_with_the_file(mortal_suite: RunningSuite) -> None:
    """Half an hour of audio takes gateway and scheduler no more memory than a few minutes do."""
    speech = repeated("ko-8s", 1)
    samples = np.frombuffer(speech[44:], np.int16)
    rng = np.random.default_rng(0)
    quiet = (rng.standard_normal(16_000 * 300) * 3).astype(np.int16)
    few = np.concatenate([samples, quiet, samples])
    many = np.concatenate([few] * 6)
    with Client(mortal_suite.address) as client:
        peaks = {}
        for name, audio in (("warm", few), ("few", few[:-1]), ("many", many)):
            peaks[name] = peak_memory(mortal_suite, lambda audio=audio: client.transcribe(wav(audio)))
    for part in ("gateway", "scheduler"):
        growth_mb = (peaks["many"][part] - peaks["few"][part]) / 1e6
        assert growth_mb < 40, f"{part} grew by {growth_mb:.0f} MB for {len(many) * 2 / 1e6:.0f} MB of audio"


def peak_memory(suite: RunningSuite, work: Any) -> dict[str, int]:
    """The highest resident memory, in bytes, of gateway and scheduler while the work is done."""
    processes = {part: psutil.Process(suite.pid(part)) for part in ("gateway", "scheduler")}
    peaks = dict.fromkeys(processes, 0)
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            for part, process in processes.items():
                peaks[part] = max(peaks[part], process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    work()
    done.set()
    watcher.join()
    return peaks
