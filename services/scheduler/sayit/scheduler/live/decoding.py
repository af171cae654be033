"""What a session has transcribers decode: each stretch in a task of its own, until its answer is taken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace

from sayit.scheduler.jobs.chunk_overrides import ChunkOverrides
from sayit.scheduler.jobs.limits import Limits
from sayit.scheduler.jobs.records import ChunkOutput, JobRecord
from sayit.scheduler.live.conversation import Decode
from sayit.scheduler.live.transcribers import EngineError, Seat, Stretch
from sayit.speech.options import DecodeOptions

DecodingResult = ChunkOutput | EngineError


class Decoding:
    """The stretches of one session that are being decoded.

    Args:
        job: the session's job, whose options say how.
        limits: the installation's, for its presets.
        seat: the session's place among the transcribers.
        answered: called with a request's id and what came of it; its owner then asks `take` whether it is still wanted.
    """

    def __init__(
        self, job: JobRecord, limits: Limits, seat: Seat, answered: Callable[[int, DecodingResult], None]
    ) -> None:
        self.seat = seat
        self._job = job
        self._limits = limits
        self._answered = answered
        self._asking: dict[int, asyncio.Task[None]] = {}

    @property
    def busy(self) -> bool:
        """Whether there is an answer to come or to be taken."""
        return bool(self._asking)

    @property
    def tasks(self) -> Iterable[asyncio.Task[None]]:
        """The tasks that decode, to be ended with the session."""
        return self._asking.values()

    def ask(self, asked: Decode) -> None:
        """Has a stretch decoded."""
        self._asking[asked.request_id] = asyncio.create_task(self._ask(asked))

    def cancel(self, request_id: int) -> None:
        """Drops a request; one that was taken before is no error."""
        if (asked := self._asking.pop(request_id, None)) is not None:
            asked.cancel()

    def take(self, request_id: int) -> bool:
        """Whether an answer is still wanted; it is taken then."""
        return self._asking.pop(request_id, None) is not None

    async def _ask(self, asked: Decode) -> None:
        stretch = Stretch(
            pcm=asked.pcm,
            options=self._options(asked),
            final=asked.final,
            traceparent=self._job.traceparent,
        )
        try:
            result: DecodingResult = await self.seat.decode(stretch)
        except EngineError as error:
            result = error
        self._answered(asked.request_id, result)

    def _options(self, asked: Decode) -> DecodeOptions:
        overrides = ChunkOverrides(
            language=asked.language or None,
            preceding=asked.prompt,
            word_timestamps=True,
            # Sampling again and again a text in doubt keeps its reader waiting, and the ones behind it.
            temperatures=(0.0,),
        )
        options = overrides.applied(self._job.options, self._limits.presets)
        return options if asked.final else replace(options, beam_size=1)
