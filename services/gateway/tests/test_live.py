"""Live sessions through the gateway, with a scheduler of a few lines behind it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest

from sayit.gateway.auth import access
from sayit.gateway.auth.keys import create_key, revoke_key
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.wire.errors import error_of_call
from sayit.v1 import live_service_pb2 as pb

from .helper import failure, suite

CONFIG = pb.StreamingRecognizeRequest(config=pb.LiveConfig())
AUDIO = pb.StreamingRecognizeRequest(audio=b"x" * 3200)
FINISH = pb.StreamingRecognizeRequest(command=pb.LIVE_COMMAND_FINISH)


async def begun(s: Any, **metadata: str) -> Any:
    """A call whose session has begun."""
    call = s.live.StreamingRecognize(metadata=tuple(metadata.items()))
    await call.write(CONFIG)
    assert (await call.read()).started.job.id == "job-1"
    return call


async def rest(call: Any) -> list[str]:
    """The kinds of what is still said."""
    found = []
    while (answer := await call.read()) != grpc.aio.EOF:
        found.append(answer.WhichOneof("event"))
    return found


async def end_of(call: Any) -> SayItError:
    """The error that a call ends with."""
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await rest(call)
    return error_of_call(error.value)


async def test_messages_pass_in_both_directions() -> None:
    """What the client sends reaches the scheduler in order, in the caller's name; its answers reach the client."""
    async with suite() as s:
        call = await begun(s)
        for message in (AUDIO, FINISH):
            await call.write(message)
        assert (await call.read()).progress.received_samples == 1600
        assert await rest(call) == ["finished"]
        assert s.fake.principals["StreamingRecognize"].tenant == "local"
        assert s.fake.live == [CONFIG, AUDIO, FINISH]


async def test_a_client_that_ends_its_stream_has_finished() -> None:
    """The scheduler only takes FINISH for the end, and the gateway says it for clients that are still there."""
    async with suite() as s:
        call = await begun(s)
        await call.write(AUDIO)
        await call.done_writing()
        assert await rest(call) == ["progress", "finished"]
        assert s.fake.live == [CONFIG, AUDIO, FINISH]


async def test_a_client_that_dies_has_not() -> None:
    """Its stream ends before the news of its death: the scheduler sees a broken call."""
    async with suite() as s:
        call = await begun(s)
        await call.write(AUDIO)
        await call.read()
        call.cancel()
        await asyncio.wait_for(s.fake.broken.wait(), 10)
        assert s.fake.live == [CONFIG, AUDIO]


@pytest.mark.parametrize(
    ("messages", "field"),
    [([], "config"), ([AUDIO], "config"), ([CONFIG, pb.StreamingRecognizeRequest(audio=b"x" * 1_048_577)], "audio")],
)
async def test_what_is_out_of_order_or_too_large_is_refused(messages: list[Any], field: str) -> None:
    """The call ends at once with INVALID_ARGUMENT, also while the session would go on."""
    async with suite() as s:
        error = await failure(s.live.StreamingRecognize(iter(messages)))
        assert (error.kind, error.field) == (ErrorKind.INVALID_ARGUMENT, field)


async def test_a_client_that_says_nothing_is_let_go() -> None:
    """Neither audio nor KEEP_ALIVE: the call ends with a sentence that says what to send."""
    async with suite(live_idle_s=0.3) as s:
        call = await begun(s)
        for _ in range(3):
            await call.write(pb.StreamingRecognizeRequest(command=pb.LIVE_COMMAND_KEEP_ALIVE))
        error = await end_of(call)
        assert error.kind is ErrorKind.UPLOAD_TOO_SLOW
        assert "KEEP_ALIVE" in str(error)
        await asyncio.wait_for(s.fake.broken.wait(), 10)


async def test_one_session_too_many_is_refused_and_the_others_go_on() -> None:
    """Beyond the limit a call ends with OVERLOADED and a retry time; an ended session makes room."""
    async with suite(max_live_sessions=1) as s:
        call = await begun(s)
        error = await failure(s.live.StreamingRecognize(iter([CONFIG])))
        assert error.kind is ErrorKind.OVERLOADED
        assert error.retry_after_s is not None
        await call.write(FINISH)
        assert await rest(call) == ["finished"]
        (await begun(s)).cancel()


async def test_a_revoked_key_ends_its_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within seconds, and the scheduler sees a broken call."""
    monkeypatch.setattr(access, "CHECK_KEYS_S", 0.05)
    stored, key = create_key(tmp_path / "keys", tenant="acme")
    async with suite(api_keys_file=tmp_path / "keys") as s:
        call = await begun(s, **{"x-api-key": key})
        revoke_key(tmp_path / "keys", stored.id)
        assert (await end_of(call)).kind is ErrorKind.UNAUTHENTICATED
        await asyncio.wait_for(s.fake.broken.wait(), 10)


async def test_a_gateway_that_stops_sends_its_sessions_elsewhere() -> None:
    """Their clients hear UNAVAILABLE at once, not after the grace time, and go on at another one."""
    async with suite(grace_s=60) as s:
        call = await begun(s)
        stopping = asyncio.create_task(s.stop_gateway())
        assert (await end_of(call)).kind is ErrorKind.UNAVAILABLE
        await stopping


async def test_a_scheduler_that_is_lost_is_told() -> None:
    """The client has the audio: it goes on with another call."""
    async with suite() as s:
        call = await begun(s)
        await s.stop_scheduler()
        assert (await end_of(call)).kind is ErrorKind.UNAVAILABLE
