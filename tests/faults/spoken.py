"""A person who speaks while faults happen, and what must come of it."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import jiwer
import soundfile

from sayit.client import AsyncClient, ChunkText, LiveEvent, LiveFinished, LiveOptions, LiveText, Result
from sayit.speech.options import Options

from .books import Books
from .harness import Clip, Report

_PIECE_S = 0.1
#: Words that may differ from what is heard in the whole recording, in per cent: an utterance has less around it, and
#: the bundled model loses some of them without a fault, too.
_MOST_ERRORS = 20.0


@dataclass
class Talk:
    """One session of one recording.

    Args:
        clip: what is said.
        pace: how much faster than it was recorded.
        retry_s: how long a place is waited for.
    """

    clip: Clip
    options: Options
    pace: float
    retry_s: float = 60.0
    events: list[LiveEvent] = field(default_factory=list)
    job_id: str = ""
    #: Whether it is spoken still.
    speaking: bool = True
    #: Whether its session has begun, and whether it has ended.
    admitted: bool = False
    over: bool = False

    async def run(self, address: str) -> Result:
        """Speaks, hears to the end, and waits for the transcript."""
        async with AsyncClient(address, retry_s=self.retry_s, reconnect_s=120.0) as client:
            async with client.stream_recognize(LiveOptions(interim_results=True), options=self.options) as session:
                self.job_id, self.admitted = session.job_id, True
                async for event in session.recognize(self._pieces()):
                    self.over = isinstance(event, LiveFinished)
                    self.events.append(event)
            return await client.wait(self.job_id)

    async def judge(self, result: Result, address: str, books: Books, report: Report, text: str | None) -> None:
        """All audio is there, all text was told, once, as it is stored; what was committed is in the last text.

        The transcript is like `text`, which the recording has as a file, without faults; None where it is so short that
        a word would be much.
        """
        report.operations += 1
        finals = {event.utterance: event.committed for event in self.events if _is_final(event)}
        stored = await _texts(address, self.job_id)
        report.doubled += len(doubled := books.doubled([self.job_id]))
        report.wrong += doubled + books.gaps([self.job_id])
        if not isinstance(self.events[-1], LiveFinished):
            report.wrong.append(f"the last event is {self.events[-1]}")
        if abs(result.transcript.duration_s - self.clip.duration_s) > _PIECE_S:
            report.wrong.append(f"{result.transcript.duration_s} s are stored of {self.clip.duration_s}")
        if list(finals) != sorted(stored) or any(_words(finals[n]) != _words(stored[n]) for n in stored):
            report.lost += 1
            report.wrong.append(f"told {finals}, stored {stored}")
        for event in self.events:
            if isinstance(event, LiveText) and not finals.get(event.utterance, "").startswith(event.committed):
                report.lost += 1
                report.wrong.append(f"{event.committed!r} was committed, and then {finals.get(event.utterance)!r}")
        if text is None:
            return
        errors = 100 * float(jiwer.wer(" ".join(_words(text)), " ".join(_words(result.transcript.text))))
        report.figures["word_errors"] = round(errors, 1)
        if errors > _MOST_ERRORS:
            report.wrong.append(f"{errors:.1f} % of the words differ: {result.transcript.text!r} and {text!r}")

    async def _pieces(self) -> AsyncIterator[bytes]:
        samples, rate = soundfile.read(io.BytesIO(self.clip.audio), dtype="int16")
        assert rate == 16_000
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        for start in range(0, len(samples), int(_PIECE_S * rate)):
            due_s += _PIECE_S / self.pace
            await asyncio.sleep(due_s - loop.time())
            yield samples[start : start + int(_PIECE_S * rate)].tobytes()
        self.speaking = False


def _is_final(event: LiveEvent) -> bool:
    return isinstance(event, LiveText) and event.is_final


def _words(text: str) -> list[str]:
    return text.split()


async def _texts(address: str, job_id: str) -> dict[int, str]:
    """The texts of a job's utterances, by its events."""
    async with AsyncClient(address, retry_s=60.0) as client:
        bodies = [event.body async for event in client.watch(job_id)]
    return {
        body.chunk_index: " ".join(segment.text for segment in body.segments)
        for body in bodies
        if isinstance(body, ChunkText)
    }
