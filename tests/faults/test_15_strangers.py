"""Fault test 15: attacks of every kind while three tenants want five times what they may have."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from sayit.client import AsyncClient
from sayit.gateway.auth.keys import create_key
from sayit.speech.errors import ErrorKind, SayItError
from tests.end_to_end.helper import RunningSuite, running_suite

from .chaos import Chaos
from .harness import FAST_FAULTS, LONG, OPTIONS, SLOW_FAULTS, SLOW_OPTIONS, Clip, Report, clips, scaled
from .media_corpus import silent_flac
from .strangers import ATTACKS, SILENCE_HOURS, Stranger

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

#: Jobs that a tenant may have at once, and how many each of the three wants.
ROOM, WANTED = scaled(long=(4, 20), short=(2, 10), commit=(2, 5))
#: Jobs of the tenant who keeps to his limits.
MODEST = scaled(long=12, short=3, commit=2)
#: How often each attack is tried at least.
TIMES = 10 if LONG else 1
#: How long one who was refused waits, whatever he was told.
IMPATIENCE_S = 0.5 if LONG else 1.0
#: Chunks of others that may be begun while one of the modest tenant is due: those in the queue, and one of each.
AHEAD = 9
#: How much the services that strangers reach may grow.
GROWTH_MB = 150.0
JOB_OPTIONS = SLOW_OPTIONS if LONG else OPTIONS


@dataclass
class Tenant:
    """A tenant, his key and what he was promised: jobs by id, with the clip of each."""

    name: str
    key: str
    accepted: dict[str, str] = field(default_factory=dict)


@contextmanager
def attacked(folder: Path, *arguments: str) -> Iterator[tuple[RunningSuite, dict[str, Tenant]]]:
    """A suite for strangers, and its tenants."""
    keys = folder / "keys.json"
    names = ("one", "two", "three", "modest", "stranger")
    tenants = {name: Tenant(name, create_key(keys, tenant=name, name=name)[1]) for name in names}
    settings = {
        **(SLOW_FAULTS if LONG else FAST_FAULTS),
        "SAYIT_API_KEYS_FILE": str(keys),
        "SAYIT_MAX_ACTIVE_JOBS_PER_TENANT": str(ROOM),
        "SAYIT_MAX_AUDIO_S": "300",
        "SAYIT_WEBHOOK_SECRETS": "a-secret-of-this-test-and-of-no-other-one",
        "SAYIT_FETCH_AUDIO": "true",
    }
    with running_suite(folder, *arguments, **settings) as suite:
        yield suite, tenants


async def test_strangers(tmp_path: Path, report: Report, rng: random.Random, request: pytest.FixtureRequest) -> None:
    """Each attack is refused as it should be; who keeps to his limits is served in his turn, and nothing is lost."""
    model = ("--model", str(request.getfixturevalue("heavy_model"))) if LONG else ()
    with attacked(tmp_path, *model) as (suite, tenants):
        chaos = Chaos(suite, report)
        await asyncio.to_thread(silent_flac, SILENCE_HOURS)  # for as long as it is made, no client here is in time
        texts = await _texts(suite, tenants["modest"])
        first_job = next(iter(tenants["modest"].accepted))
        processes = {name: chaos.pid(name) for name in chaos.names}
        before_mb = chaos.memory_mb("gateway", "scheduler", "bridge")
        over = asyncio.Event()
        async with _canary(report) as canary, asyncio.TaskGroup() as tasks:
            stranger = Stranger(
                host="127.0.0.1",
                port=int(suite.rest.rpartition(":")[2]),
                gateway=suite.address,
                redis_url=str(suite.ready["redis"]),
                key=tenants["stranger"].key,
                foreign_job=first_job,
                canary=canary,
                rng=rng,
            )
            for attack, expected in ATTACKS.items():
                tasks.create_task(_attacks(stranger, attack, expected, over, report))
            for name in ("one", "two", "three"):
                for _ in range(WANTED - 1):
                    tasks.create_task(_wants(suite.address, tenants[name], over, report))
                tasks.create_task(_wants_over_rest(suite.rest, tenants[name], over, report))
            for _ in range(MODEST):
                await _asks(chaos, tenants["modest"], rng, report)
            over.set()
        report.figures["growth_mb"] = round(chaos.memory_mb("gateway", "scheduler", "bridge") - before_mb, 1)
        if chaos.memory_mb("gateway", "scheduler", "bridge") - before_mb > GROWTH_MB:
            report.wrong.append(f"gateway, scheduler and bridge grew by {report.figures['growth_mb']} MB")
        for tenant in tenants.values():
            await _judge(chaos, tenant, texts, report)
        await chaos.healthy()
        if {name: chaos.pid(name) for name in chaos.names} != processes:
            report.wrong.append("a process was replaced")
        for part in ("bridge", "gateway", "scheduler"):
            for event in ("request_crashed", "call_crashed", "loop_ended"):
                report.wrong += [f"{part}: {line}"[:500] for line in suite.log_lines(part, event)]
    report.conclude(least=len(ATTACKS))


async def _texts(suite: RunningSuite, tenant: Tenant) -> dict[str, str]:
    """What each clip says before an attack."""
    texts = {}
    async with AsyncClient(suite.address, api_key=tenant.key) as client:
        for clip in clips()[:2]:
            job = await client.create_job(clip.audio, options=JOB_OPTIONS)
            tenant.accepted[job.id] = clip.name
            texts[clip.name] = (await client.wait(job.id)).transcript.text
    return texts


class _canary:  # noqa: N801 - it is used as a function
    """A port of this machine; what connects to it does so for an attacker."""

    def __init__(self, report: Report) -> None:
        self._report = report

    async def __aenter__(self) -> int:
        self._server = await asyncio.start_server(self._reached, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    def _reached(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._report.wrong.append("a request reached this machine")
        writer.close()


async def _attacks(
    stranger: Stranger,
    attack: Callable[[Stranger], Awaitable[str]],
    expected: set[str],
    over: asyncio.Event,
    report: Report,
) -> None:
    """One kind, until every tenant has what is its own."""
    name = getattr(attack, "__name__", "?")
    times = 0
    while times < TIMES or (LONG and not over.is_set()):
        heard = await attack(stranger)
        report.fault(name, hit=True)
        if heard not in expected:
            report.wrong.append(f"{name} heard {heard}, none of {sorted(expected)}")
        times += 1


async def _wants(address: str, tenant: Tenant, over: asyncio.Event, report: Report) -> None:
    """One of many clients of a tenant, who does not wait as long as he is told."""
    async with AsyncClient(address, api_key=tenant.key, retry_s=0.0) as client:
        while not over.is_set():
            clip = clips()[len(tenant.accepted) % 2]
            try:
                job = await client.create_job(clip.audio, options=JOB_OPTIONS)
                tenant.accepted[job.id] = clip.name
                report.operations += 1
                await client.wait(job.id)
            except SayItError as error:
                report.count("refused over gRPC")
                if error.kind not in {ErrorKind.OVERLOADED, ErrorKind.RATE_LIMITED} or not error.retry_after_s:
                    report.wrong.append(f"{tenant.name}: {error.code}, come back in {error.retry_after_s} s")
                await asyncio.sleep(IMPATIENCE_S)


async def _wants_over_rest(url: str, tenant: Tenant, over: asyncio.Event, report: Report) -> None:
    """Another one, over HTTP."""
    headers = {"X-Api-Key": tenant.key}
    query: dict[str, str | int] = {"language": "ko", "temperature": 0, "beam_size": 1, "wait": 60}
    if LONG:
        query["max_tokens_per_window"] = 8
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=120, trust_env=False) as client:
        while not over.is_set():
            clip: Clip = clips()[len(tenant.accepted) % 2]
            answer = await client.post("/v1/jobs", params=query, content=clip.audio)
            if answer.status_code in {200, 202}:
                tenant.accepted[answer.json()["id"]] = clip.name
                report.operations += 1
                continue
            report.count("refused over HTTP")
            if answer.status_code != 429 or int(answer.headers.get("retry-after", "0")) < 1:
                report.wrong.append(f"{tenant.name}: {answer.status_code} {answer.text[:200]}")
            await asyncio.sleep(IMPATIENCE_S)


async def _asks(chaos: Chaos, tenant: Tenant, rng: random.Random, report: Report) -> None:
    """One job of the modest tenant, and how many chunks of others were begun while its first one was due."""
    async with AsyncClient(chaos.suite.address, api_key=tenant.key, retry_s=0.0) as client:
        clip = rng.choice(clips()[:2])
        job = await client.create_job(clip.audio, options=JOB_OPTIONS)
        tenant.accepted[job.id] = clip.name
        report.operations += 1
        await client.wait(job.id)
    overtaken = chaos.books.begun_before(job.id)
    report.most("most_overtaken", float(overtaken))
    if overtaken > AHEAD:
        report.wrong.append(f"{overtaken} of others were begun while {job.id} was due")


async def _judge(chaos: Chaos, tenant: Tenant, texts: dict[str, str], report: Report) -> None:
    """What was accepted is completed, once, and says what it says without strangers."""
    await chaos.through(set(tenant.accepted))
    states = chaos.books.states()
    doubled = chaos.books.doubled(tenant.accepted)
    report.doubled += len(doubled)
    report.wrong += doubled + chaos.books.gaps(tenant.accepted)
    async with AsyncClient(chaos.suite.address, api_key=tenant.key) as client:
        for job, clip in tenant.accepted.items():
            text = (await client.transcript(job)).text if states.get(job) == "completed" else None
            if text != texts[clip]:
                report.lost += 1
                report.wrong.append(f"{tenant.name}: {job} ({clip}) is {states.get(job, 'gone')} and says {text!r}")
