"""Clients at work while faults happen, and the common oracle over what they were promised."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from sayit.client import AsyncClient
from sayit.speech.errors import SayItError
from sayit.speech.options import Options

from .books import Books
from .harness import REST_S, Clip, Report, until


@dataclass
class Load:
    """Jobs in flight on one suite.

    Args:
        address: the gateway's, or a proxy's before it.
        texts: what each clip says without faults.
    """

    address: str
    clips: Sequence[Clip]
    texts: dict[str, str]
    options: Options
    seed: int
    #: Of a proxy that speaks TLS.
    root_certificates: bytes | None = None
    #: Accepted jobs, with the clip's name.
    accepted: dict[str, str] = field(default_factory=dict)
    #: Jobs that their client saw to the end, with their text.
    seen: dict[str, str] = field(default_factory=dict)
    #: Errors that clients met after all their retries, by step.
    errors: list[tuple[str, SayItError]] = field(default_factory=list)
    asked: int = 0
    #: Events that came twice or not at all, in words.
    disorder: list[str] = field(default_factory=list)
    _enough: asyncio.Event = field(default_factory=asyncio.Event)
    _rng: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)

    async def run(self, *, at_once: int, jobs: int = 1_000_000) -> None:
        """Keeps so many jobs in flight until all were asked for, or until `enough`."""
        queue = iter(range(jobs))
        async with self.client() as client:

            async def worker() -> None:
                for _ in queue:
                    if self._enough.is_set():
                        return
                    key = str(uuid.UUID(int=self._rng.getrandbits(128)))
                    await self._one(client, self._rng.choice(self.clips), key)
                    await asyncio.sleep(REST_S)

            await asyncio.gather(*(worker() for _ in range(at_once)))

    def client(self) -> AsyncClient:
        """A patient client."""
        return AsyncClient(self.address, root_certificates=self.root_certificates, retry_s=60.0, reconnect_s=120.0)

    @property
    def over(self) -> bool:
        """Whether it has had enough."""
        return self._enough.is_set()

    def enough(self) -> None:
        """Asks for nothing more; what was asked for is seen to its end."""
        self._enough.set()

    async def _one(self, client: AsyncClient, clip: Clip, key: str) -> None:
        self.asked += 1
        step = "create"
        try:
            job = await client.create_job(clip.audio, options=self.options, filename=clip.name, idempotency_key=key)
            if job.id in self.accepted:
                self.disorder.append(f"{job.id} was given out twice")
            self.accepted[job.id] = clip.name
            step = "watch"
            seqs = [event.seq async for event in client.watch(job.id) if event.seq]
            if seqs != list(range(1, len(seqs) + 1)):
                self.disorder.append(f"{job.id} was told as {seqs}")
            step = "result"
            self.seen[job.id] = (await client.result(job.id)).transcript.text
        except SayItError as error:
            self.errors.append((step, error))

    async def settle(self, books: Books) -> None:
        """Waits until every accepted job has ended."""
        with suppress(AssertionError):  # `judge` names those that never end
            await until(lambda: not self.accepted.keys() & books.unfinished(), "the end")

    async def judge(self, books: Books, report: Report) -> None:
        """The common oracle: accepted is completed, once, told without gaps, and says what it says without faults."""
        await self.settle(books)
        report.operations += self.asked
        states = books.states()
        for job, clip in self.accepted.items():
            if states.get(job) != "completed":
                report.lost += 1
                code = books.error_of(job) if states.get(job) == "failed" else ""
                report.wrong.append(f"{job} ({clip}) is {states.get(job, 'gone')} {code}".rstrip())
        completed = [job for job in self.accepted if states.get(job) == "completed"]
        doubled = books.doubled(completed)
        report.doubled += len(doubled)
        report.wrong += doubled + books.gaps(completed) + self.disorder
        async with self.client() as client:
            for job in completed:
                text = self.seen.get(job)
                if text is None:
                    text = (await client.transcript(job)).text
                if text != self.texts[self.accepted[job]]:
                    report.lost += 1
                    report.wrong.append(f"{job} ({self.accepted[job]}) says {text!r}")
        report.count("client_errors", len(self.errors))
        report.figures["client_error_kinds"] = sorted({f"{step}: {error.code}" for step, error in self.errors})


async def texts_without_faults(address: str, clips: Sequence[Clip], options: Options) -> dict[str, str]:
    """What each clip says on a suite that nobody disturbs."""
    async with AsyncClient(address) as client:
        results = await asyncio.gather(*(client.transcribe(clip.audio, options=options) for clip in clips))
    return {clip.name: result.transcript.text for clip, result in zip(clips, results, strict=True)}
