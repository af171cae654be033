"""Fault test 10: jobs are cancelled, and callers give up, at every moment of a job's life."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections import Counter

import grpc
import pytest

from sayit.client import AsyncClient
from sayit.speech.jobs import JobState
from sayit.speech.wire import options_to_proto
from sayit.v1 import transcription_service_pb2 as pb
from sayit.v1 import transcription_service_pb2_grpc

from .books import Running
from .chaos import Chaos
from .harness import LONG, OPTIONS, SLOW_OPTIONS, Report, speech

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

CANCELS = 40 if LONG else 4
#: Of the cancels, those that have to find the job MERGING.
MERGING = 10 if LONG else 2
DEADLINES = 15 if LONG else 3
ON_ENGINE = " on the engine"
#: What the scheduler counts as not decoded for cancelled jobs.
SAVED = "sayit_cancelled_audio_seconds_total"
_LAST_STATES = ("merging", "completed", "cancelled", "failed")
#: After a cancel at most the engine's call of that moment goes on.
_LET_GO_S = 30.0
#: So long the news of a cancel may be on its way.
_NEWS_S = 0.2


async def test_cancel(heavy_chaos: Chaos, report: Report, rng: random.Random) -> None:
    """A job has one end whenever it is cancelled; no attempt begins after it, and no event comes after it."""
    states: Counter[str] = Counter()
    saved_before_s = heavy_chaos.metric("scheduler", SAVED)
    async with AsyncClient(heavy_chaos.suite.address, retry_s=60.0) as client:
        for number in range(CANCELS):
            report.operations += 1
            job = await client.create_job(speech(70.0, gain=1 - number / 1000), options=SLOW_OPTIONS)
            if number % 4 == 3:  # by chance alone a busy engine may never be met
                await heavy_chaos.on_engine(job.id)
            else:
                await asyncio.sleep(rng.choice((0.0, rng.uniform(0.0, 1.0), rng.uniform(0.0, 6.0))))
            before = (await client.get(job.id)).state
            stage = ON_ENGINE if any(each.on_engine for each in _held(heavy_chaos, job.id)) else ""
            ended = await client.cancel(job.id)
            cancelled_s = time.time()
            states[f"{before}{stage}"] += 1
            report.fault("cancel", hit=not before.terminal)
            if ended.state not in {JobState.CANCELLED, JobState.COMPLETED}:
                report.wrong.append(f"{job.id} is {ended.state} after its cancellation")
            await _let_go(heavy_chaos, job.id, report)
            await _no_further_window(heavy_chaos, job.id, report)
            await _one_end(client, heavy_chaos, job.id, ended.state, cancelled_s, report)
    report.figures["cancelled_in"] = dict(states)
    report.figures["saved_audio_s"] = saved_s = round(heavy_chaos.metric("scheduler", SAVED) - saved_before_s, 1)
    if not any(state.endswith(ON_ENGINE) for state in states) or not saved_s:
        report.wrong.append(f"cancelled in {dict(states)} only, which saved {saved_s} s")
    report.conclude()


async def test_cancel_while_merging(chaos: Chaos, report: Report, rng: random.Random) -> None:
    """A job that is cancelled while its chunks are being merged ends cancelled or completed, once, and stays so."""
    async with AsyncClient(chaos.suite.address, retry_s=60.0) as client:
        while report.faults < MERGING and report.operations < 12 * MERGING:  # a merge takes milliseconds
            report.operations += 1
            gain = 1 - report.operations / 1000
            job = await client.create_job(speech(rng.uniform(60.0, 150.0), gain=gain), options=OPTIONS)
            while (state := chaos.books.states()[job.id]) not in _LAST_STATES:  # noqa: ASYNC110 - a row, not an event
                await asyncio.sleep(0.001)
            ended = await client.cancel(job.id)
            # The books were read a moment before: where the merge was quicker, nothing was hit.
            report.fault("cancel", hit=state == "merging" and ended.state is JobState.CANCELLED)
            await _one_end(client, chaos, job.id, ended.state, time.time(), report)
    report.conclude(least=MERGING)


async def test_deadline(heavy_chaos: Chaos, report: Report, rng: random.Random) -> None:
    """A caller's deadline ends the call at once; an accepted job goes on, and its key finds it, complete."""
    audio = speech(6.0)
    async with grpc.aio.insecure_channel(heavy_chaos.suite.address) as channel:
        stub: transcription_service_pb2_grpc.TranscriptionServiceAsyncStub = (
            transcription_service_pb2_grpc.TranscriptionServiceStub(channel)
        )
        least = DEADLINES // 2
        while report.operations < (DEADLINES if report.faults >= least else 5 * DEADLINES):
            report.operations += 1
            key = str(uuid.UUID(int=rng.getrandbits(128)))
            config = pb.JobConfig(options=options_to_proto(SLOW_OPTIONS), filename="late", idempotency_key=key)
            # On a busy machine a job is accepted late, and nothing is hit before.
            longest_s = max(1.0, report.operations / DEADLINES)
            first = await _until_deadline(stub, config, audio, rng.uniform(0.02, longest_s))
            report.fault("deadline", hit=bool(heavy_chaos.books.unfinished()))
            async with AsyncClient(heavy_chaos.suite.address) as client:
                result = await client.transcribe(audio, options=SLOW_OPTIONS, idempotency_key=key)
            if first and result.job.id != first:
                report.doubled += 1
                report.wrong.append(f"{first} was accepted, and {result.job.id} too")
            report.wrong += heavy_chaos.books.gaps([result.job.id])
            report.doubled += len(heavy_chaos.books.doubled([result.job.id]))
    report.conclude(least=least)


async def _until_deadline(
    stub: transcription_service_pb2_grpc.TranscriptionServiceAsyncStub,
    config: pb.JobConfig,
    audio: bytes,
    after_s: float,
) -> str:
    """Transcribes with a deadline; the job's id, if it came in time."""
    messages = (pb.TranscribeRequest(config=config), pb.TranscribeRequest(audio=audio), pb.TranscribeRequest(audio=b""))
    job_id = ""
    began = time.monotonic()
    try:
        async for event in stub.Transcribe(iter(messages), timeout=after_s):
            job_id = event.job_id
    except grpc.aio.AioRpcError as error:
        # When the deadline passes while it writes, gRPC's own client says that its core took no message any more.
        written_late = error.code() is grpc.StatusCode.INTERNAL and "SendMessageOperation" in error.debug_error_string()
        late = written_late or error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        if not late or time.monotonic() - began > after_s + 5:
            raise
    return job_id


def _held(chaos: Chaos, job_id: str) -> list[Running]:
    return [each for each in chaos.books.running() if each.job_id == job_id]


async def _let_go(chaos: Chaos, job_id: str, report: Report) -> None:
    """Waits until no transcriber holds anything of the job."""
    began = time.monotonic()
    while _held(chaos, job_id):
        if time.monotonic() - began > _LET_GO_S:
            report.wrong.append(f"{job_id} is still worked on long after its end")
            return
        await asyncio.sleep(0.02)
    report.most("slowest_release_s", time.monotonic() - began)


async def _no_further_window(chaos: Chaos, job_id: str, report: Report) -> None:
    """Nothing else is asked for, so no window begins once the news has arrived.

    A window counts when it has been encoded: the one that each transcriber may be at is still to come.
    """
    await asyncio.sleep(_NEWS_S)
    before, began = _windows(chaos), time.monotonic()
    while any(chaos.metric(name, "sayit_transcriber_busy") for name in chaos.transcribers):
        if time.monotonic() - began > _LET_GO_S:
            report.wrong.append(f"a transcriber is still busy long after {job_id} was cancelled")
            return
        await asyncio.sleep(0.05)
    report.most("longest_busy_after_s", _NEWS_S + time.monotonic() - began)
    if (begun := _windows(chaos) - before) > len(chaos.transcribers):
        report.wrong.append(f"{begun:.0f} windows were begun after {job_id} was cancelled")


def _windows(chaos: Chaos) -> float:
    return sum(chaos.metric(name, "sayit_transcriber_windows_total") for name in chaos.transcribers)


async def _one_end(
    client: AsyncClient, chaos: Chaos, job_id: str, state: JobState, cancelled_s: float, report: Report
) -> None:
    late = [each for each in chaos.books.attempts(job_id) if each[3] > cancelled_s]
    if late:
        report.wrong.append(f"{job_id}: attempts after the cancellation: {late}")
    told = [event async for event in client.watch(job_id)]
    await asyncio.sleep(0.1)
    if (await client.get(job_id)).state is not state:
        report.wrong.append(f"{job_id} was {state} and is not any more")
    ends = [event for event in told if str(getattr(event.body, "state", "completed")) in {"cancelled", "completed"}]
    report.wrong += chaos.books.gaps([job_id])
    if not told or told[-1] not in ends:
        report.wrong.append(f"{job_id}: something came after its end")
