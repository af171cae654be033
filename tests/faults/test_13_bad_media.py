"""Fault test 13: bad media. Nothing a file contains reaches beyond its decoder.

For each file of a corpus and each of many mutations: no other file is opened and no host is called, it costs at most
10 s and 512 MB, its outcome is audio or one of the errors of files, and decoder pool and test process carry on.

`make test` runs some dozens of mutations, CI some hundred; with SAYIT_FAULTS=long there are 10,200. SAYIT_FAULTS_SEED
chooses others. SAYIT_FAULTS_REPORT names a file that gets an entry of a JSON list.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import av
import psutil
import pytest

from sayit.scheduler.ingest.audio_reader.limits import MediaLimits
from sayit.scheduler.ingest.audio_reader.pool import AudioReaderPool
from sayit.speech.errors import ErrorKind, SayItError

from .harness import LONG, Tell, scaled
from .media_batch import BatchChild
from .media_corpus import BadFile, corpus
from .media_mutations import mutations
from .media_seeds import media, seeds

pytestmark = [pytest.mark.faults]

SEED = int(os.environ.get("SAYIT_FAULTS_SEED", "13"))
#: Mutations through the real pool, a child each.
POOLED = scaled(long=200, short=15, commit=6)
#: Mutations through batch children, and how many of these decode side by side.
BATCHED = scaled(long=10_000, short=150, commit=60)
CHILDREN = 2
#: Of the corpus, each so many-th file goes through the real pool; all go through a batch child.
POOLED_STEP = scaled(long=1, short=12, commit=24)
#: What one file may cost.
MAX_S = 10.0
MAX_MB = 512
#: The bombs need not run for hours to be recognised.
LIMITS = MediaLimits(max_audio_s=1_800.0 if LONG else 300.0)
SILENCE_HOURS = 5.0 if LONG else 0.1
#: One child takes many files here, so its processor time is bounded by the wall clock instead.
BATCH_LIMITS = replace(LIMITS, cpu_s=100_000)
ALLOWED = {
    "decoded",
    *(
        kind.code
        for kind in (
            ErrorKind.INVALID_FORMAT,
            ErrorKind.UNSUPPORTED_CODEC,
            ErrorKind.DAMAGED_FILE,
            ErrorKind.NO_AUDIO_TRACK,
            ErrorKind.UNSUPPORTED_AUDIO,
            ErrorKind.AUDIO_TOO_LONG,
            ErrorKind.DECODING_FAILED,
        )
    ),
}


@dataclass
class Findings:
    """What was seen, and what should not have been."""

    #: Outcomes by kind, in all.
    outcomes: Counter[str] = field(default_factory=Counter)
    #: Files sent.
    files: int = 0
    #: The slowest file.
    slowest_s: float = 0.0
    #: The largest child.
    peak_mb: float = 0.0
    #: Whether the file system would have told that the canary file was read.
    reads_noticed: bool = False
    #: Everything that contradicts the promise, in words.
    wrong: list[str] = field(default_factory=list)

    def note(self, name: str, file: BadFile, kind: str, took_s: float) -> None:
        """One file's outcome."""
        self.files += 1
        self.outcomes[kind] += 1
        self.slowest_s = max(self.slowest_s, took_s)
        expected = ALLOWED if file.errors is None else {error.code for error in file.errors}
        if kind not in expected:
            self.wrong.append(f"{name}: {kind} instead of {sorted(expected)}")
        if took_s > MAX_S:
            self.wrong.append(f"{name}: {took_s:.1f} s")


class Canaries:
    """A file and a server that nobody may touch."""

    def __init__(self, folder: Path) -> None:
        #: Requests that reached the server.
        self.calls: list[bytes] = []
        self.file = folder / "canary.wav"
        self.file.write_bytes(media().wav(b"\x10\x20" * 16_000))
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        self.settle()
        self.file.read_bytes()
        #: Whether this file system says when a file was read.
        self.tells_reads = self.file.stat().st_atime != 0
        self.settle()

    def settle(self) -> None:
        """Makes the file look as if it had never been read."""
        os.utime(self.file, (0, self.file.stat().st_mtime))
        self.calls.clear()

    @property
    def touched(self) -> bool:
        """Whether anybody called the server or read the file, where the file system tells."""
        return bool(self.calls) or (self.tells_reads and self.file.stat().st_atime != 0)

    def close(self) -> None:
        """Stops the server."""
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                with connection, contextlib.suppress(OSError):
                    connection.settimeout(1.0)
                    self.calls.append(connection.recv(1_000))
                    connection.sendall(b"HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n")


@pytest.fixture
def canaries(tmp_path: Path) -> Iterator[Canaries]:
    """The canaries, proven to notice an unprotected decoder."""
    canaries = Canaries(tmp_path)
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{canaries.url}/a.ts\n#EXT-X-ENDLIST\n"
    with contextlib.suppress(av.error.FFmpegError):
        av.open(io.BytesIO(playlist.encode()), format="hls").close()
    assert canaries.calls, "the canary server does not notice calls"
    canaries.settle()
    yield canaries
    canaries.close()


@pytest.mark.timeout(3_600)
async def test_bad_media(canaries: Canaries, tmp_path: Path, tell: Tell) -> None:
    """No file reaches beyond its decoder, each ends in audio or a typed error, and everything goes on."""
    findings = Findings(reads_noticed=canaries.tells_reads)
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    began = time.monotonic()
    bad_files = list(corpus(canary_file=str(canaries.file), canary_url=canaries.url, silence_hours=SILENCE_HOURS))
    async with AudioReaderPool(LIMITS) as pool:
        await _try_pool(pool, bad_files[::POOLED_STEP], findings, tmp_path / "file")
        await _try_pool(pool, mutations(seeds(), seed=SEED, count=POOLED), findings, tmp_path / "file")
        kind, _ = await _through(pool, tmp_path / "file", media().encoded("mp3"), findings)
        if kind != "decoded":
            findings.wrong.append(f"the pool no longer decodes: {kind}")
    replaced = await _try_batch(bad_files, findings)
    shares = [mutations(seeds(), seed=SEED + 1 + part, count=BATCHED // CHILDREN) for part in range(CHILDREN)]
    replaced += sum(await asyncio.gather(*(_try_batch(share, findings) for share in shares)))
    if canaries.touched:
        findings.wrong.append(f"a canary was touched: {canaries.calls}")
    left = {child.pid for child in psutil.Process().children(recursive=True)} - before
    if left:
        findings.wrong.append(f"processes left: {left}")
    if findings.peak_mb > MAX_MB:
        findings.wrong.append(f"a child held {findings.peak_mb:.0f} MB")
    tell(_report(findings, replaced, time.monotonic() - began))
    assert not findings.wrong
    assert findings.outcomes["decoded"] > findings.files * 0.2, "most mutations should still get past the header"


async def _try_pool(pool: AudioReaderPool, files: Iterable[BadFile], findings: Findings, path: Path) -> None:
    """Every file through the real pool, a child each."""
    for file in files:
        kind, took_s = await _through(pool, path, file.content, findings)
        findings.note(f"pool: {file.name}", file, kind, took_s)


async def _try_batch(files: Iterable[BadFile], findings: Findings) -> int:
    """Every file through the batch child; how many children that cost."""
    async with BatchChild(BATCH_LIMITS, timeout_s=MAX_S) as child:
        for file in files:
            outcome = await child.outcome(file.content)
            # A crash is contained by the child and is DECODING_FAILED in the pool.
            kind = ErrorKind.DECODING_FAILED.code if outcome.kind == "crash" else outcome.kind
            findings.note(f"batch: {file.name}", file, kind, outcome.took_s)
            findings.peak_mb = max(findings.peak_mb, outcome.peak_mb)
            if outcome.unexpected:
                findings.wrong.append(f"batch: {file.name}: {outcome.unexpected}")
        return child.replaced


async def _through(pool: AudioReaderPool, path: Path, content: bytes, findings: Findings) -> tuple[str, float]:
    """One file through the real pool: its outcome, and the seconds it took."""
    await asyncio.to_thread(path.write_bytes, content)
    began = time.monotonic()
    samples = 0
    try:
        async with asyncio.timeout(MAX_S * 3), pool.read(path) as decoding:
            async for block in decoding:
                samples += len(block) // 2
                findings.peak_mb = max(findings.peak_mb, _largest_child_mb())
            kind = "decoded" if decoding.summary.samples == samples else "samples lost"
    except SayItError as error:
        kind = error.code
    except TimeoutError:
        kind = "timeout"
    return kind, time.monotonic() - began


def _largest_child_mb() -> float:
    """What the largest of this process's decoders holds now."""
    held = 0
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if any("sayit.scheduler.ingest.audio_reader" in argument for argument in child.cmdline()):
                held = max(held, child.memory_info().rss)
    return held / 1e6


def _report(findings: Findings, replaced: int, took_s: float) -> dict[str, object]:
    return {
        "test": 13,
        "seed": SEED,
        "operations": findings.files,
        "faults": findings.files,
        "lost": findings.outcomes["timeout"] + findings.outcomes["samples lost"],
        "doubled": 0,
        "passed": not findings.wrong,
        "mutations": POOLED + BATCHED,
        "reads_noticed": findings.reads_noticed,
        "outcomes": dict(findings.outcomes),
        "slowest_s": round(findings.slowest_s, 2),
        "peak_mb": round(findings.peak_mb, 1),
        "crashes_contained": replaced,
        "took_s": round(took_s, 1),
        "wrong": findings.wrong[:20],
    }
