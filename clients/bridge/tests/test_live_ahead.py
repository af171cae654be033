"""Live speech that comes faster than it is spoken, as of a recording: its client is read on, and not cut off."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedOK

from clients.python.tests.helper import until
from sayit.bridge import service
from sayit.bridge.http import live_room
from sayit.speech.live import LiveProgress
from sayit.v1 import live_service_pb2 as live_pb

from .live_gateway import bridge
from .raw_websocket import BINARY, RawSocket, frame

REALTIME, LISTEN = "/v1/realtime?intent=transcription", "/v1/listen?encoding=linear16&sample_rate=16000"
#: Three minutes at 24 kHz, which is more at 16.
RECORDING = random.Random(0).randbytes(180 * 48_000)


async def send(socket: ClientConnection, audio: bytes) -> None:
    """Sends audio as the surface takes it."""
    assert socket.request is not None
    if socket.request.path == LISTEN:
        await socket.send(audio)
    else:
        text = base64.b64encode(audio).decode()
        await socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": text}))


@pytest.mark.parametrize("path", [REALTIME, LISTEN])
async def test_pings_are_answered_however_far_the_service_is_behind(path: str) -> None:
    """Minutes of audio do not wait in front of them, and all of it is passed on when there is room."""
    async with bridge() as (url, gateway), connect(url + path, proxy=None, ping_interval=None) as socket:
        gateway.hears.clear()
        await _send_all(socket)
        await (await socket.ping())
        assert not gateway.heard
        gateway.hears.set()
        await until(lambda: bytes(gateway.heard) == RECORDING)


async def test_what_is_read_ahead_is_bounded_for_all_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each client has its share; one that is beyond it waits, and goes on when there is room."""
    monkeypatch.setattr(live_room, "_AHEAD_TOGETHER", 2 * len(RECORDING) // 3)
    async with bridge() as (url, gateway), connect(url + LISTEN, proxy=None) as one, connect(url + LISTEN, proxy=None):
        gateway.hears.clear()
        sending = asyncio.create_task(_send_all(one))
        assert not (await asyncio.wait({sending}, timeout=0.5))[0]
        gateway.hears.set()
        while not (await asyncio.wait({sending}, timeout=0.02))[0]:
            stored = len(gateway.heard) // 2
            gateway.answers.put_nowait(LiveProgress(received_samples=stored, committed_s=0.0, lag_s=0.0))
        await sending


class Held:
    """A session that lets go of nothing by itself, as far as `LiveRoom` uses one."""

    def __init__(self) -> None:
        self.kept_bytes = self.most_kept = 0

    async def send(self, audio: bytes) -> None:
        """Takes audio once there is room."""
        await until(lambda: self.kept_bytes < self.most_kept)
        self.kept_bytes += len(audio)


async def test_what_is_left_counts_what_others_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who came first keeps it; others hold a little each, and go on when it goes."""
    monkeypatch.setattr(live_room, "_AHEAD_TOGETHER", 8 * live_room._LEAST)
    room, most = live_room.LiveRoom(), 8 * live_room._LEAST
    sessions: Any = [Held(), Held(), Held()]
    first, second, third = sessions
    one, two, three = (room.place(session) for session in sessions)
    with two, three:
        with one:
            monkeypatch.setattr(live_room, "_AHEAD_TOGETHER", 3 * most)
            await room.send(first, bytes(most))
            monkeypatch.setattr(live_room, "_AHEAD_TOGETHER", most)
            sending = [asyncio.create_task(room.send(session, bytes(2_000_000))) for session in (second, third)]
            assert not (await asyncio.wait(sending, timeout=0.1))[0]
            assert second.kept_bytes == third.kept_bytes == live_room._LEAST
        await asyncio.gather(*sending)
        assert room.held == 4_000_000
        stuck = asyncio.create_task(room.send(second, bytes(most)))
        assert not (await asyncio.wait({stuck}, timeout=0.1))[0]
        stuck.cancel()
        await asyncio.wait({stuck})
        assert room.held == second.kept_bytes + third.kept_bytes
    assert room.held == 0


async def _send_all(socket: ClientConnection) -> None:
    for start in range(0, len(RECORDING), 48_000):
        await send(socket, RECORDING[start : start + 48_000])


async def test_who_has_sent_all_may_wait_for_the_last_text() -> None:
    """Longer than a client may say nothing otherwise."""
    async with bridge(bridge_live_idle_s=0.1) as (url, gateway), connect(url + LISTEN, proxy=None) as socket:
        gateway.hears.clear()
        await socket.send(RECORDING[:32_000])
        await socket.send(json.dumps({"type": "CloseStream"}))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.recv(), 0.5)
        gateway.hears.set()
        assert json.loads(await socket.recv())["type"] == "Metadata"
        with pytest.raises(ConnectionClosedOK):
            await socket.recv()
        assert gateway.commands == [live_pb.LIVE_COMMAND_FINISH]


async def test_what_a_client_sent_counts_until_it_is_taken() -> None:
    """It says nothing, and the service takes what it said before."""
    async with bridge(bridge_live_idle_s=0.3) as (url, gateway), connect(url + LISTEN, proxy=None) as socket:
        await socket.send(RECORDING[:32_000])
        for received in range(1, 8):
            gateway.answers.put_nowait(LiveProgress(received_samples=received, committed_s=0.0, lag_s=0.0))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(socket.recv(), 0.1)
        assert json.loads(await socket.recv())["code"] == "UPLOAD_TOO_SLOW"


async def test_who_sends_is_there_although_its_pongs_are_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """They may wait behind its audio; who neither sends nor answers has gone."""
    monkeypatch.setattr(service, "_PING_S", 0.1)
    monkeypatch.setattr(service, "_PONG_S", 0.2)
    async with bridge() as (url, _):
        host, _, port = url.removeprefix("ws://").rpartition(":")
        raw = await RawSocket.opened(host, int(port), LISTEN)
        closing = asyncio.create_task(raw.close_code())
        for _ in range(100):
            raw.writer.write(frame(BINARY, bytes(320)))
            assert not (await asyncio.wait({closing}, timeout=0.01))[0]
        assert await closing == 1011
        raw.abort()
