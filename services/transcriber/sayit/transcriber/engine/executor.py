"""Makes one call of the model and gives the answers to the chunks that it was for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sayit.chassis.telemetry import logger
from sayit.speech.errors import ErrorKind, SayItError
from sayit.transcriber import metrics
from sayit.transcriber.engine.batcher import ModelCall
from sayit.transcriber.engine.cost_model import CostModel
from sayit.transcriber.engine.decode_session import Step
from sayit.transcriber.engine.fallback import Generated
from sayit.transcriber.engine.request import EngineRequest

if TYPE_CHECKING:
    from sayit.transcriber.engine.model import Whisper


class Executor:
    """Makes all calls of the model once the engine has started.

    Args:
        whisper: the model.
        cost: learns what decoding costs.
    """

    def __init__(self, whisper: Whisper, cost: CostModel) -> None:
        self._whisper = whisper
        self._cost = cost
        #: When the model was done with the last call; monotonic seconds.
        self.ended_s = 0.0

    def make(self, call: ModelCall) -> list[Exception | None]:
        """Makes a call; returns, for each of its chunks, what ends it, or None where it goes on or is done."""
        chunks = call.chunks
        errors: list[Exception | None] = [None] * len(chunks)
        answers: list[Generated] = []
        windows = [chunk.session.windows for chunk in chunks]
        began_s = time.monotonic()
        try:
            with model_at_work():
                answers = self._ask(call)
        except Exception as error:  # noqa: BLE001 - the thread serves the next chunk whatever this one met
            errors = _blame(call, error)
        self._account(call, answers, began_s)
        for number, answer in enumerate(answers):
            errors[number] = _hand_over(chunks[number], answer)
        for number, chunk in enumerate(chunks):
            if errors[number] is None and chunk.session.windows > windows[number]:
                errors[number] = _tell(chunk)
        return errors

    def _ask(self, call: ModelCall) -> list[Generated]:
        sessions = [chunk.session for chunk in call.chunks]
        match call.step:
            case Step.ENCODE:
                sessions[0].encode()
            case Step.DECODE:
                return self._whisper.generate([(session.encoding, session.fallback_step) for session in sessions])
            case Step.ALIGN:
                sessions[0].align()
        return []

    def _account(self, call: ModelCall, answers: list[Generated], began_s: float) -> None:
        """Adds the call's time to the chunks, the cost model and the metrics."""
        self.ended_s = time.monotonic()
        seconds = self.ended_s - began_s
        for chunk in call.chunks:
            chunk.compute_s += seconds / len(call.chunks)
        metrics.CALLS.labels(call.step.value).inc()
        metrics.SECONDS.labels(call.step.value).inc(seconds)
        if call.step is Step.ENCODE:
            metrics.WINDOWS.inc()
        if answers:
            metrics.BATCH.observe(len(answers))
            longest = max(len(each.tokens) for each in answers)
            asked = call.chunks[0].session.fallback_step
            self._cost.decoded(seconds, asked, windows=len(answers), tokens=max(1, longest))


def _blame(call: ModelCall, error: Exception) -> list[Exception | None]:
    """A chunk that fails alone caused the error; of several it is unknown which, so each is tried alone."""
    if len(call.chunks) == 1:
        return [error]
    logger().warning("batch_failed", windows=len(call.chunks), exc_info=error)
    for chunk in call.chunks:
        chunk.singly = True
    return [None] * len(call.chunks)


def _hand_over(chunk: EngineRequest, answer: Generated) -> Exception | None:
    chunk.singly = False
    try:
        with model_at_work():
            chunk.session.take(answer)
    except Exception as error:  # noqa: BLE001 - as above
        return error
    return None


def _tell(chunk: EngineRequest) -> Exception | None:
    """Reports a chunk's text so far, unless it is the last window; what `on_window` raises is the chunk's error."""
    if not chunk.session.done and not chunk.cancelled:
        try:
            chunk.on_window(chunk.text())
        except Exception as error:  # noqa: BLE001 - the chunk's future raises it
            return error
    return None


@contextmanager
def model_at_work() -> Iterator[None]:
    """Turns every error of the model's libraries into ENGINE_FAILED; the caller's callbacks run outside."""
    try:
        yield
    except (RuntimeError, ValueError, IndexError, MemoryError) as error:
        raise SayItError(ErrorKind.ENGINE_FAILED, cause=f"{type(error).__name__}: {error}") from error
