"""The slots of this process: every chunk it holds, from the claim until the engine is done with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from enum import Enum
from typing import TYPE_CHECKING

from opentelemetry.trace import Span

from sayit.chassis.process import give_back_s
from sayit.chassis.telemetry import logger, span_from
from sayit.internal.v1 import chunk_service_pb2 as pb
from sayit.speech.chunk_queue import ChunkMessage
from sayit.transcriber import metrics
from sayit.transcriber.engine import Engine
from sayit.transcriber.worker.attempt import Attempt
from sayit.transcriber.worker.outcomes import AttemptOutcome, ClaimRefused, SchedulerAway, Stop

if TYPE_CHECKING:
    from sayit.internal.v1.chunk_service_pb2_grpc import ChunkServiceAsyncStub

#: How long a claim may take; a little longer than a scheduler's slowest commit.
CLAIM_TIMEOUT_S = 5.0


class ClaimResult(Enum):
    """What became of a message."""

    #: This process has the chunk.
    GRANTED = "granted"
    #: The message is void: another worker has the chunk, or it is no longer needed.
    REFUSED = "refused"
    #: Unknown; the message must stay.
    UNANSWERED = "unanswered"


class Runner:
    """Runs attempts, one task each.

    Args:
        stub: the scheduler.
        engine: what decodes.
        transcriber_id: this process, as the scheduler knows it.
    """

    def __init__(self, *, stub: ChunkServiceAsyncStub, engine: Engine, transcriber_id: str) -> None:
        self._stub = stub
        self._engine = engine
        self._transcriber_id = transcriber_id
        self._attempts: dict[str, Attempt] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._draining = self._reserved = False
        #: Called whenever a slot has become free.
        self.on_free: Callable[[], None] = lambda: None
        #: Seconds of audio whose text was committed.
        self.audio_s = 0.0
        #: Seconds of the engine's time that went into it.
        self.compute_s = 0.0

    @property
    def held(self) -> Collection[str]:
        """The arq ids of the messages whose chunks take a slot now."""
        return self._attempts.keys()

    @property
    def draining(self) -> bool:
        """Whether this process takes no more work."""
        return self._draining

    @property
    def reserved(self) -> bool:
        """Whether live sessions count on this process, which takes no chunks meanwhile."""
        return self._reserved

    def reserve(self, *, reserved: bool) -> None:
        """Takes no chunks while reserved; gives those back that the engine has not begun with, and ends the others."""
        if reserved is self._reserved:
            return
        self._reserved = reserved
        logger().info("reserved" if reserved else "free_again", held=len(self._attempts))
        if reserved:
            self._stop_waiting(Stop.RESERVED)
        else:
            self.on_free()

    def _stop_waiting(self, reason: Stop) -> None:
        for attempt in self._attempts.values():
            if attempt.waiting:
                attempt.stop(reason)

    async def take(self, message: ChunkMessage) -> ClaimResult:
        """Claims a message's chunk; returns as soon as that is answered, and goes on with the chunk in the background.

        May be called more than once for the same message.
        """
        key = message.arq_job_id
        if self._draining or self._reserved:
            return ClaimResult.UNANSWERED
        if key in self._attempts:
            return ClaimResult.REFUSED
        attempt = Attempt(message, stub=self._stub, engine=self._engine, transcriber_id=self._transcriber_id)
        self._attempts[key] = attempt
        metrics.BUSY.set(len(self._attempts))
        answer: asyncio.Future[ClaimResult] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._attempt(attempt, answer), name=f"chunk {key}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return await answer

    async def retire(self) -> None:
        """Takes no more work, and returns when everything it holds is finished."""
        self._draining = True
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def drain(self, grace_s: float) -> None:
        """Takes no more work, gives waiting chunks back at once, and the others when most of the grace time is over."""
        self._draining = True
        self._stop_waiting(Stop.DRAINING)
        last_s = give_back_s(grace_s)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace_s - last_s)
        for attempt in self._attempts.values():
            attempt.stop(Stop.DRAINING)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=last_s)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _attempt(self, attempt: Attempt, answer: asyncio.Future[ClaimResult]) -> None:
        try:
            try:
                assignment = await attempt.claim(CLAIM_TIMEOUT_S)
            except ClaimRefused as error:
                _conclude(attempt, AttemptOutcome.REFUSED, {"reason": str(error)})
                _answer(answer, ClaimResult.REFUSED)
                return
            except SchedulerAway as error:
                _conclude(attempt, AttemptOutcome.UNANSWERED, {"reason": str(error)})
                _answer(answer, ClaimResult.UNANSWERED)
                return
            _answer(answer, ClaimResult.GRANTED)
            with span_from(assignment.traceparent, "chunk") as span:
                outcome = await attempt.run(assignment)
                self._count(attempt, outcome)
                _describe(span, attempt, assignment, outcome)
        finally:
            # After any error the slot is free, and the arq job gets an answer.
            _answer(answer, ClaimResult.UNANSWERED)
            del self._attempts[attempt.message.arq_job_id]
            metrics.BUSY.set(len(self._attempts))
            self.on_free()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger().error("attempt_crashed", task=task.get_name(), exc_info=error)

    def _count(self, attempt: Attempt, outcome: AttemptOutcome) -> None:
        if outcome is AttemptOutcome.DONE:
            self.audio_s += attempt.tally.audio_s
            self.compute_s += attempt.tally.engine_s
            metrics.AUDIO_SECONDS.inc(attempt.tally.audio_s)


def _answer(answer: asyncio.Future[ClaimResult], claim: ClaimResult) -> None:
    if not answer.done():
        answer.set_result(claim)


def _describe(span: Span, attempt: Attempt, assignment: pb.Assignment, outcome: AttemptOutcome) -> None:
    """The canonical line, the span's attributes and the metrics of a claimed chunk; never its text."""
    tally, text = attempt.tally, attempt.text
    metrics.CLAIM_SECONDS.observe(tally.claim_s)
    metrics.WAIT_SECONDS.observe(tally.wait_s)
    metrics.SAVED_SECONDS.inc(tally.saved_s)
    fields: dict[str, str | int | float] = {
        "job_id": assignment.job_id,
        "index": assignment.chunk_index,
        "attempt": assignment.attempt,
        "interactive": assignment.interactive,
        "audio_s": round(tally.audio_s, 3),
        "claim_ms": round(tally.claim_s * 1000, 1),
        "wait_ms": round(tally.wait_s * 1000, 1),
        "engine_ms": round(tally.engine_s * 1000, 1),
        "commit_ms": round(tally.commit_s * 1000, 1),
    }
    if tally.saved_s:
        fields["saved_audio_s"] = round(tally.saved_s, 3)
    if text is not None:
        fields |= {"language": text.language, "windows": text.windows, "segments": len(text.segments)}
    for name, value in fields.items():
        span.set_attribute(f"sayit.{name}", value)
    _conclude(attempt, outcome, fields)


def _conclude(attempt: Attempt, outcome: AttemptOutcome, fields: Mapping[str, str | int | float]) -> None:
    metrics.CHUNKS.labels(outcome.value).inc()
    logger().info(
        "chunk",
        chunk_id=attempt.message.chunk_id,
        dispatch=attempt.message.dispatch,
        outcome=outcome.value,
        **fields,
    )
