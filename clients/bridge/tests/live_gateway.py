"""A gateway whose live sessions say what a test makes them say."""

# ruff: noqa: D102, N802  # the servicer's method is gRPC's
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from clients.python.tests.helper import Gateway, refuse, serving
from clients.python.tests.story import job
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.live import LiveEvent, LiveFinished, LiveStarted, LiveText
from sayit.speech.transcript import Segment, Word
from sayit.speech.wire.live import live_event_to_proto
from sayit.v1 import live_service_pb2 as live_pb

from .helper import bridge_on


@dataclass
class LiveGateway(Gateway):
    """Notes what it hears. `answers` are given out as the test puts them there; FINISH is answered by itself."""

    answers: asyncio.Queue[LiveEvent] = field(default_factory=asyncio.Queue)
    heard: bytearray = field(default_factory=bytearray)
    commands: list[Any] = field(default_factory=list)
    config: Any = None
    #: Set: the session ends as if another client had cancelled its job.
    breaks: asyncio.Event = field(default_factory=asyncio.Event)
    #: Whether it does so where a client has sent everything.
    breaks_at_the_end: bool = False
    #: While it is clear nothing that a client sends is read.
    hears: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.hears.set()

    async def StreamingRecognize(self, requests: Any, context: Any) -> AsyncIterator[Any]:  # type: ignore[override]
        await self._begin("StreamingRecognize", context)
        self.config = (await anext(requests)).config
        yield live_event_to_proto(LiveStarted(job=job(), received_samples=48_000 if self.config.resume_job_id else 0))
        hearing = asyncio.create_task(self._hear(requests))
        breaking = asyncio.create_task(self.breaks.wait())
        try:
            while True:
                answering = asyncio.create_task(self.answers.get())
                await asyncio.wait({answering, breaking}, return_when=asyncio.FIRST_COMPLETED)
                if breaking.done():
                    await refuse(context, SayItError(ErrorKind.JOB_CANCELLED))
                yield live_event_to_proto(answering.result())
                if isinstance(answering.result(), LiveFinished):
                    return
        except asyncio.CancelledError:
            self.cancelled.append("StreamingRecognize")
            raise
        finally:
            hearing.cancel()
            breaking.cancel()

    async def _hear(self, requests: Any) -> None:
        async for request in requests:
            await self.hears.wait()
            self.heard += request.audio
            if request.command:
                self.commands.append(request.command)
            if request.command == live_pb.LIVE_COMMAND_FINISH and self.breaks_at_the_end:
                self.breaks.set()
            elif request.command == live_pb.LIVE_COMMAND_FINISH:
                self.answers.put_nowait(LiveFinished(job=job()))


@asynccontextmanager
async def bridge(**values: Any) -> AsyncIterator[tuple[str, LiveGateway]]:
    """The address of a bridge's WebSockets, and the gateway behind it."""
    gateway = LiveGateway()
    async with serving(gateway) as address, bridge_on(address, **values) as client:
        yield str(client.base_url).rstrip("/").replace("http", "ws", 1), gateway


def final(utterance: int, text: str, start_s: float, end_s: float) -> LiveText:
    """An utterance's last text, with words."""
    spoken = text.split()
    length_s = (end_s - start_s) / max(1, len(spoken))
    words = tuple(
        Word(text=f" {word}", start_s=start_s + at * length_s, end_s=start_s + (at + 1) * length_s, probability=0.5)
        for at, word in enumerate(spoken)
    )
    segment = Segment(id=0, start_s=start_s, end_s=end_s, text=text, language="en", words=words)
    return LiveText(
        utterance=utterance,
        committed=text,
        stability=1.0,
        is_final=True,
        segments=(segment,) if text else (),
        language="en",
        start_s=start_s,
        end_s=end_s,
    )
