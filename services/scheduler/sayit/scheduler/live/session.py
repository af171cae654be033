"""One session while a call has it: audio is stored and heard, text is stored and told.

Everything happens in one task, one thing after the other. Beside it stretches are decoded, and what is to be stored
is written in its order: however slow the store is, audio is heard meanwhile. What a client is told was stored before:
audio that counts as received, words that count as committed. So a session goes on from its row wherever the next call
arrives, whatever was killed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial

from prometheus_client import Counter, Gauge, Histogram

from sayit.chassis import background_tasks, telemetry
from sayit.scheduler.jobs.live import OPTIONS, LiveRecord
from sayit.scheduler.jobs.records import ChunkOutput, PartRecord
from sayit.scheduler.live.audio import LiveAudio
from sayit.scheduler.live.compressed import CompressedAudio
from sayit.scheduler.live.conversation import (
    Action,
    Cancel,
    Conversation,
    Decode,
    SpeechBegan,
    SpeechEnded,
    Text,
)
from sayit.scheduler.live.decoding import Decoding, DecodingResult
from sayit.scheduler.live.recording import Recording
from sayit.scheduler.live.sessions import LeaseLostError, LiveParts, why_lost
from sayit.scheduler.live.texts import Texts
from sayit.scheduler.live.transcribers import Seat
from sayit.scheduler.live.turns import TurnConfig
from sayit.speech.audio import SAMPLE_BYTES, SAMPLE_RATE_HZ, samples_of, seconds_of
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import JobState
from sayit.speech.live import LiveEvent, LiveFinished, LiveOptions, LiveSpeech, LiveStarted

#: Audio that is heard at once, so that nothing else waits for it.
_HEARD_BYTES = samples_of(0.5) * SAMPLE_BYTES
#: No more is read from the client while so much has no text yet: an utterance may be 28 s long.
_MOST_UNDECODED = samples_of(45.0)
#: Nor while so much waits to be stored.
_MOST_UNWRITTEN = 50
_PROGRESS_S = 1.0
#: Errors of the engine in a row after which an utterance keeps the words that it has.
_MOST_FAILURES = 3

_SESSIONS = Gauge("sayit_live_sessions", "Live sessions that calls have at this scheduler.")
_ENDS = Counter("sayit_live_ends", "Ends of calls of live sessions: finished, left, lost, failed.", ["how"])
_LAG = Histogram(
    "sayit_live_lag_seconds",
    "How far text was behind the audio of a live session, noted every second.",
    buckets=(0.5, 1, 2, 3, 5, 10, 15, 20, 30, 45),
)

_Work = Callable[[], Awaitable[None]]


class Session:
    """A session from the beginning of a call to its end.

    Args:
        parts: what sessions work with.
        record: the session, whose lease `owner` holds.
        owner: of the lease.
        seat: its claim on a transcriber, which it closes.
        attended: whether a client is there; without one it is finished with what it has.
    """

    def __init__(self, parts: LiveParts, record: LiveRecord, owner: str, seat: Seat, *, attended: bool) -> None:
        self._parts = parts
        self._job = record.job
        self._owner = owner
        self._seat = seat
        self._attended = attended
        self._options = OPTIONS.validate_json(record.options)
        compressed = self._options.encoding.compressed
        self._compressed = CompressedAudio(parts.decompress) if compressed and attended else None
        self._audio = LiveAudio(LiveOptions() if compressed else self._options)
        self._recording = Recording(
            objects=parts.objects, uploads=parts.uploads, upload_id=self._job.upload_id, stored=record.received
        )
        self._texts = Texts(parts, record, owner, self._recording, tentative=self._options.interim_results)
        #: What is to be done, and what is to be stored, in order.
        self._mailbox: asyncio.Queue[_Work] = asyncio.Queue()
        self._writes: asyncio.Queue[_Work] = asyncio.Queue()
        self._room = asyncio.Event()
        self._failures = 0
        self._finishing = self._completing = self._over = False
        self._outcome = "left"
        #: Why the call ends, where that is an error.
        self._error: SayItError | None = None
        turns = TurnConfig.of(self._options.turn_detection, parts.voice_threshold)
        interim = attended and self._options.interim_results
        self._conversation = Conversation(parts.new_voices(), turns, self._texts.state, interim=interim)
        #: Samples that come again although the conversation has them behind it.
        self._again = max(0, self._texts.state.start_sample - self._recording.samples)

    @property
    def job_id(self) -> str:
        """The session's job."""
        return self._job.id

    # What the call does.

    async def hear(self, data: bytes) -> None:
        """Takes audio as the client sends it; waits while too much has no text yet."""
        if self._compressed is None:
            await self._do(partial(self._arrived, data))
        else:
            await self._compressed.put(data)

    async def commit(self) -> None:
        """The utterance ends here; waits as `hear` does."""
        await self._do(self._commit)

    async def finish(self) -> None:
        """All audio was sent."""
        if self._compressed is None:
            self._mailbox.put_nowait(self._end_audio)
        else:
            await self._compressed.put(None)

    def leave(self, error: SayItError | None = None) -> None:
        """The call has ended, or is to end with this error; once it is finished the session goes on without it."""
        self._error = self._error or error
        self._mailbox.put_nowait(self._left)

    def abandon(self) -> None:
        """This process stops: the session goes on elsewhere, however far it is."""
        self._mailbox.put_nowait(self._abandon)

    def look(self) -> None:
        """The lease may be lost: its job has ended, or another call has it."""
        self._mailbox.put_nowait(self._renew)

    def events(self) -> AsyncGenerator[LiveEvent]:
        """What the client is told, until the session or its call ends."""
        return self._texts.events()

    async def run(self) -> None:
        """The session until its end.

        Raises:
            SayItError: why it ended early: what `leave` was given, JOB_CANCELLED, JOB_FAILED, JOB_NOT_FOUND,
                INVALID_ARGUMENT where another call has it, AUDIO_TOO_LONG, UNAVAILABLE.
        """
        began_s = time.monotonic()
        try:
            with telemetry.span_from(self._job.traceparent, "live"), _SESSIONS.track_inprogress():
                await self._keep()
        except SayItError as error:
            self._outcome = "lost" if self._outcome == "lost" else "failed"
            self._error = self._error or error
        finally:
            self._over = True
            self._leave_seat()
            self._texts.close()
            self._room.set()
            _ENDS.labels(self._outcome).inc()
            telemetry.logger().info(
                "live",
                job_id=self._job.id,
                tenant=self._job.tenant,
                outcome=self._outcome,
                seconds=round(time.monotonic() - began_s, 3),
                audio_s=round(seconds_of(self._conversation.position), 2),
                utterances=self._texts.state.utterance,
            )
        if self._error is not None:
            raise self._error

    async def _keep(self) -> None:
        """Works while the lease is kept; it is given back where the session is to go on."""
        started = LiveStarted(
            job=self._parts.view(self._job),
            received_samples=self._received_samples(),
            next_utterance=self._texts.state.utterance,
        )
        self._texts.say(started)
        if self._job.state is not JobState.RECEIVING:  # finished, and the client does not know
            self._outcome = "finished"
            self._texts.say(LiveFinished(job=started.job))
            return
        self._seat.model = self._job.model
        self._parts.transcribers.take_place(self._job.id)
        try:
            kept = await self._parts.leasing.leased(self._job.id, self._owner, self._work(self._seat))
        except LeaseLostError:
            kept = False
        finally:
            if self._outcome == "left":
                with suppress(SayItError):  # it runs out by itself
                    await self._parts.jobs.return_lease(self._job.id, self._owner, not_before_s=time.time())
        if not kept:
            self._outcome = "lost"
            raise await why_lost(self._parts.jobs, self._job)

    def _leave_seat(self) -> None:
        if self._outcome == "left" and self._attended:
            self._parts.transcribers.keep_place(self._job.id, self._seat, for_s=self._parts.limits.live_resume_s)
        self._seat.close()

    async def _do(self, work: _Work) -> None:
        self._room.clear()
        self._mailbox.put_nowait(work)
        await self._room.wait()

    async def _work(self, seat: Seat) -> None:
        self._decoding = Decoding(self._job, self._parts.limits, seat, self._decoded)
        beside = [asyncio.create_task(each) for each in (seat.reserve(), self._ticks(), self._write_all())]
        if self._compressed is not None:
            beside.append(asyncio.create_task(self._decompress(self._compressed)))
        try:
            async for pcm in self._recording.behind(self._texts.state.start_sample):
                await self._heard(pcm)
            if not self._attended:
                await self._end_audio()
            while not self._over:
                if self._has_room():
                    self._room.set()
                if self._finishing and not (self._completing or self._conversation.busy or self._decoding.busy):
                    self._completing = True
                    self._writes.put_nowait(self._complete)
                await (await self._mailbox.get())()
        finally:
            await background_tasks.end(*beside, *self._decoding.tasks)

    def _has_room(self) -> bool:
        undecoded = self._conversation.position - self._conversation.settled
        return undecoded < _MOST_UNDECODED and self._writes.qsize() < _MOST_UNWRITTEN

    async def _write_all(self) -> None:
        """Stores one thing after the other; where that fails the session ends with the error."""
        try:
            while not self._over:
                await (await self._writes.get())()
        except Exception as error:  # noqa: BLE001 - the session must not wait for a writer that is gone
            self._mailbox.put_nowait(partial(_fail, error))
        else:
            self._mailbox.put_nowait(partial(asyncio.sleep, 0))  # wakes the session's task

    async def _decompress(self, compressed: CompressedAudio) -> None:
        error = await compressed.decode(lambda pcm: self._do(partial(self._arrived, pcm)))
        self._mailbox.put_nowait(partial(self._decompressed, error))

    async def _ticks(self) -> None:
        while True:
            await asyncio.sleep(_PROGRESS_S)
            self._mailbox.put_nowait(self._tell_progress)

    # What is done, one after the other.

    async def _arrived(self, data: bytes) -> None:
        if not self._finishing:
            await self._take(self._audio.convert(data))

    async def _take(self, pcm: bytes) -> None:
        room = max(0, samples_of(self._parts.max_audio_s) * SAMPLE_BYTES - self._recording.received)
        pcm, rest = pcm[:room], pcm[room:]
        self._recording.add(pcm)
        known = min(self._again * SAMPLE_BYTES, len(pcm))
        self._again -= known // SAMPLE_BYTES
        await self._heard(pcm[known:])
        if self._recording.is_due:
            self._writes.put_nowait(self._store)
        if rest and not self._finishing:
            limit = round(self._parts.max_audio_s / 60)
            self._error = SayItError(ErrorKind.AUDIO_TOO_LONG, field="audio", limit_minutes=limit)
            await self._finish_conversation()

    async def _heard(self, pcm: bytes) -> None:
        for start in range(0, len(pcm), _HEARD_BYTES):
            piece = pcm[start : start + _HEARD_BYTES]
            self._seat.heard(seconds_of(len(piece) // SAMPLE_BYTES))
            await self._act(self._conversation.feed(piece))
            await asyncio.sleep(0)

    async def _commit(self) -> None:
        if not self._finishing:
            await self._act(self._conversation.commit())
            await self._tell_progress()  # a client may wait for what the commit ends, if only silence

    async def _end_audio(self) -> None:
        if not self._finishing:
            await self._take(self._audio.flush())
            await self._finish_conversation()

    async def _decompressed(self, error: SayItError | None) -> None:
        """Compressed audio has ended. What is damaged ends a session with what was heard before."""
        if error is not None and not self._recording.received:
            await self._parts.jobs.fail_job(self._job.id, error)
            raise error
        self._error = self._error or error
        await self._end_audio()

    async def _finish_conversation(self) -> None:
        self._finishing = True
        await self._act(self._conversation.finish())

    async def _left(self) -> None:
        if not (self._finishing or self._completing):
            self._completing = True
            self._recording.add(self._audio.flush())
            self._writes.put_nowait(self._store_rest)

    async def _abandon(self) -> None:
        self._over = True

    async def _renew(self) -> None:
        until_s = self._parts.leasing.until_s()
        if not await self._parts.jobs.renew_lease(self._job.id, self._owner, until_s=until_s):
            raise LeaseLostError

    async def _tell_progress(self) -> None:
        self._seat.look()
        settled, decoded = self._conversation.settled, self._conversation.decoded_until
        lag_s = max(0.0, seconds_of(self._conversation.position - settled))
        _LAG.observe(lag_s)
        self._writes.put_nowait(partial(self._texts.progress, self._received_samples(), settled, decoded, lag_s))

    # What is stored, one after the other.

    async def _store(self) -> None:
        if self._recording.is_due:
            await self._parts.room_for_audio(self._job.tenant)
            await self._append(await self._recording.put())

    async def _store_rest(self) -> None:
        await self._append(await self._recording.put())
        self._over = True

    async def _append(self, part: PartRecord | None) -> None:
        if part is None:
            return
        live, scanned = self._parts.live, self._conversation.settled
        stored = await live.add_part(self._job.id, self._owner, part, scanned=scanned)
        await self._recording.added(part, stored=stored)
        if not stored:
            raise LeaseLostError

    async def _complete(self) -> None:
        await self._append(await self._recording.put(everything=True))
        # The last utterance may end behind the audio of a client that did not come back.
        samples = max(self._recording.samples, min(self._conversation.settled, self._conversation.position))
        finished = await self._parts.live.finish(self._job.id, self._owner, samples=samples, speech=self._texts.speech)
        if finished is None:
            raise LeaseLostError
        self._outcome, self._over = "finished", True
        self._parts.all_done()
        if self._error is None:
            self._texts.say(LiveFinished(job=self._parts.view(finished)))
        await self._parts.spend(self._job.tenant, seconds_of(samples))

    # What the conversation asks for.

    async def _act(self, actions: Sequence[Action]) -> None:
        for action in actions:
            if isinstance(action, Decode):
                self._decoding.ask(action)
            elif isinstance(action, Cancel):
                self._decoding.cancel(action.request_id)
            elif isinstance(action, SpeechBegan | SpeechEnded):
                begins, offset_s = isinstance(action, SpeechBegan), seconds_of(action.at_sample)
                self._texts.say(LiveSpeech(begins=begins, offset_s=offset_s, utterance=action.utterance))
            elif isinstance(action, Text):
                self._writes.put_nowait(partial(self._texts.interim, action))
            else:
                self._writes.put_nowait(partial(self._texts.final, action))

    def _decoded(self, request_id: int, result: DecodingResult) -> None:
        self._mailbox.put_nowait(partial(self._answered, request_id, result))

    async def _answered(self, request_id: int, result: DecodingResult) -> None:
        if not self._decoding.take(request_id):
            return
        if isinstance(result, ChunkOutput):
            self._failures = 0
            await self._act(self._conversation.decoded(request_id, result))
            return
        telemetry.logger().warning("live_decode_failed", job_id=self._job.id, detail=str(result)[:500])
        if result.refusal is not None:
            await self._parts.jobs.fail_job(self._job.id, result.refusal)
            raise result.refusal
        self._failures += 1
        await self._act(self._conversation.failed(request_id, retry=self._failures < _MOST_FAILURES))

    def _received_samples(self) -> int:
        return self._recording.samples * self._options.rate_hz // SAMPLE_RATE_HZ


async def _fail(error: Exception) -> None:
    raise error
