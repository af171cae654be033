"""The client for programs without asyncio: the same calls, blocking."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
import weakref
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterable, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar

from sayit.client.asynchronous import DEFAULT_ADDRESS, AsyncClient
from sayit.client.sources import Audio
from sayit.speech.jobs import Job, JobEvent, JobState, Result
from sayit.speech.options import Options
from sayit.speech.rendering import Format
from sayit.speech.system import Model, SystemStatus
from sayit.speech.transcript import Transcript
from sayit.speech.vocabularies import Vocabulary

_Value = TypeVar("_Value")


class Client:
    """SayIt's client for programs without asyncio; one client serves any number of threads.

    Everything is as in `AsyncClient`, except that calls block and iterators are plain ones, which yield events as they
    arrive. The calls run on an event loop in a daemon thread, which starts with the first of them.
    """

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        *,
        api_key: str = "",
        root_certificates: bytes | None = None,
        tls: bool = False,
        insecure: bool = False,
        reconnect_s: float = 120.0,
        retry_s: float = 15.0,
        timeout_s: float = 30.0,
    ) -> None:
        self._async = AsyncClient(
            address,
            api_key=api_key,
            root_certificates=root_certificates,
            tls=tls,
            insecure=insecure,
            reconnect_s=reconnect_s,
            retry_s=retry_s,
            timeout_s=timeout_s,
        )
        self._loop = _LoopThread()
        # A forgotten client is closed too, at the latest when the program ends.
        self._close = weakref.finalize(self, self._loop.close, self._async)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends all calls of all threads, which raise RuntimeError, and closes the connection."""
        self._close()

    def transcribe(
        self,
        audio: Audio,
        *,
        options: Options | None = None,
        filename: str = "",
        idempotency_key: str = "",
        on_event: Callable[[JobEvent], None] | None = None,
    ) -> Result:
        """See `AsyncClient.transcribe`; `on_event` is called in the caller's thread."""
        events = self._iterate(
            self._async.stream(audio, options=options, filename=filename, idempotency_key=idempotency_key)
        )
        return self.result(_hear(events, on_event))

    def stream(
        self, audio: Audio, *, options: Options | None = None, filename: str = "", idempotency_key: str = ""
    ) -> Iterator[JobEvent]:
        """See `AsyncClient.stream`."""
        return self._iterate(
            self._async.stream(audio, options=options, filename=filename, idempotency_key=idempotency_key)
        )

    def create_job(
        self, audio: Audio, *, options: Options | None = None, filename: str = "", idempotency_key: str = ""
    ) -> Job:
        """See `AsyncClient.create_job`."""
        return self._loop.run(
            self._async.create_job(audio, options=options, filename=filename, idempotency_key=idempotency_key)
        )

    def upload(self, audio: Audio, *, filename: str = "") -> str:
        """See `AsyncClient.upload`."""
        return self._loop.run(self._async.upload(audio, filename=filename))

    def create_job_from_upload(
        self, upload_id: str, *, options: Options | None = None, filename: str = "", idempotency_key: str = ""
    ) -> Job:
        """See `AsyncClient.create_job_from_upload`."""
        return self._loop.run(
            self._async.create_job_from_upload(
                upload_id, options=options, filename=filename, idempotency_key=idempotency_key
            )
        )

    def watch(self, job_id: str, after_seq: int = 0) -> Iterator[JobEvent]:
        """See `AsyncClient.watch`."""
        return self._iterate(self._async.watch(job_id, after_seq))

    def wait(self, job_id: str, *, after_seq: int = 0, on_event: Callable[[JobEvent], None] | None = None) -> Result:
        """See `AsyncClient.wait`; `on_event` is called in the caller's thread."""
        _hear(self._iterate(self._async.watch(job_id, after_seq)), on_event)
        return self.result(job_id)

    def result(self, job_id: str) -> Result:
        """See `AsyncClient.result`."""
        return self._loop.run(self._async.result(job_id))

    def get(self, job_id: str) -> Job:
        """See `AsyncClient.get`."""
        return self._loop.run(self._async.get(job_id))

    def list(
        self, states: Iterable[JobState] = (), limit: int = 50, *, created_after_s: float | None = None
    ) -> tuple[Job, ...]:
        """See `AsyncClient.list`."""
        return self._loop.run(self._async.list(states, limit, created_after_s=created_after_s))

    def cancel(self, job_id: str) -> Job:
        """See `AsyncClient.cancel`."""
        return self._loop.run(self._async.cancel(job_id))

    def delete(self, job_id: str) -> None:
        """See `AsyncClient.delete`."""
        self._loop.run(self._async.delete(job_id))

    def transcript(self, job_id: str, *, raw: bool = False) -> Transcript:
        """See `AsyncClient.transcript`."""
        return self._loop.run(self._async.transcript(job_id, raw=raw))

    def render(self, job_id: str, form: Format, *, raw: bool = False) -> str:
        """See `AsyncClient.render`."""
        return self._loop.run(self._async.render(job_id, form, raw=raw))

    def put_vocabulary(self, name: str, words: Iterable[str] = (), prompt: str = "") -> Vocabulary:
        """See `AsyncClient.put_vocabulary`."""
        return self._loop.run(self._async.put_vocabulary(name, words, prompt))

    def get_vocabulary(self, name: str) -> Vocabulary:
        """See `AsyncClient.get_vocabulary`."""
        return self._loop.run(self._async.get_vocabulary(name))

    def list_vocabularies(self) -> tuple[Vocabulary, ...]:
        """See `AsyncClient.list_vocabularies`."""
        return self._loop.run(self._async.list_vocabularies())

    def delete_vocabulary(self, name: str) -> None:
        """See `AsyncClient.delete_vocabulary`."""
        self._loop.run(self._async.delete_vocabulary(name))

    def models(self) -> tuple[Model, ...]:
        """See `AsyncClient.models`."""
        return self._loop.run(self._async.models())

    def status(self) -> SystemStatus:
        """See `AsyncClient.status`."""
        return self._loop.run(self._async.status())

    def _iterate(self, events: AsyncGenerator[JobEvent, None]) -> Generator[JobEvent, None, None]:
        turns = _Turns(events)
        try:
            while (event := self._loop.run(turns.next())) is not None:
                yield event
        finally:
            # Not waited for: the garbage collector may end this iterator in the loop's own thread.
            with contextlib.suppress(RuntimeError):  # closed, and the events with it
                self._loop.start(turns.close())


class _Turns:
    """Steps of an async iterator that are taken one after the other, whoever asks."""

    def __init__(self, events: AsyncGenerator[JobEvent, None]) -> None:
        self._events = events
        self._lock = asyncio.Lock()

    async def next(self) -> JobEvent | None:
        """The next event; None at the end."""
        async with self._lock:
            return await anext(self._events, None)

    async def close(self) -> None:
        """Ends the iteration, once a step that was cancelled has ended."""
        async with self._lock:
            await self._events.aclose()


def _hear(events: Generator[JobEvent, None, None], listener: Callable[[JobEvent], None] | None) -> str:
    """Passes all events on, in the caller's thread, and returns the job's id."""
    job_id = ""
    with contextlib.closing(events):
        for event in events:
            job_id = event.job_id
            if listener is not None:
                listener(event)
    return job_id


class _LoopThread:
    """An event loop in a daemon thread, started by the first call."""

    def __init__(self) -> None:
        # Reentrant: the garbage collector may end an iterator, which begins a call, in the middle of another one.
        self._lock = threading.RLock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def run(self, call: Coroutine[Any, Any, _Value]) -> _Value:
        """Runs a call to its end; whatever interrupts the wait, such as Ctrl-C, cancels the call."""
        future = self.start(call)
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise RuntimeError("The client is closed.") from None
        except BaseException:
            future.cancel()
            raise

    def start(self, call: Coroutine[Any, Any, _Value]) -> concurrent.futures.Future[_Value]:
        """Begins a call and returns its future."""
        with self._lock:
            if self._closed:
                call.close()
                raise RuntimeError("The client is closed.")
            return asyncio.run_coroutine_threadsafe(call, self._started())

    def close(self, client: AsyncClient) -> None:
        """Ends all calls, closes the client on its loop, and ends the thread."""
        with self._lock:
            self._closed = True
            loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(_shut_down(client), loop)
        if thread is not threading.current_thread():  # a client may be collected anywhere
            thread.join()

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=_serve, args=(self._loop,), name="sayit-client", daemon=True)
            self._thread.start()
        return self._loop


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


async def _shut_down(client: AsyncClient) -> None:
    calls = asyncio.all_tasks() - {asyncio.current_task()}
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    await client.close()
    asyncio.get_running_loop().stop()
