"""A WebSocket with live speech: what its surfaces share. They translate messages; the SDK's session does the rest."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager, suppress
from typing import Any

from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from sayit.bridge.gateway_client import Gateway
from sayit.bridge.http.dependencies import Deps
from sayit.bridge.http.problems import Fault, fault_for
from sayit.chassis import background_tasks, telemetry
from sayit.client.live_session import LiveSession
from sayit.speech.errors import ErrorKind, SayItError, Sentence
from sayit.speech.live import LiveEvent, LiveOptions, LiveProgress
from sayit.speech.options import Options

#: After so much silence of the client the session is kept alive for it, in seconds.
_KEEP_ALIVE_S = 15.0
#: How long the next event, and so the end, of a session is waited for after its client has gone, in seconds.
_LAST_TEXT_S = 30.0
#: A key's WebSockets to free connections, at most.
_SHARE = 4
_SILENT = Sentence(
    en="Nothing was sent for too long; begin a new session.",
    ko="너무 오래 아무것도 오지 않았습니다. 세션을 새로 시작하세요.",
)


class LiveSocket(ABC):
    """One client, and its session once that was begun.

    A client that says goodbye (a close frame) ends its session: its job goes on to its transcript. One whose connection
    breaks does not: the session waits for a client that goes on with it, and is finished with what it has otherwise.

    Args:
        websocket: not accepted yet.
        deps: the bridge's parts.
        gateway: in the client's name.
    """

    def __init__(self, websocket: WebSocket, deps: Deps, gateway: Gateway) -> None:
        self.websocket = websocket
        self.deps = deps
        self.gateway = gateway
        self._session: LiveSession | None = None
        self._telling: asyncio.Task[None] | None = None
        self._calls = AsyncExitStack()
        self._gone = False
        self._finished = False
        #: When the client was heard, or the service took more of what it had sent, and how much that is, in samples.
        self._active_at_s = 0.0
        self._received = 0
        #: Events of the session so far.
        self._told = 0
        #: Whether the session has failed, and with it the connection.
        self._broken = False

    @property
    def job_id(self) -> str:
        """The session's job; empty before it has begun."""
        return self._session.job_id if self._session else ""

    @abstractmethod
    async def prepare(self) -> None:
        """What is done before the client is accepted; a SayItError refuses it."""

    @abstractmethod
    async def welcome(self) -> None:
        """The client was accepted."""

    @abstractmethod
    async def heard(self, message: str | bytes) -> None:
        """Takes a message of the client; a SayItError says what is wrong with it."""

    @abstractmethod
    async def wrong(self, error: SayItError) -> None:
        """Tells the client what is wrong with its message; the session goes on."""

    @abstractmethod
    async def said(self, event: LiveEvent) -> None:
        """Tells the client an event of its session."""

    @abstractmethod
    async def failed(self, fault: Fault) -> None:
        """Tells the client why the connection ends."""

    @abstractmethod
    def refusal(self, fault: Fault) -> Response:
        """The answer to a client that is not accepted."""

    async def serve(self, *, subprotocol: str | None) -> None:
        """Serves the client until either side has ended.

        Its key is asked about before it is accepted. A browser cannot read why a WebSocket was refused: it is accepted
        and told.
        """
        try:
            async with self._calls:
                try:
                    await self.gateway.check_credentials()
                    self._calls.enter_context(self._place())
                    await self.prepare()
                except SayItError as error:
                    await self._refuse(error, subprotocol)
                    return
                await self.websocket.accept(subprotocol)
                await self.welcome()
                await self._attend()
        except SayItError as error:
            await self._end(error)
        except WebSocketDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - the client is told of it as of any other end
            telemetry.logger().error("request_crashed", path=self.websocket.url.path, exc_info=error)
            await self._end(SayItError(ErrorKind.INTERNAL))

    async def begin(self, live: LiveOptions, options: Options, **more: Any) -> int:
        """Opens the session; returns the samples that it has already.

        Args:
            live: the audio.
            options: how to transcribe.
            more: further arguments of the SDK's `stream_recognize`.

        Raises:
            SayItError: what the service refuses.
        """
        with self._breaking():
            call = self.gateway.stream_recognize(live, options=options, **more)
            self._session = session = await self._calls.enter_async_context(call)
        self._calls.enter_context(self.deps.live_room.place(session))
        telemetry.bind(job_id=session.job_id)
        self._telling = asyncio.create_task(self._tell(session))
        self._calls.push_async_callback(background_tasks.end, self._telling)
        return session.received_samples

    async def send(self, audio: bytes) -> None:
        """Passes audio on, or waits while the service is far behind; what comes after the end is not heard."""
        if self._session is not None and not self._finished:
            with self._breaking():
                await self.deps.live_room.send(self._session, audio)

    async def commit(self) -> None:
        """Ends the utterance here."""
        if self._session is not None:
            await self._session.commit()

    async def keep_alive(self) -> None:
        """The client says nothing, and is there."""
        if self._session is not None and not self._finished:
            await self._session.keep_alive()

    async def finish(self) -> None:
        """All audio was sent: the last text follows, and the connection ends with it."""
        self._finished = True
        if self._session is None:
            await self.websocket.close(1000)
        else:
            await self._session.finish()

    async def say(self, document: Mapping[str, Any]) -> None:
        """Sends the client a message; one that does not read is cut off.

        Raises:
            WebSocketDisconnect: it has gone, or does not read.
        """
        if self._gone:
            return
        try:
            async with asyncio.timeout(self.deps.settings.slow_reader_s):
                await self.websocket.send_json(document)
        except TimeoutError:
            raise WebSocketDisconnect from None

    @contextmanager
    def _place(self) -> Iterator[None]:
        """One of the connections, for which one key leaves room for others', as the gateway's slots do (`Slots`).

        A session has a slot there; a client that never begins one has not.
        """
        taken, who = self.deps.live_sockets, self.gateway.credentials
        free = self.deps.settings.bridge_max_connections - taken.total()
        if who and _SHARE * free <= taken[who]:
            raise SayItError(ErrorKind.OVERLOADED, retry_after_s=10.0, cause="full: WebSockets of a key")
        taken[who] += 1
        try:
            yield
        finally:
            taken[who] -= 1
            if not taken[who]:
                del taken[who]

    @contextmanager
    def _breaking(self) -> Iterator[None]:
        try:
            yield
        except SayItError:
            self._broken = True
            raise

    async def _attend(self) -> None:
        """Takes the client's messages until one side ends."""
        ending = asyncio.create_task(self.deps.stopping.wait())
        receiving: asyncio.Task[Any] | None = None
        loop = asyncio.get_running_loop()
        self._active_at_s = loop.time()
        patience_s = min(_KEEP_ALIVE_S, self.deps.settings.bridge_live_idle_s)
        try:
            while True:
                receiving = receiving or asyncio.create_task(self.websocket.receive())
                waited = {ending, receiving, *([self._telling] if self._telling else [])}
                await asyncio.wait(waited, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
                if self._telling is not None and self._telling.done():
                    self._telling.result()
                    await self.websocket.close(1000)
                    return
                if ending.done():
                    raise SayItError(ErrorKind.UNAVAILABLE, cause="the bridge stops")
                if not receiving.done():
                    await self._be_patient(loop.time() - self._active_at_s)
                    continue
                message, receiving, self._active_at_s = receiving.result(), None, loop.time()
                if message["type"] == "websocket.disconnect":
                    # Without a reason there was no close frame.
                    if "reason" in message:
                        await self._finish_alone(ending)
                    return
                await self._take(message)
        finally:
            await background_tasks.end(ending, *([receiving] if receiving else []))

    async def _take(self, message: Mapping[str, Any]) -> None:
        text = message.get("text")
        try:
            await self.heard(message["bytes"] if text is None else text)
        except SayItError as error:
            if self._broken:
                raise
            await self.wrong(error)

    async def _be_patient(self, silent_s: float) -> None:
        if self._finished:
            return  # the last text is waited for, and may be minutes behind audio that came faster than it was spoken
        if silent_s >= self.deps.settings.bridge_live_idle_s:
            raise SayItError(ErrorKind.UPLOAD_TOO_SLOW, sentences=_SILENT)
        await self.keep_alive()

    async def _finish_alone(self, ending: asyncio.Task[Any]) -> None:
        """Finishes the session of a client that has said goodbye."""
        self._gone = True
        if self._session is None or self._telling is None:
            return
        with suppress(SayItError):  # such as a job that was thrown away: there is no client to tell
            await self._session.finish()
            told = -1
            while told != self._told and not (self._telling.done() or ending.done()):
                told = self._told
                await asyncio.wait({self._telling, ending}, timeout=_LAST_TEXT_S, return_when=asyncio.FIRST_COMPLETED)
            if self._telling.done():
                self._telling.result()

    async def _tell(self, session: LiveSession) -> None:
        async for event in session:
            self._told += 1
            self.deps.live_room.look(session)
            if isinstance(event, LiveProgress) and event.received_samples > self._received:
                self._received, self._active_at_s = event.received_samples, asyncio.get_running_loop().time()
            await self.said(event)

    async def _refuse(self, error: SayItError, subprotocol: str | None) -> None:
        fault = fault_for(error, self.websocket)
        if "origin" not in self.websocket.headers:
            await self.websocket.send_denial_response(self.refusal(fault))
            return
        await self.websocket.accept(subprotocol)
        await self._leave(fault)

    async def _end(self, error: SayItError) -> None:
        with suppress(WebSocketDisconnect):  # it may have gone first
            await self._leave(fault_for(error, self.websocket))

    async def _leave(self, fault: Fault) -> None:
        code = 1013 if fault.status in {429, 503} else 1011 if fault.status >= 500 else 1008
        await self.failed(fault)
        await self.websocket.close(code, fault.code)
