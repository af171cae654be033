"""What a session says: words and utterances are stored first, then told to its client and to watchers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

from pydantic import TypeAdapter

from sayit.scheduler.db.codec import event_bytes
from sayit.scheduler.jobs.channels import shown
from sayit.scheduler.jobs.live import LiveRecord
from sayit.scheduler.jobs.records import NewChunk
from sayit.scheduler.live.conversation import Final, SessionState, Text
from sayit.scheduler.live.recording import Recording
from sayit.scheduler.live.sessions import LeaseLostError, LiveParts
from sayit.speech.audio import seconds_of
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import PartialText
from sayit.speech.live import LiveEvent, LiveProgress, LiveText
from sayit.speech.transcript import Segment, Word

_STATE = TypeAdapter(SessionState)
#: Events that a client has not read: beyond the first number what a later one repeats is left out, beyond the second
#: the call ends.
_FEW_UNREAD, _MOST_UNREAD = 50, 5000


class Texts:
    """The text of one session while a call has it.

    Args:
        parts: what sessions work with.
        record: the session.
        owner: of its lease.
        recording: its audio, which is stored with every utterance.
        tentative: whether the client wants text that may still change; watchers of the job get it.
    """

    def __init__(
        self, parts: LiveParts, record: LiveRecord, owner: str, recording: Recording, *, tentative: bool
    ) -> None:
        self._parts = parts
        self._job = record.job
        self._owner = owner
        self._recording = recording
        self._tentative = tentative
        self._speech = list(record.speech)
        #: Where the session goes on, as it is stored; a new one has no chunk, and of a finished one only they are left.
        unstored = SessionState(utterance=record.job.chunks_done)
        self.state = _STATE.validate_json(record.state) if record.state else unstored
        self._unread: asyncio.Queue[LiveEvent | None] = asyncio.Queue()
        #: The utterance of whose last interim text words were told.
        self._worded = -1

    @property
    def speech(self) -> Sequence[tuple[int, int]]:
        """Detected speech of the utterances so far."""
        return self._speech

    async def events(self) -> AsyncGenerator[LiveEvent]:
        """What the client is told, until `close`."""
        while (event := await self._unread.get()) is not None:
            yield event

    def say(self, event: LiveEvent) -> None:
        """Tells the client something.

        Raises:
            SayItError: UNAVAILABLE for a client that does not read.
        """
        unread = self._unread.qsize()
        passing = isinstance(event, LiveProgress) or (
            # That the words before were none is told once.
            isinstance(event, LiveText) and not event.is_final and bool(event.committed or event.tentative)
        )
        if unread > _MOST_UNREAD:
            raise SayItError(ErrorKind.UNAVAILABLE, retry_after_s=1.0, cause="the client does not read")
        if unread <= _FEW_UNREAD or not passing:
            self._unread.put_nowait(event)

    def close(self) -> None:
        """Nothing more is told."""
        self._unread.put_nowait(None)

    async def progress(self, received: int, settled: int, decoded: int, lag_s: float) -> None:
        """Tells how far the session is; as it is written behind the texts that it counts, it is told behind them."""
        if self._job.options.redacts:
            decoded = settled  # interim text is not told
        committed_s, decoded_s = seconds_of(settled), seconds_of(decoded)
        self.say(LiveProgress(received_samples=received, committed_s=committed_s, lag_s=lag_s, decoded_s=decoded_s))

    async def interim(self, text: Text) -> None:
        """Tells the text of an utterance that is going on; committed words are stored first."""
        if text.state != self.state:
            if not await self._parts.live.save_state(self._job.id, self._owner, _stored(text.state)):
                raise LeaseLostError
            self.state = text.state
        if self._job.options.redacts:
            return  # the utterance is redacted as a whole
        committed, tentative = _text(text.committed), _text(text.tentative)
        start_s, end_s = seconds_of(text.start_sample), seconds_of(text.end_sample)
        told = LiveText(
            utterance=text.utterance,
            committed=committed.strip(),
            tentative=(tentative if committed else tentative.lstrip()).rstrip() if self._tentative else "",
            stability=text.stability,
            language=text.language,
            start_s=start_s,
            end_s=end_s,
        )
        if told.committed or told.tentative:
            self._worded = told.utterance
            self.say(told)
        elif self._worded == told.utterance:  # they were none
            self._worded = -1
            self.say(told)
        words = (*text.committed, *text.tentative)
        spoken = Segment(
            id=0, start_s=start_s, end_s=end_s, text=_text(words).strip(), language=text.language, words=words
        )
        segments = shown((spoken,) if spoken.text else (), words=self._job.options.word_timestamps)
        event = event_bytes(self._job.id, PartialText(chunk_index=text.utterance, segments=segments))
        self._parts.publish(self._job.id, event)

    async def final(self, final: Final) -> None:
        """Stores an utterance with its audio, text and event, all of it or nothing, and tells it then."""
        options = self._job.options
        output = await asyncio.to_thread(self._parts.filtered, final.output, options.guard)
        told = output.segments
        if options.redacts:
            told = await asyncio.to_thread(self._parts.redacted, self._job, output)
        key = f"jobs/{self._job.id}/chunks/{final.utterance:06d}.s16le"
        # The next call goes on behind the utterance: its audio must be there then.
        _, part = await asyncio.gather(self._parts.objects.put(key, final.pcm), self._recording.put())
        utterance = NewChunk(
            index=final.utterance,
            start_sample=final.start_sample,
            end_sample=final.end_sample,
            hard_start=False,
            hard_end=False,
            pieces=((final.start_sample, final.end_sample),),
            object_key=key,
            interactive=True,
            output=output,
            told=shown(told, words=options.word_timestamps),
        )
        self._speech += final.speech
        committed = await self._parts.live.commit(
            self._job.id, self._owner, utterance, state=_stored(final.state), speech=self._speech, part=part
        )
        if part is not None:
            await self._recording.added(part, stored=committed)
        if not committed:
            raise LeaseLostError
        self.state = final.state
        self.say(
            LiveText(
                utterance=final.utterance,
                committed="".join(_text(segment.words) or f" {segment.text}" for segment in told).strip(),
                stability=1.0,
                is_final=True,
                segments=shown(told, words=options.word_timestamps),
                language=output.language,
                ended_by=final.ended_by,
                start_s=seconds_of(final.start_sample),
                end_s=seconds_of(final.end_sample),
            )
        )


def _stored(state: SessionState) -> str:
    return _STATE.dump_json(state).decode()


def _text(words: Sequence[Word]) -> str:
    return "".join(word.text for word in words)
