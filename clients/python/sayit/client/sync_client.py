"""The client for programs without asyncio: the same calls, blocking."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import functools
import threading
import weakref
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator, Mapping
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar

from sayit.client.async_client import AsyncClient
from sayit.client.audio_sources import Audio
from sayit.client.live_session import LiveSession
from sayit.speech.jobs import JobEvent, Result
from sayit.speech.live import LiveEvent, LiveOptions
from sayit.speech.options import Options

_Arguments = ParamSpec("_Arguments")
_Value = TypeVar("_Value")


def _made_like(
    constructor: Callable[Concatenate[AsyncClient, _Arguments], None],
) -> Callable[[Callable[..., None]], Callable[Concatenate[Client, _Arguments], None]]:
    """Gives a constructor that passes everything on the signature of the one that it passes it to."""
    return functools.wraps(constructor)


def _blocking(
    method: Callable[Concatenate[AsyncClient, _Arguments], Coroutine[Any, Any, _Value]],
) -> Callable[Concatenate[Client, _Arguments], _Value]:
    """The method of AsyncClient, as one that returns when the call has ended."""

    @functools.wraps(method)
    def call(client: Client, /, *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Value:
        return client._loop.run(method(client._async, *args, **kwargs))  # noqa: SLF001 - a method of it

    return call


def _iterating(
    method: Callable[Concatenate[AsyncClient, _Arguments], AsyncGenerator[_Value, None]],
) -> Callable[Concatenate[Client, _Arguments], Iterator[_Value]]:
    """The method of AsyncClient, as one that returns a plain iterator."""

    @functools.wraps(method)
    def call(client: Client, /, *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> Iterator[_Value]:
        return client._iterate(method(client._async, *args, **kwargs))  # noqa: SLF001 - a method of it

    return call


class Client:
    """SayIt's client for programs without asyncio; one client serves any number of threads.

    Everything is as in `AsyncClient`, except that calls block and iterators are plain ones, which yield events as they
    arrive. The calls run on an event loop in a daemon thread, which starts with the first of them.
    """

    @_made_like(AsyncClient.__init__)
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._async = AsyncClient(*args, **kwargs)
        self._loop = _LoopThread()
        # A client that was not closed is closed when it is collected, at the latest when the program ends.
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
        labels: Mapping[str, str] | None = None,
        idempotency_key: str = "",
        on_event: Callable[[JobEvent], None] | None = None,
    ) -> Result:
        """See `AsyncClient.transcribe`; `on_event` is called in the caller's thread."""
        stream = self._async.stream(
            audio, options=options, filename=filename, labels=labels, idempotency_key=idempotency_key
        )
        return self.result(_hear(self._iterate(stream), on_event))

    def wait(self, job_id: str, *, after_seq: int = 0, on_event: Callable[[JobEvent], None] | None = None) -> Result:
        """See `AsyncClient.wait`; `on_event` is called in the caller's thread."""
        _hear(self._iterate(self._async.watch(job_id, after_seq)), on_event)
        return self.result(job_id)

    def stream_recognize(
        self,
        audio: Audio,
        live: LiveOptions | None = None,
        *,
        options: Options | None = None,
        filename: str = "",
        labels: Mapping[str, str] | None = None,
        idempotency_key: str = "",
    ) -> Iterator[LiveEvent]:
        """The events of a session of live speech, to its end; see `AsyncClient.stream_recognize`.

        `audio` is in the session's encoding, and may come while it is spoken: an iterable over a microphone's pieces.
        """
        session = self._async.stream_recognize(
            live, options=options, filename=filename, labels=labels, idempotency_key=idempotency_key
        )
        return self._iterate(_recognized(session, audio))

    #: `on_event` is called in the client's own thread.
    transcribe_many = _iterating(AsyncClient.transcribe_many)
    recognize = _blocking(AsyncClient.recognize)
    stream = _iterating(AsyncClient.stream)
    create_job = _blocking(AsyncClient.create_job)
    upload = _blocking(AsyncClient.upload)
    create_job_from_upload = _blocking(AsyncClient.create_job_from_upload)
    create_job_from_url = _blocking(AsyncClient.create_job_from_url)
    watch = _iterating(AsyncClient.watch)
    result = _blocking(AsyncClient.result)
    get = _blocking(AsyncClient.get)
    list = _blocking(AsyncClient.list)
    cancel = _blocking(AsyncClient.cancel)
    delete = _blocking(AsyncClient.delete)
    keep = _blocking(AsyncClient.keep)
    update = _blocking(AsyncClient.update)
    transcript = _blocking(AsyncClient.transcript)
    render = _blocking(AsyncClient.render)
    render_bytes = _blocking(AsyncClient.render_bytes)
    correct = _blocking(AsyncClient.correct)
    restore_version = _blocking(AsyncClient.restore_version)
    corrections = _blocking(AsyncClient.corrections)
    transcript_versions = _blocking(AsyncClient.transcript_versions)
    put_vocabulary = _blocking(AsyncClient.put_vocabulary)
    get_vocabulary = _blocking(AsyncClient.get_vocabulary)
    list_vocabularies = _blocking(AsyncClient.list_vocabularies)
    delete_vocabulary = _blocking(AsyncClient.delete_vocabulary)
    share = _blocking(AsyncClient.share)
    share_links = _blocking(AsyncClient.share_links)
    revoke_share_link = _blocking(AsyncClient.revoke_share_link)
    create_key = _blocking(AsyncClient.create_key)
    list_keys = _blocking(AsyncClient.list_keys)
    revoke_key = _blocking(AsyncClient.revoke_key)
    rotate_key = _blocking(AsyncClient.rotate_key)
    models = _blocking(AsyncClient.models)
    status = _blocking(AsyncClient.status)

    def _iterate(self, events: AsyncGenerator[_Value, None]) -> Generator[_Value, None, None]:
        turns = _Turns(events)
        try:
            while (event := self._loop.run(turns.next())) is not None:
                yield event
        finally:
            # Not waited for: the garbage collector may end this iterator in the loop's own thread.
            with contextlib.suppress(RuntimeError):  # closed, and the events with it
                self._loop.start(turns.close())


class _Turns(Generic[_Value]):
    """Steps of an async iterator, taken one after the other, also when several threads ask."""

    def __init__(self, events: AsyncGenerator[_Value, None]) -> None:
        self._events = events
        self._lock = asyncio.Lock()

    async def next(self) -> _Value | None:
        """The next value; None at the end."""
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


async def _recognized(session: LiveSession, audio: Audio) -> AsyncGenerator[LiveEvent, None]:
    async with session, contextlib.aclosing(session.recognize(audio)) as events:
        async for event in events:
            yield event


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
        if thread is not threading.current_thread():  # a client may be collected in any thread
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
