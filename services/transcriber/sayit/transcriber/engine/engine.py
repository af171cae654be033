"""The engine of a transcriber process: one warm model that decodes windows of several chunks together.

Two threads. "prepare" turns PCM into features, so that the next chunk is ready before the model is. "engine" alone
calls the model: it asks `batcher` for the next call among the chunks that `admission` let in, makes it with `executor`,
which gives the answers to the chunks, and asks again. A chunk may join and leave between any two calls.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sayit.speech.options import DecodeOptions
from sayit.transcriber import metrics
from sayit.transcriber.engine.admission import EngineSlots
from sayit.transcriber.engine.batcher import BatchLimits, ModelCall, next_call
from sayit.transcriber.engine.cost_model import CostModel
from sayit.transcriber.engine.decode_session import DecodeSession, Samples
from sayit.transcriber.engine.executor import Executor, model_at_work
from sayit.transcriber.engine.fallback import DecodePolicy, Effort
from sayit.transcriber.engine.request import EngineRequest, Lane, OnTurn, OnWindow
from sayit.transcriber.engine.result import EngineCancelled
from sayit.transcriber.engine.warm_up import warm_up
from sayit.transcriber.models import ModelNotAvailableError, check_folder

if TYPE_CHECKING:
    from sayit.transcriber.engine.model import Whisper

#: Interactive work may delay bulk work for at most so long; then bulk work gets a call of its own.
_BULK_TURN_S = 15.0
#: How much is tried for live speech.
_EFFORT = {Lane.INTERIM: Effort.ONCE, Lane.FINAL: Effort.QUICK}


class Engine:
    """One model, loaded; get one with `Engine.load`, and `start` it.

    Args:
        whisper: the model.
        bounds: how large a call may be.
        policy: what an operator decides.
    """

    def __init__(self, whisper: Whisper, bounds: BatchLimits, policy: DecodePolicy) -> None:
        self._whisper = whisper
        self._policy = policy
        self._bounds = bounds
        self._cost = CostModel()
        self._executor = Executor(whisper, self._cost)
        #: Locks everything below; is notified of every change that one of the threads may wait for.
        self._changed = threading.Condition()
        self._slots = EngineSlots(bounds.batch)
        self._in_call: tuple[EngineRequest, ...] = ()
        self._in_preparation: EngineRequest | None = None
        self._call_began_s: float | None = None
        self._preparation_began_s: float | None = None
        self._call_ended_s: float | None = None
        self._bulk_waits_since_s: float | None = None
        self._closing = False
        self._threads = [
            threading.Thread(target=self._decode_all, name="engine"),
            threading.Thread(target=self._prepare_all, name="prepare"),
        ]

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        threads: int,
        compute_type: str = "default",
        bounds: BatchLimits | None = None,
        policy: DecodePolicy | None = None,
    ) -> Engine:
        """Loads a CTranslate2 Whisper folder into memory; blocks for as long as that takes.

        The numeric libraries read their thread count when they are first imported. This sets OMP_NUM_THREADS for
        CTranslate2 unless the process already did; NumPy's BLAS is in memory by now and obeys only the environment
        that the process was started with.

        Args:
            folder: a folder with model.bin, config.json, tokenizer.json and a vocabulary.
            threads: threads of each call of the model, at least 1; processes × threads ≤ physical cores.
            compute_type: CTranslate2's, such as "int8"; "default" takes what the weights are stored in.
            bounds: how large a call may be.
            policy: what an operator decides; the default by default.

        Raises:
            ModelNotAvailableError: the folder is incomplete, or CTranslate2 cannot load it.
        """
        check_folder(folder)
        os.environ.setdefault("OMP_NUM_THREADS", str(threads))
        from sayit.transcriber.engine.model import Whisper  # noqa: PLC0415 - after the thread count is known

        try:
            whisper = Whisper(folder, threads=max(1, threads), compute_type=compute_type)
        except (RuntimeError, ValueError, OSError) as error:
            raise ModelNotAvailableError(folder.name, f"it cannot be loaded ({error})") from error
        return cls(whisper, bounds or BatchLimits(), policy or DecodePolicy())

    @property
    def busy_for_s(self) -> float:
        """Seconds that the running call, or the preparation of a chunk, has taken; 0 between them."""
        began_s = [at_s for at_s in (self._call_began_s, self._preparation_began_s) if at_s is not None]
        return time.monotonic() - min(began_s) if began_s else 0.0

    @property
    def broken(self) -> bool:
        """Whether one of its threads has ended although the engine was not closed: it decodes no more chunks."""
        return not self._closing and any(thread.ident and not thread.is_alive() for thread in self._threads)

    def warm_up(self) -> None:
        """Runs every kind of call once at full size, so that no chunk waits for one-time work; before `start`."""
        warm_up(self._whisper, self._cost, self._bounds.batch)

    def start(self) -> None:
        """Begins to work."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Cancels every chunk; the threads end when the running call does. Does not wait for that."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for chunk in self._slots.held:
            self._give_up(chunk)

    def submit(
        self,
        pcm: Samples | bytes | bytearray,
        options: DecodeOptions,
        *,
        lane: Lane = Lane.BULK,
        alone: bool = False,
        on_turn: OnTurn = lambda go: go(),
        on_window: OnWindow = lambda _: None,
    ) -> EngineRequest:
        """Takes a chunk; its `future` will have the text. May be called from any thread, also before `start`.

        The future ends with EngineCancelled if the chunk was cancelled or the engine closed, with a SayItError
        (INVALID_LANGUAGE, ENGINE_FAILED), or with what `on_window` raised.

        Args:
            pcm: float32[n] in -1 to 1 or s16le bytes, mono at 16 kHz; of any length, made for at most about 31 s.
            options: how to decode it.
            lane: how urgent it is, and so how much is tried.
            alone: nothing else is on the engine while it is.
            on_turn: called when the chunk is admitted, with a function; no call of the model is made for the
                chunk before that function was called.
            on_window: called with the text so far after every window but the last.

        Both are called in the engine's threads, and must be quick.
        """
        chunk = EngineRequest(
            session=DecodeSession(self._whisper, pcm, options, self._policy, effort=_EFFORT.get(lane, Effort.FULL)),
            lane=lane,
            alone=alone,
            on_turn=on_turn,
            on_window=on_window,
            give_up=self._give_up,
        )
        with self._changed:
            if not self._closing:
                self._slots.arrive(chunk)
                self._changed.notify_all()
                return chunk
        chunk.future.set_exception(EngineCancelled())
        return chunk

    def _give_up(self, chunk: EngineRequest) -> None:
        """Cancels a chunk; a thread that is busy with it ends it itself."""
        with self._changed:
            if chunk.cancelled or chunk.ended:
                return
            chunk.cancelled = True
            if chunk in self._in_call or chunk is self._in_preparation:
                return
        self._end(chunk, EngineCancelled())

    def _end(self, chunk: EngineRequest, error: BaseException | None = None) -> None:
        """Ends a chunk with its text or with an error, and gives its slot to the next."""
        with self._changed:
            if chunk.ended:
                return
            chunk.ended = True
            self._slots.leave(chunk)
            self._admit()
        if error is None:
            chunk.future.set_result(chunk.text())
        else:
            chunk.future.set_exception(error)
        chunk.let_go()

    def _admit(self) -> None:
        """Admits the chunks that get a slot, and calls their `on_turn`; with the lock held."""
        for chunk in self._slots.admit() if not self._closing else ():

            def go(chunk: EngineRequest = chunk) -> None:
                with self._changed:
                    chunk.going = True
                    self._changed.notify_all()

            chunk.on_turn(go)
        self._changed.notify_all()

    def _prepare_all(self) -> None:
        while (chunk := self._next_to_prepare()) is not None:
            error: Exception | None = None
            try:
                with model_at_work():
                    chunk.session.prepare()
            except Exception as caught:  # noqa: BLE001 - whatever it is, it is this chunk's, and the others go on
                error = caught
            with self._changed:
                self._in_preparation = self._preparation_began_s = None
                chunk.prepared = True
                cancelled = chunk.cancelled
                if error is None and not cancelled and not chunk.session.done:
                    self._admit()
                    continue
            self._end(chunk, EngineCancelled() if cancelled else error)

    def _next_to_prepare(self) -> EngineRequest | None:
        with self._changed:
            while not self._closing:
                self._in_preparation = self._slots.unprepared()
                if self._in_preparation is not None:
                    self._preparation_began_s = time.monotonic()
                    return self._in_preparation
                self._changed.wait()
        return None

    def _decode_all(self) -> None:
        while (call := self._await_call()) is not None:
            errors = self._executor.make(call)
            self._call_ended_s = self._executor.ended_s
            with self._changed:
                self._in_call, self._call_began_s = (), None
            for chunk, error in zip(call.chunks, errors, strict=True):
                if error is not None or chunk.session.done:
                    self._end(chunk, error)
                elif chunk.cancelled:
                    self._end(chunk, EngineCancelled())

    def _await_call(self) -> ModelCall | None:
        """The next call, announced as the running one; None when the engine closes."""
        with self._changed:
            while not self._closing:
                now_s = time.monotonic()
                bulk_since_s = self._bulk_waits_since_s
                call = next_call(
                    [chunk for chunk in self._slots.admitted if chunk.going],
                    bounds=self._bounds,
                    cost=self._cost,
                    brief=any(chunk.interactive for chunk in self._slots.held),
                    bulk_first=bulk_since_s is not None and now_s - bulk_since_s > _BULK_TURN_S,
                )
                if call is not None:
                    self._begin(call, now_s)
                    return call
                if not self._slots.held:
                    self._call_ended_s = None
                self._changed.wait()
        return None

    def _begin(self, call: ModelCall, now_s: float) -> None:
        self._in_call, self._call_began_s = call.chunks, now_s
        if self._call_ended_s is not None:
            metrics.GAP.observe(now_s - self._call_ended_s)
        if not all(chunk.interactive for chunk in call.chunks) or all(c.interactive for c in self._slots.admitted):
            self._bulk_waits_since_s = None
        elif self._bulk_waits_since_s is None:
            self._bulk_waits_since_s = now_s
