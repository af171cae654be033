"""Fault test 9: watchers that come and go, and watchers that do not read."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import grpc
import pytest

from sayit.client import AsyncClient
from sayit.speech.jobs import Completed
from sayit.v1 import transcription_service_pb2 as pb
from sayit.v1 import transcription_service_pb2_grpc

from .chaos import Chaos
from .harness import LONG, OPTIONS, SLOW_READER_S, Report, scaled, speech
from .load import Load

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

WATCHERS = scaled(long=200, short=40, commit=20)
JOBS = 3 if LONG else 1
#: Each job's audio: some dozens of chunks, or a few.
AUDIO_S = 900.0 if LONG else 120.0
SLEEPERS = 20
#: With its words, a long job's events are more than the window of a watcher that does not read.
WATCHED = replace(OPTIONS, word_timestamps=True)
#: Watches that ended without their job.
CUT_OFF = 'sayit_grpc_calls_total{code="UNAVAILABLE",method="/sayit.v1.TranscriptionService/WatchJob"}'
#: How much two services may grow while everybody watches and nobody reads.
GROWTH_MB = 150.0


async def test_watchers(chaos: Chaos, load: Load, report: Report, rng: random.Random) -> None:
    """Every watcher gets every durable event once and in order, whenever it drops and resumes; memory stays bounded."""
    cut_off_before = chaos.metric("gateway", CUT_OFF)
    before_mb = chaos.memory_mb("gateway", "scheduler")
    async with AsyncClient(load.address, retry_s=60.0) as client:
        texts = [speech(AUDIO_S, gain=1 - number / 100) for number in range(JOBS)]
        jobs = [await client.create_job(audio, options=WATCHED) for audio in texts]
    report.operations += WATCHERS
    async with grpc.aio.insecure_channel(load.address, [("grpc.http2.bdp_probe", 0)]) as channel:
        stub: transcription_service_pb2_grpc.TranscriptionServiceAsyncStub = (
            transcription_service_pb2_grpc.TranscriptionServiceStub(channel)
        )
        sleepers = [stub.WatchJob(pb.WatchJobRequest(job_id=rng.choice(jobs).id)) for _ in range(SLEEPERS)]
        watchers = [
            _watch(load.address, rng.choice(jobs).id, random.Random(rng.random()), report) for _ in range(WATCHERS)
        ]
        told = await asyncio.gather(*watchers)
        await asyncio.sleep(SLOW_READER_S + 1)
        cut_off = chaos.metric("gateway", CUT_OFF) - cut_off_before
        for sleeper in sleepers:
            sleeper.cancel()
    lasts = {job: max(seqs[-1] for name, seqs in told if name == job) for job, _ in told}
    for job, seqs in told:
        if seqs != list(range(1, lasts[job] + 1)):
            report.lost += 1
            report.wrong.append(f"a watcher of {job} was told {seqs}")
    report.wrong += chaos.books.gaps([job.id for job in jobs])
    growth_mb = chaos.memory_mb("gateway", "scheduler") - before_mb
    report.figures |= {"watchers": WATCHERS, "sleepers": SLEEPERS, "growth_mb": round(growth_mb, 1)}
    report.figures["cut_off"] = int(cut_off)
    if LONG and cut_off < SLEEPERS:
        report.wrong.append(f"only {cut_off:.0f} of those who did not read were cut off")
    if growth_mb > GROWTH_MB:
        report.wrong.append(f"gateway and scheduler grew by {growth_mb:.0f} MB")
    report.conclude()


async def _watch(address: str, job_id: str, rng: random.Random, report: Report) -> tuple[str, list[int]]:
    """Watches to the end, dropping the connection every few events; the durable events' numbers as they came."""
    seqs: list[int] = []
    while True:
        async with AsyncClient(address) as client:
            patience = rng.randint(1, 12)
            async for event in client.watch(job_id, after_seq=seqs[-1] if seqs else 0):
                if event.seq:
                    seqs.append(event.seq)
                if isinstance(event.body, Completed):
                    return job_id, seqs
                patience -= 1
                if patience == 0:
                    break
        report.fault("dropped watch", hit=True)
        await asyncio.sleep(rng.uniform(0.0, 0.5))
