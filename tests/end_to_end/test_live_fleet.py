"""Live sessions at two schedulers that share a transcriber."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, cast

import grpc
from pydantic import SecretStr

from sayit.chassis.background_tasks import in_background
from sayit.chassis.service_auth import service_channel
from sayit.internal.v1 import chunk_service_pb2 as chunk_pb
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.wire.errors import error_of_call
from sayit.transcriber.worker.live_streams import LiveStreams
from services.scheduler.tests.service.helper import Suite, Transcriber, suite
from services.scheduler.tests.service.live_helper import Client


class _Runner:
    """Nothing but live speech is decoded here."""

    def reserve(self, *, reserved: bool) -> None:
        """Whether sessions count on the transcriber."""


async def _begun(s: Suite) -> Client | SayItError:
    """A session, or why there is none."""
    client = Client(s)
    try:
        await client.begin()
    except grpc.aio.AioRpcError as error:
        return error_of_call(error)
    return client


async def _admitted(s: Suite) -> Client:
    """A session, as soon as there is room."""
    while isinstance(begun := await _begun(s), SayItError):
        assert begun.kind in {ErrorKind.OVERLOADED, ErrorKind.UNAVAILABLE}
        await asyncio.sleep(0.02)
    return begun


async def _full(s: Suite) -> None:
    """Returns once no further session is admitted; one that is gives its room back."""
    while isinstance(begun := await _begun(s), Client):
        await begun.finish()
    assert begun.kind is ErrorKind.OVERLOADED


async def test_schedulers_together_admit_what_a_transcriber_has_room_for(
    tmp_path: Path, redis_url: str, postgres_url: str
) -> None:
    """Two sessions fill it, wherever they are; what ends at one scheduler, or with it, the other one may admit."""
    database: dict[str, Any] = {"database_url": SecretStr(postgres_url)}
    async with suite(tmp_path, redis_url, **database) as b, AsyncExitStack() as first:
        a = await first.enter_async_context(suite(tmp_path, redis_url, **database))
        await Transcriber(a).report()

        async def addresses() -> list[str]:
            return [a.address, b.address]

        streams = LiveStreams(
            connect=lambda address: service_channel(address, a.settings),
            addresses=addresses,
            engine=cast("Any", None),
            runner=cast("Any", _Runner()),
            offer=chunk_pb.LiveOffer(transcriber_id="t1", model="micro"),
        )
        async with in_background(streams.run()):
            ends, _stays = await _admitted(a), await _admitted(a)
            await _full(a)
            await _full(b)
            await ends.finish()
            await _admitted(b)
            await _full(b)
            await first.aclose()  # the scheduler, with its session
            await _admitted(b)
            await _full(b)
