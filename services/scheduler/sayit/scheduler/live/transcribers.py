"""Transcribers that take live speech: their streams, who serves which session, and whether there is room for another.

A stream is all that is known of a transcriber here. When it ends, what was asked of it is asked of another one; a
session has no part in that, it only waits longer.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

from prometheus_client import Gauge, Histogram

from sayit.chassis import telemetry
from sayit.scheduler.jobs.records import ChunkOutput
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.options import DecodeOptions

_CONNECTED = Gauge("sayit_live_transcribers", "Transcribers that take live speech here, by model.", ["model"])
_SECONDS = Histogram(
    "sayit_live_decode_seconds",
    "Seconds from asking for a live text to having it, by kind: interim, final.",
    ["kind"],
    buckets=(0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.5, 2, 4, 8),
)
#: A stretch that has lost so many transcribers is held to be the cause.
_MOST_LOSSES = 3
#: Share of a transcriber's time that sessions may take.
_ROOM = 0.8
#: Compute seconds that a second of a session's audio takes, until it was measured, and how much is measured first.
_COST, _MEASURED_AFTER_S = 0.3, 15.0
#: Share of what interim texts take that counts: where there is more to do they become fewer.
_INTERIM = 1 / 3
#: Weight of the newest session in the mean.
_NEWEST = 0.3
_RETRY_FULL_S, _RETRY_AWAY_S = 15.0, 2.0
#: A session without audio for so long keeps no transcriber from other work.
_RESTS_AFTER_S = 30.0


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Audio to be decoded."""

    #: Mono 16 kHz s16le.
    pcm: bytes
    options: DecodeOptions
    final: bool
    #: W3C trace context of the job; empty while tracing is off.
    traceparent: str


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A stretch that a transcriber is to decode."""

    number: int
    stretch: Stretch


@dataclass(frozen=True, kw_only=True)
class Unwanted:
    """A stretch whose text is no longer wanted."""

    number: int


@dataclass(frozen=True, kw_only=True)
class Reserved:
    """Whether sessions count on the transcriber, and what they take of its time."""

    reserved: bool
    load: float = 0.0


#: What a transcriber is told.
Order: TypeAlias = Wanted | Unwanted | Reserved


class EngineError(Exception):
    """The engine could not decode a stretch.

    Args:
        detail: for the log.
        refusal: the public error, where the request is at fault and no other attempt can help.
    """

    def __init__(self, detail: str, refusal: SayItError | None = None) -> None:
        super().__init__(detail)
        self.refusal = refusal


class LostTranscriberError(Exception):
    """The transcriber's stream ended before its answer."""


class LiveTranscriber:
    """One transcriber's stream, as long as it is open."""

    def __init__(self, transcriber_id: str, model: str, load: Callable[[LiveTranscriber], float]) -> None:
        self.id = transcriber_id
        self.model = model
        self.seats: set[Seat] = set()
        #: What other schedulers' sessions take of its time, as it says.
        self.elsewhere = 0.0
        self._load = load
        self._told = Reserved(reserved=False)
        #: Those whose client sends audio.
        self._awake: set[Seat] = set()
        self._orders: asyncio.Queue[Order] = asyncio.Queue()
        self._asked: dict[int, asyncio.Future[ChunkOutput]] = {}
        self._numbers = itertools.count(1)

    async def orders(self) -> AsyncGenerator[Order]:
        """What the transcriber is to be told, without end."""
        while True:
            yield await self._orders.get()

    def answered(self, number: int, output: ChunkOutput) -> None:
        """The text of a stretch came; of one that is not wanted any more it is dropped."""
        if (asked := self._asked.get(number)) is not None and not asked.done():
            asked.set_result(output)

    def refused(self, number: int, error: EngineError) -> None:
        """The engine reported an error."""
        if (asked := self._asked.get(number)) is not None and not asked.done():
            asked.set_exception(error)

    async def decode(self, stretch: Stretch) -> ChunkOutput:
        """The stretch's text; cancelling says that it is no longer wanted.

        Raises:
            EngineError: as the transcriber reported it.
            LostTranscriberError: the stream ended.
        """
        number = next(self._numbers)
        asked: asyncio.Future[ChunkOutput] = asyncio.get_running_loop().create_future()
        self._asked[number] = asked
        self._orders.put_nowait(Wanted(number=number, stretch=stretch))
        try:
            return await asked
        except asyncio.CancelledError:
            self._orders.put_nowait(Unwanted(number=number))
            raise
        finally:
            del self._asked[number]

    def take(self, seat: Seat) -> None:
        """A session counts on this transcriber."""
        self.seats.add(seat)
        self.wake(seat)

    def wake(self, seat: Seat) -> None:
        """Audio comes for it."""
        self._awake.add(seat)
        self.tell()

    def rest(self, seat: Seat) -> None:
        """None has come for long: other work may be done, although the session has its place."""
        self._awake.discard(seat)
        self.tell()

    def leave(self, seat: Seat) -> None:
        """A session no longer does."""
        self.seats.discard(seat)
        self.rest(seat)

    def tell(self) -> None:
        """Says what sessions take of it, which it passes on to the other schedulers, where that has changed."""
        now = Reserved(reserved=bool(self._awake), load=round(self._load(self), 2))
        if now != self._told:
            self._told = now
            self._orders.put_nowait(now)

    def lost(self) -> None:
        """The stream has ended."""
        for asked in self._asked.values():
            if not asked.done():
                asked.set_exception(LostTranscriberError())


@dataclass(eq=False)
class LiveTranscribers:
    """All streams of this scheduler."""

    _open: set[LiveTranscriber] = field(default_factory=set, init=False)
    #: Set whenever a transcriber comes.
    _came: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _cost: float = field(default=_COST, init=False)
    #: Places of sessions whose client may come back, by job.
    _kept: dict[str, _Place] = field(default_factory=dict, init=False)

    @contextmanager
    def connected(self, transcriber_id: str, model: str) -> Iterator[LiveTranscriber]:
        """A transcriber takes live speech while the block runs."""
        transcriber = LiveTranscriber(transcriber_id, model, self._load)
        self._open.add(transcriber)
        self._came.set()
        _CONNECTED.labels(model).inc()
        telemetry.logger().info("live_transcriber_came", transcriber_id=transcriber_id, model=model)
        try:
            yield transcriber
        finally:
            self._open.discard(transcriber)
            _CONNECTED.labels(model).dec()
            transcriber.lost()
            telemetry.logger().info("live_transcriber_left", transcriber_id=transcriber_id)

    def has(self, model: str) -> bool:
        """Whether a transcriber of this model is there."""
        return any(each.model == model for each in self._open)

    def with_room(self, model: str) -> LiveTranscriber:
        """The transcriber for another session of this model, one that is fast enough for it.

        Raises:
            SayItError: UNAVAILABLE where none is there, OVERLOADED where none has room.
        """
        if not self.has(model):
            raise SayItError(ErrorKind.UNAVAILABLE, retry_after_s=_RETRY_AWAY_S, cause="no transcriber of live speech")
        loads = {each: self._load(each) + each.elsewhere for each in self._open if each.model == model}
        free = [each for each, load in loads.items() if not load or load + self._cost <= _ROOM]
        if not free:
            raise SayItError(ErrorKind.OVERLOADED, retry_after_s=_RETRY_FULL_S, cause="full: live transcribers")
        return min(free, key=loads.__getitem__)

    def seat(self) -> Seat:
        """A claim of one session; its owner closes it."""
        return Seat(self)

    def keep_place(self, job_id: str, seat: Seat, *, for_s: float) -> None:
        """No other session gets the place of this one, whose client may come back, until it does or time is over."""
        if seat.transcriber is not None:
            self._kept[job_id] = _Place(
                transcriber=seat.transcriber, cost=seat.cost or self._cost, until_s=time.monotonic() + for_s
            )
            asyncio.get_running_loop().call_later(for_s, seat.transcriber.tell)

    def take_place(self, job_id: str) -> None:
        """The session goes on: it has a seat again."""
        self._kept.pop(job_id, None)

    async def assigned(self, seat: Seat) -> LiveTranscriber:
        """The transcriber with the least to do, once there is one."""
        while True:
            there = [each for each in self._open if each.model == seat.model]
            if there:
                found = min(there, key=lambda each: self._load(each) + each.elsewhere)
                found.take(seat)
                return found
            self._came.clear()
            await self._came.wait()

    def is_open(self, transcriber: LiveTranscriber) -> bool:
        """Whether its stream lives."""
        return transcriber in self._open

    def measured(self, cost: float) -> None:
        """A session took this much compute per second of audio."""
        self._cost += _NEWEST * (cost - self._cost)

    def _load(self, transcriber: LiveTranscriber) -> float:
        now_s = time.monotonic()
        self._kept = {job_id: place for job_id, place in self._kept.items() if place.until_s > now_s}
        kept = sum(place.cost for place in self._kept.values() if place.transcriber is transcriber)
        return kept + sum(seat.cost or self._cost for seat in transcriber.seats)


@dataclass(frozen=True, kw_only=True)
class _Place:
    """What a session had of a transcriber's time."""

    transcriber: LiveTranscriber
    cost: float
    #: On the monotonic clock.
    until_s: float


class Seat:
    """One session's claim: it has the same transcriber for as long as that is there, until it is closed."""

    def __init__(self, hub: LiveTranscribers) -> None:
        #: Set before anything is decoded.
        self.model = ""
        self.transcriber: LiveTranscriber | None = None
        self._hub = hub
        self._assigning = asyncio.Lock()
        #: Audio that the session has heard.
        self.audio_s = 0.0
        self._heard_at_s = time.monotonic()
        self._rests = False
        self._compute_s = 0.0

    @property
    def cost(self) -> float:
        """Compute seconds that a second of this session's audio takes; 0 until that is known."""
        return self._compute_s / self.audio_s if self.audio_s >= _MEASURED_AFTER_S else 0.0

    def heard(self, seconds: float) -> None:
        """The session has heard so much more audio."""
        self.audio_s += seconds
        self._heard_at_s = time.monotonic()
        if self._rests and self.transcriber is not None:
            self._rests = False
            self.transcriber.wake(self)

    def look(self) -> None:
        """Says what it takes; lets other work be done once no audio has come for long. Called every second."""
        if self.transcriber is None:
            return
        if not self._rests and time.monotonic() - self._heard_at_s > _RESTS_AFTER_S:
            self._rests = True
            self.transcriber.rest(self)
        self.transcriber.tell()

    async def decode(self, stretch: Stretch) -> ChunkOutput:
        """A stretch's text, from whichever transcriber; waits while there is none.

        Raises:
            EngineError: the engine reported an error, or the stretch has ended several transcribers.
        """
        began_s = time.monotonic()
        for _ in range(_MOST_LOSSES):
            transcriber = await self._current()
            try:
                output = await transcriber.decode(stretch)
            except LostTranscriberError:
                continue
            self._compute_s += output.compute_s * (1.0 if stretch.final else _INTERIM)
            _SECONDS.labels("final" if stretch.final else "interim").observe(time.monotonic() - began_s)
            return output
        raise EngineError(f"lost {_MOST_LOSSES} transcribers")

    async def _current(self) -> LiveTranscriber:
        async with self._assigning:
            if self.transcriber is None or not self._hub.is_open(self.transcriber):
                self.transcriber = await self._hub.assigned(self)
                self._rests = False
            return self.transcriber

    def admit(self, model: str) -> None:
        """Takes a transcriber at once, so that no session that comes meanwhile is admitted to the same room.

        Raises:
            SayItError: as `LiveTranscribers.with_room`.
        """
        self.model, self.transcriber = model, self._hub.with_room(model)
        self.transcriber.take(self)

    async def reserve(self) -> None:
        """Reserves a transcriber before there is anything to decode."""
        await self._current()

    def close(self) -> None:
        """The session has ended."""
        if self.transcriber is not None:
            self.transcriber.leave(self)
        if self.cost:
            self._hub.measured(self.cost)
