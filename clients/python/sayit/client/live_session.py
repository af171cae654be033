"""A session of live speech across broken connections: audio is kept until it is stored, and no text comes twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self

from sayit.client.audio_sources import BLOCK_BYTES, Audio, source_of
from sayit.client.connection import GatewayConnection
from sayit.client.live_inbox import Inbox, final_text
from sayit.client.live_outbox import Outbox
from sayit.client.retry import RetryBudget
from sayit.client.stream_writer import writing
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.live import LiveEvent, LiveFinished, LiveOptions, LiveProgress, LiveStarted, LiveText
from sayit.speech.wire import event_from_proto
from sayit.speech.wire.live import live_event_from_proto, live_options_to_proto
from sayit.v1 import live_service_pb2 as live_pb
from sayit.v1 import transcription_service_pb2 as service_pb

_KEPT_BYTES = 24 * 1024 * 1024
#: Pause in the audio after which the server is asked to keep the session; it waits for a minute.
_KEEP_ALIVE_S = 20.0


class LiveSession:
    """One session. Inside `async with` audio is sent and events are iterated over, at the same time.

    A broken connection is opened again and goes on where the server is. Audio may be in pieces of any length. Left
    before LiveFinished, the session is one that broke: the server waits for a while and finishes it with what it has.

    Args:
        connection: an open channel.
        live: the audio, and what is wanted of it.
        job: how to transcribe.
        resume_job_id: to go on with the session of another process: its job, with the same options.
        next_utterance: of such a session, the first one whose final text is wanted; None for what was not given before.
    """

    def __init__(
        self,
        connection: GatewayConnection,
        live: LiveOptions,
        job: service_pb.JobConfig,
        *,
        resume_job_id: str = "",
        next_utterance: int | None = None,
    ) -> None:
        #: The session's job; empty before it has begun.
        self.job_id = resume_job_id
        self._most_kept = _KEPT_BYTES
        self._connection = connection
        self._live = live
        self._config = live_options_to_proto(live)
        self._config.job.CopyFrom(job)
        self._outbox = Outbox(keeps=not live.encoding.compressed)
        self._inbox = Inbox()
        self._next_utterance = next_utterance
        self._started: LiveStarted | None = None
        self._over = False
        self._fault: BaseException | None = None
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    @property
    def received_samples(self) -> int:
        """Samples, at the client's rate, that were stored when the session began or was resumed."""
        return self._started.received_samples if self._started else 0

    @property
    def kept_bytes(self) -> int:
        """Bytes of audio that are kept."""
        return self._outbox.size

    @property
    def most_kept(self) -> int:
        """Most bytes of audio that are kept while it is not stored (compressed: not written); `send` waits for room.

        24 MiB are 13 minutes at 16 kHz, and two of the most that can be sent.
        """
        return self._most_kept

    @most_kept.setter
    def most_kept(self, most: int) -> None:
        before, self._most_kept = self._most_kept, most
        if most > before:
            self._wake()

    async def __aenter__(self) -> Self:
        """Begins the session.

        Raises:
            SayItError: it was refused, or no gateway answers.
        """
        self._task = asyncio.create_task(self._run())
        try:
            while self._started is None and not self._over:
                await self._change()
            self._check()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stop()

    async def send(self, audio: bytes) -> None:
        """Sends audio, and waits while the server is more than 24 MiB behind. Without effect once it is over.

        Raises:
            SayItError: why the session ended.
        """
        for start in range(0, len(audio), BLOCK_BYTES):
            while self._outbox.size >= self.most_kept and not self._over:
                await self._change()
            self._check()
            self._outbox.audio(audio[start : start + BLOCK_BYTES])
            self._wake()

    async def commit(self) -> None:
        """Ends the utterance here: its final text is wanted now."""
        self._outbox.commit()
        self._wake()

    async def keep_alive(self) -> None:
        """Keeps a session in which nothing is sent for half a minute or more."""
        self._outbox.keep_alive = True
        self._wake()

    async def finish(self) -> None:
        """Says that this was all: the last events follow, LiveFinished at the end."""
        self._outbox.finished = True
        self._wake()

    async def recognize(self, audio: Audio) -> AsyncGenerator[LiveEvent, None]:
        """Sends all audio, as it comes, and yields the events to the end; in place of `send` and the iteration.

        While no audio comes, the session is kept. `finish` ends it before the audio's end.

        Args:
            audio: in the session's encoding; as for `transcribe`.
        """
        playing = asyncio.create_task(self._play(audio))
        playing.add_done_callback(lambda done: None if done.cancelled() else self._fail(done.exception()))
        try:
            async for event in self:
                yield event
        finally:
            playing.cancel()
            await asyncio.wait([playing])

    def __aiter__(self) -> AsyncIterator[LiveEvent]:
        return self

    async def __anext__(self) -> LiveEvent:
        while not self._inbox.events:
            self._check()
            if self._over:
                raise StopAsyncIteration
            await self._change()
        return self._inbox.events.popleft()

    async def _play(self, audio: Any) -> None:
        if hasattr(audio, "read1") and not audio.seekable():  # `read` waits for a whole block
            pipe = audio
            audio = iter(lambda: pipe.read1(BLOCK_BYTES), b"")
        async with aclosing(source_of(audio).blocks()) as blocks:
            while (block := await self._next(blocks)) is not None and not self._outbox.finished:
                await self.send(block)
        await self.finish()

    async def _next(self, blocks: AsyncGenerator[bytes, None]) -> bytes | None:
        reading = asyncio.ensure_future(anext(blocks, None))
        try:
            while not (await asyncio.wait({reading}, timeout=_KEEP_ALIVE_S))[0]:
                await self.keep_alive()
            return await reading
        finally:
            reading.cancel()

    def _check(self) -> None:
        if self._fault is not None:
            raise self._fault

    async def _change(self) -> None:
        """Returns when something has changed."""
        await self._changed.wait()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _fail(self, fault: BaseException | None) -> None:
        """Ends the session with an error of the audio's source, if there is one; the iteration raises it."""
        if fault is not None and not self._over:
            self._fault, self._over = fault, True
            self._wake()

    async def _stop(self) -> None:
        self._over = True
        self._wake()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        settings = self._connection.settings
        beginning, resuming = map(self._connection.retry_budget, (settings.retry_s, settings.reconnect_s))
        try:
            while not self._over:
                retry = resuming if self._started else beginning
                try:
                    await self._call(retry)
                    error = SayItError(ErrorKind.UNAVAILABLE, cause="the call ended before the session")
                except SayItError as caught:
                    error = caught
                if not self._over:
                    again = self._started is None or not self._live.encoding.compressed
                    retry = resuming if self._started else beginning
                    await retry.wait(error, possible=again)
        except Exception as fault:  # noqa: BLE001 - it is raised where events are awaited
            if isinstance(fault, SayItError) and self.job_id:
                fault.details.setdefault("job_id", self.job_id)
            self._fault = self._fault or fault
        finally:
            self._over = True
            self._wake()

    async def _call(self, retry: RetryBudget) -> None:
        """One call, to the end of the session or its own."""
        begun: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        with self._connection.errors_translated():
            call = self._connection.live.StreamingRecognize(metadata=self._connection.metadata)
            async with writing(call, self._messages(begun)):
                async for message in call:
                    self._connection.answered()
                    try:
                        event = live_event_from_proto(message)
                    except SayItError:  # of a newer server
                        continue
                    await self._take(event, begun)
                    if not isinstance(event, LiveStarted):  # a session may begin again and again, and break at once
                        retry.progress()

    async def _messages(self, begun: asyncio.Future[int]) -> AsyncGenerator[live_pb.StreamingRecognizeRequest, None]:
        self._config.resume_job_id = self.job_id
        yield live_pb.StreamingRecognizeRequest(config=self._config)
        place, commit = await begun, 0
        while True:
            message, place, commit = self._outbox.after(place, commit)
            if message is None:
                await self._change()
                continue
            yield message
            if message.command == live_pb.LIVE_COMMAND_FINISH:
                return

    async def _take(self, event: LiveEvent, begun: asyncio.Future[int]) -> None:
        match event:
            case LiveStarted():
                await self._begin(event)
                begun.set_result(self._outbox.resumed_at(event.received_samples * self._live.frame_bytes))
            case LiveProgress():
                self._outbox.release(event.received_samples * self._live.frame_bytes)
                self._outbox.confirm(round(event.committed_s * self._live.rate_hz) * self._live.frame_bytes)
            case LiveFinished():
                self._over = True
        if not isinstance(event, LiveStarted):
            self._inbox.put(event)
        self._wake()

    async def _begin(self, started: LiveStarted) -> None:
        """Takes up the session; final texts that a broken call lost come from the job's events."""
        known_seq = self._started.job.last_seq if self._started else 0
        if self._started is None:
            wanted = started.next_utterance if self._next_utterance is None else self._next_utterance
            self._inbox.finals.update(range(wanted))
            self._outbox.begin(started.received_samples * self._live.frame_bytes)
        self.job_id = started.job.id
        lost = set(range(started.next_utterance)) - self._inbox.finals
        texts = await self._final_texts(lost, known_seq, started.job.last_seq)
        self._inbox.put(started)
        for text in texts:
            self._inbox.put(text)
        self._started = started

    async def _final_texts(self, utterances: set[int], after_seq: int, last_seq: int) -> list[LiveText]:
        found: list[LiveText] = []
        if not utterances or after_seq >= last_seq:
            return found
        request = service_pb.WatchJobRequest(job_id=self.job_id, after_seq=after_seq)
        async with aclosing(self._connection.stream(self._connection.jobs.WatchJob, request)) as messages:
            async for message in messages:
                if message.WhichOneof("event") == "chunk_text" and message.chunk_text.chunk_index in utterances:
                    found.append(final_text(event_from_proto(message)))
                if message.seq >= last_seq:
                    break
        return sorted(found, key=lambda text: text.utterance)
