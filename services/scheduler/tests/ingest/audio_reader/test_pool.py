"""Files through child processes, and what becomes of the children."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from sayit.scheduler.ingest.audio_reader.limits import MediaLimits
from sayit.scheduler.ingest.audio_reader.pool import AudioReaderPool, AudioStream
from sayit.scheduler.ingest.audio_reader.syscall_filter import layers
from sayit.speech.errors import ErrorKind, SayItError
from tests.scale import ALL

from .media import RECIPES, RECORDINGS, SECONDS, encoded, wav


@pytest.fixture
async def pool() -> AsyncIterator[AudioReaderPool]:
    """A pool; no child outlives it."""
    before = set(children())
    async with AudioReaderPool() as running:
        yield running
    assert set(children()) <= before


def children() -> list[int]:
    """Our child processes; not theirs: a suite that other tests share has children of its own."""
    return [process.pid for process in psutil.Process().children()]


async def gone(pid: int) -> bool:
    """Waits until a process is gone; one of ours must not stay as a zombie either."""
    for _ in range(500):
        try:
            process = psutil.Process(pid)
            if process.status() == psutil.STATUS_ZOMBIE and process.ppid() != os.getpid():
                return True  # it has ended; some container's first process does not collect orphans
        except psutil.NoSuchProcess:
            return True
        await asyncio.sleep(0.01)
    return False


def pid_of(decoding: AudioStream) -> int:
    """The child at work."""
    return decoding._child.pid


def allow(decoding: AudioStream, seconds: float) -> None:
    """Lets the child keep its reader waiting for so long from now on; its start on a busy machine is not the point."""
    decoding._limits = MediaLimits(wall_s=decoding._waited_s + seconds, wall_per_audio_s=0.0)


async def audio(pool: AudioReaderPool, path: Path) -> tuple[bytes, AudioStream]:
    """A whole file's audio."""
    async with pool.read(path) as decoding:
        return b"".join([block async for block in decoding]), decoding


@pytest.fixture
def long_wav(tmp_path: Path) -> Path:
    """Ten minutes of audio, 19 MB."""
    path = tmp_path / "long.wav"
    path.write_bytes(wav(bytes(32_000 * 600)))
    return path


async def test_every_format_passes_through_a_child(pool: AudioReaderPool, tmp_path: Path) -> None:
    """All formats decode inside the confined child, whatever the file is called."""
    for name, recipe in list(RECIPES.items())[:: 1 if ALL else 4]:  # test_demux.py reads all of them without a child
        path = tmp_path / "upload"
        path.write_bytes(encoded(name))
        pcm, decoding = await audio(pool, path)
        assert abs(len(pcm) / 32_000 - SECONDS) < 0.15, name
        assert decoding.summary.samples == len(pcm) // 2
        assert (decoding.summary.sample_rate_hz, decoding.summary.warnings) == (recipe.rate, ()), name


async def test_blocks_are_a_second_each(pool: AudioReaderPool) -> None:
    """Audio comes in blocks of one second, and the summary is there at the end, not before."""
    async with pool.read(RECORDINGS / "ko-8s.flac") as decoding:
        first = await anext(decoding)
        assert decoding.declared_s == pytest.approx(8.0, abs=1.0), "known with the first block"
        with pytest.raises(RuntimeError):
            _ = decoding.summary
        sizes = [len(first)] + [len(block) async for block in decoding]
        assert sizes[:-1] == [32_000] * (len(sizes) - 1)
        assert decoding.summary.container == "flac"
        assert [block async for block in decoding] == []


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", ErrorKind.INVALID_FORMAT),
        (b"not audio " * 1_000, ErrorKind.INVALID_FORMAT),
        (wav(b""), ErrorKind.DAMAGED_FILE),
        (wav(bytes(40_000), rate=1), ErrorKind.UNSUPPORTED_AUDIO),
    ],
    ids=["empty", "text", "no-samples", "1-Hz"],
)
async def test_what_is_wrong_with_a_file_arrives(
    pool: AudioReaderPool, tmp_path: Path, content: bytes, kind: ErrorKind
) -> None:
    """The child's error comes out of the iteration."""
    path = tmp_path / "x.mp3"
    path.write_bytes(content)
    with pytest.raises(SayItError) as raised:
        await audio(pool, path)
    assert raised.value.kind is kind


async def test_too_long_names_the_limit(tmp_path: Path) -> None:
    """Audio longer than the limit is refused in a sentence that names it."""
    path = tmp_path / "x.wav"
    path.write_bytes(wav(bytes(32_000 * 100)))
    async with AudioReaderPool(MediaLimits(max_audio_s=90.0)) as pool:
        with pytest.raises(SayItError) as raised:
            await audio(pool, path)
    assert raised.value.kind is ErrorKind.AUDIO_TOO_LONG
    assert raised.value.message("en") == "The audio is longer than 1.5 minutes."


async def test_the_parent_counts_for_itself(long_wav: Path) -> None:
    """A child that ignores the length limit is stopped by its parent."""
    async with AudioReaderPool() as pool, pool.read(long_wav) as decoding:
        decoding._limits = MediaLimits(max_audio_s=60.0)
        with pytest.raises(SayItError) as raised:
            async for _ in decoding:
                pass
        assert raised.value.kind is ErrorKind.AUDIO_TOO_LONG


async def test_files_decode_side_by_side(pool: AudioReaderPool) -> None:
    """Several files at once have a child each."""
    results = await asyncio.gather(*(audio(pool, RECORDINGS / "jfk.flac") for _ in range(4)))
    assert {len(pcm) for pcm, _ in results} == {352_000}
    assert len({pid_of(decoding) for _, decoding in results}) == 4


async def test_leaving_early_ends_the_child(pool: AudioReaderPool, long_wav: Path) -> None:
    """A context that is left in the middle leaves no process."""
    async with pool.read(long_wav) as decoding:
        await anext(decoding)
        pid = pid_of(decoding)
        assert psutil.pid_exists(pid)
    assert not psutil.pid_exists(pid)


async def test_a_cancelled_reader_ends_the_child(pool: AudioReaderPool, long_wav: Path) -> None:
    """Cancelling the task that decodes leaves no process."""
    pid: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def read_slowly() -> None:
        async with pool.read(long_wav) as decoding:
            pid.set_result(pid_of(decoding))
            async for _ in decoding:
                await asyncio.sleep(60)

    task = asyncio.create_task(read_slowly())
    await pid
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await gone(pid.result())


async def test_cancelled_while_a_child_starts(long_wav: Path) -> None:
    """Cancelling before the first child is ready leaves no process."""
    before = set(children())
    async with AudioReaderPool() as pool:
        task = asyncio.create_task(audio(pool, long_wav))
        await asyncio.sleep(0.03)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert set(children()) <= before


async def test_a_slow_reader_costs_neither_memory_nor_the_file(pool: AudioReaderPool, long_wav: Path) -> None:
    """The child waits for its reader, holds no audio meanwhile, and is not taken for slow itself."""
    async with pool.read(long_wav) as decoding:
        await anext(decoding)
        allow(decoding, 0.5)
        process = psutil.Process(pid_of(decoding))
        await asyncio.sleep(0.7)
        held = process.memory_info().rss
        await asyncio.sleep(0.7)
        assert process.memory_info().rss <= held + 2**20 < 100 * 2**20
        output: Any = decoding._child._process.stdout
        assert len(output._buffer) < 10 * 32_000
        await anext(decoding)


async def test_a_child_that_stands_still_is_given_up(pool: AudioReaderPool, long_wav: Path) -> None:
    """Time without audio is bounded."""
    async with pool.read(long_wav) as decoding:
        await anext(decoding)
        allow(decoding, 0.3)
        os.kill(pid_of(decoding), signal.SIGSTOP)
        with pytest.raises(SayItError) as raised:
            async for _ in decoding:
                pass
        assert raised.value.kind is ErrorKind.DECODING_FAILED
    assert not psutil.pid_exists(pid_of(decoding))


@pytest.mark.parametrize(
    ("by", "kind"),
    [(signal.SIGSEGV, ErrorKind.DECODING_FAILED), (signal.SIGKILL, ErrorKind.UNAVAILABLE)],
)
async def test_a_dead_child_is_told_apart(
    pool: AudioReaderPool, long_wav: Path, by: signal.Signals, kind: ErrorKind
) -> None:
    """A crash counts against the file; being killed by somebody does not, and may be tried again."""
    async with pool.read(long_wav) as decoding:
        await anext(decoding)
        os.kill(pid_of(decoding), by)
        with pytest.raises(SayItError) as raised:
            async for _ in decoding:
                pass
    assert raised.value.kind is kind
    pcm, _ = await audio(pool, RECORDINGS / "jfk.mp3")
    assert len(pcm) == 352_000


async def test_a_child_that_died_waiting_is_replaced(pool: AudioReaderPool) -> None:
    """A warm child that is killed costs the next file nothing but a start."""
    spare = pool._spare
    assert spare is not None
    waiting = await spare
    os.kill(waiting.pid, signal.SIGKILL)
    assert await gone(waiting.pid)
    pcm, _ = await audio(pool, RECORDINGS / "jfk.mp3")
    assert len(pcm) == 352_000


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_the_child_is_confined(pool: AudioReaderPool, long_wav: Path) -> None:
    """A child at work has lowered limits, an own session, a bare environment, few descriptors and calls, no numpy."""
    async with pool.read(long_wav) as decoding:
        await anext(decoding)
        process = psutil.Process(pid_of(decoding))
        assert process.rlimit(psutil.RLIMIT_AS)[1] <= 512 * 2**20
        assert process.rlimit(psutil.RLIMIT_FSIZE) == process.rlimit(psutil.RLIMIT_CORE) == (0, 0)
        assert process.rlimit(psutil.RLIMIT_NOFILE) == (8, 8)
        cpu_soft_s, cpu_hard_s = process.rlimit(psutil.RLIMIT_CPU)
        assert 0 < cpu_soft_s < cpu_hard_s
        assert os.getsid(process.pid) == process.pid
        status = await asyncio.to_thread(Path(f"/proc/{process.pid}/status").read_text, encoding="ascii")
        assert "NoNewPrivs:\t1\n" in status
        assert ("Seccomp:\t2\n" in status) == ("seccomp" in layers())
        assert process.num_threads() == 2  # itself and its watch, however many cores there are
        if os.geteuid() != 0:
            return  # it is not dumpable, so its user can look no further
        assert set(process.environ()) <= {"LC_ALL", "MALLOC_ARENA_MAX", "LD_LIBRARY_PATH"}
        assert process.num_fds() <= 6
        assert not any("numpy" in mapped.path for mapped in process.memory_maps())


async def test_a_killed_parent_takes_its_children_along(long_wav: Path) -> None:
    """After kill -9 of the parent neither the child at work nor the warm one stays."""
    script = textwrap.dedent(f"""
        import asyncio
        from sayit.scheduler.ingest.audio_reader.pool import AudioReaderPool
        async def main():
            async with AudioReaderPool() as pool, pool.read({str(long_wav)!r}) as decoding:
                await anext(decoding)
                while pool._spare is None:
                    await asyncio.sleep(0.05)
                await pool._spare
                print("ready", flush=True)
                await asyncio.sleep(60)
        asyncio.run(main())
    """)
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    assert await parent.stdout.readline() == b"ready\n"
    pids = [process.pid for process in psutil.Process(parent.pid).children(recursive=True)]
    assert len(pids) == 2
    parent.kill()
    await parent.wait()
    assert all([await gone(pid) for pid in pids])


async def test_a_missing_file_is_the_callers_error(pool: AudioReaderPool, tmp_path: Path) -> None:
    """A path that does not exist is no fault of the audio."""
    with pytest.raises(FileNotFoundError):
        await audio(pool, tmp_path / "missing")


async def test_a_warm_child_is_waiting_again(pool: AudioReaderPool) -> None:
    """While a file is decoded the next child is started, so that only the first file may have to wait."""
    async with pool.read(RECORDINGS / "jfk.flac") as decoding:
        await anext(decoding)
        while pool._spare is None:  # noqa: ASYNC110 - it is started a moment later, so that the file comes first
            await asyncio.sleep(0.05)
        warm = (await pool._spare).pid
    async with pool.read(RECORDINGS / "jfk.flac") as decoding:
        assert pid_of(decoding) == warm
