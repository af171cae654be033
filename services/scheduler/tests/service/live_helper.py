"""A transcriber of live speech that knows the recording, and a client that speaks it."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import av
import grpc
import numpy as np
import pytest
import soundfile

from sayit.chassis import principal
from sayit.chassis.principal import Principal
from sayit.client.stream_writer import write
from sayit.internal.v1 import chunk_service_pb2 as chunk_pb
from sayit.speech import wire
from sayit.speech.errors import SayItError
from sayit.speech.live import LiveEvent, LiveFinished, LiveStarted, LiveText
from sayit.speech.wire.errors import error_of_call
from sayit.speech.wire.live import live_event_from_proto
from sayit.v1 import live_service_pb2 as pb
from sayit.v1 import resources_pb2
from sayit.v1 import transcription_service_pb2 as service_pb

from .helper import ALICE, RECORDINGS, Suite, Transcriber

#: 10 s of speech with pauses: mono 16 kHz s16le.
SPEECH = soundfile.read(RECORDINGS / "en-90s.flac", dtype="int16", frames=160_000)[0].tobytes()
#: Bytes of 100 ms.
MESSAGE = 3200
#: Seconds that a word of `LiveTranscriber` takes.
WORD_S = 0.4


def opus(pcm: bytes, container: str) -> bytes:
    """Mono 16 kHz s16le as Opus in Ogg or WebM."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream("libopus", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.frombuffer(pcm, "<i2").reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = 16_000
        for piece in (*av.AudioResampler("s16", "mono", 48_000, 960).resample(frame), None):
            output.mux(stream.encode(piece))
    return file.getvalue()


class LiveTranscriber:
    """Says the number of every 0.4 s of `SPEECH` that lies in a stretch, whatever is spoken there."""

    def __init__(self, suite: Suite, name: str = "t1", model: str = "micro") -> None:
        self._suite = suite
        self._offer = chunk_pb.LiveOffer(transcriber_id=name, model=model)
        #: What it was told, in order.
        self.told: list[chunk_pb.ServeLiveResponse] = []
        #: Nothing is answered while it is clear.
        self.awake = asyncio.Event()
        self.awake.set()
        #: What is answered to a stretch.
        self.says = said
        #: What is answered instead, if set.
        self.failure: chunk_pb.ChunkFailure | None = None
        #: Set once it is asked for something.
        self.asked = asyncio.Event()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[LiveTranscriber]:
        """Serves while the block runs; its end is as abrupt as a kill."""
        await Transcriber(self._suite, name=self._offer.transcriber_id, model=self._offer.model).report()
        call = self._suite.chunks.ServeLive()
        await call.write(chunk_pb.ServeLiveRequest(offer=self._offer))
        task = asyncio.create_task(self._serve(call))
        try:
            yield self
        finally:
            task.cancel()
            call.cancel()
            await asyncio.wait({task})

    async def _serve(self, call: Any) -> None:
        while (order := await call.read()) != grpc.aio.EOF:
            self.told.append(order)
            if not order.HasField("decode"):
                continue
            self.asked.set()
            await self.awake.wait()
            answer = chunk_pb.ServeLiveRequest(output=self.says(order.decode))
            if self.failure is not None:
                failure = chunk_pb.LiveFailure(id=order.decode.id, failure=self.failure)
                answer = chunk_pb.ServeLiveRequest(failure=failure)
            await call.write(answer)


def said(decode: chunk_pb.LiveDecode) -> chunk_pb.LiveOutput:
    """One segment: the numbers of the words that lie in this audio, found by its place in `SPEECH`."""
    start_s = SPEECH.index(decode.audio[:MESSAGE]) / 32_000
    end_s = start_s + len(decode.audio) / 32_000
    words = [
        resources_pb2.Word(
            text=f" w{number}",
            start=wire.duration_to_proto(number * WORD_S - start_s),
            end=wire.duration_to_proto((number + 1) * WORD_S - start_s),
            probability=0.9,
        )
        for number in range(1000)
        if number * WORD_S >= start_s - 0.05 and (number + 1) * WORD_S <= end_s + 0.05
    ]
    segment = resources_pb2.Segment(
        text="".join(word.text for word in words).strip(),
        words=words,
        language="en",
        start=wire.duration_to_proto(0),
        end=wire.duration_to_proto(end_s - start_s),
    )
    output = chunk_pb.ChunkOutput(
        segments=[segment] if words else [],
        language="en",
        language_probability=0.9,
        compute=wire.duration_to_proto(0.01),
        windows=1,
    )
    return chunk_pb.LiveOutput(id=decode.id, output=output)


class Client:
    """One call of a live session, which is read all the time."""

    def __init__(self, suite: Suite, who: Principal = ALICE) -> None:
        with principal.use(who):
            self.call = suite.jobs.StreamingRecognize()
        #: What the scheduler said, in order.
        self.events: list[LiveEvent] = []
        self._news = asyncio.Condition()
        self._reading: asyncio.Task[None] | None = None

    async def begin(
        self,
        *,
        key: str = "",
        resume: str = "",
        options: dict[str, Any] | None = None,
        config: service_pb.JobConfig | None = None,
        **live: Any,
    ) -> LiveStarted:
        """Begins a session, or goes on with one."""
        job = config or service_pb.JobConfig(
            options=resources_pb2.TranscriptionOptions(**{"language": "en", **(options or {})}), idempotency_key=key
        )
        asked = pb.LiveConfig(job=job, resume_job_id=resume, **{"interim_results": True, **live})
        await self.send(config=asked)
        self._reading = asyncio.create_task(self._read())
        started: LiveStarted = await self.until(LiveStarted)
        return started

    async def send(self, **payload: Any) -> None:
        """Sends one message, unless the call has ended."""
        await write(self.call, pb.StreamingRecognizeRequest(**payload))

    async def say(self, audio: bytes, *, until_committed: bool = False) -> int:
        """Sends audio in messages of 100 ms, much faster than it is spoken; how much of it was sent.

        With `until_committed` it stops once an utterance that is going on has committed words.
        """
        for start in range(0, len(audio), MESSAGE):
            if until_committed and self.going_on:
                return start
            await self.send(audio=audio[start : start + MESSAGE])
            await asyncio.sleep(0.005)
        assert not until_committed or self.going_on, "nothing was committed"
        return len(audio)

    async def _read(self) -> None:
        try:
            while (message := await self.call.read()) != grpc.aio.EOF:
                async with self._news:
                    self.events.append(live_event_from_proto(message))
                    self._news.notify_all()
        finally:
            async with self._news:
                self._news.notify_all()

    async def until(self, kind: type, **fields: Any) -> Any:
        """The first event of a kind with these fields, once it is there; raises the call's error."""
        assert self._reading is not None
        async with self._news:
            while True:
                for event in self.events:
                    if isinstance(event, kind) and all(getattr(event, name) == value for name, value in fields.items()):
                        return event
                if self._reading.done():
                    self._reading.result()
                    raise AssertionError(f"no {kind.__name__} with {fields} before the end")
                await self._news.wait()

    async def finish(self) -> LiveFinished:
        """All audio was sent; waits for the last event."""
        await self.send(command=pb.LIVE_COMMAND_FINISH)
        finished: LiveFinished = await self.until(LiveFinished)
        return finished

    async def error(self) -> SayItError:
        """The error that the call ends with."""
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await self._reading
        return error_of_call(error.value)

    @property
    def texts(self) -> list[LiveText]:
        """Texts so far."""
        return [event for event in self.events if isinstance(event, LiveText)]

    @property
    def going_on(self) -> bool:
        """Whether the newest text is of an utterance that is going on, and has committed words."""
        return bool(self.texts) and bool(self.texts[-1].committed) and not self.texts[-1].is_final


def words_of(text: str) -> list[int]:
    """The numbers that a text consists of."""
    return [int(word.removeprefix("w")) for word in text.split()]


async def spoken(suite: Suite, job_id: str, *clients: Client) -> list[int]:
    """The words of a session's transcript, checked against what its calls told: none is lost, doubled or moved."""
    await suite.until(job_id, resources_pb2.JOB_STATE_COMPLETED)
    words = words_of((await suite.transcript(job_id)).text)
    assert words == sorted(set(words))
    for client in clients:
        told: dict[int, str] = {}
        for text in client.texts:
            assert text.committed.startswith(told.get(text.utterance, "")), "committed text only grows"
            told[text.utterance] = text.committed
            assert set(words_of(text.committed)) <= set(words), "committed words stay"
    return words
