"""The server around the services: health, limits, addresses, internal trust."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from sayit.chassis import principal, server
from sayit.chassis.handlers import rebuilt
from sayit.chassis.service_auth import service_channel
from sayit.chassis.start import StartError
from sayit.speech.errors import ErrorKind
from sayit.speech.wire.errors import error_of_call
from sayit.v1.transcription_service_pb2 import CreateJobRequest, GetJobRequest, WatchJobRequest

from .helper import CHUNKS, JOBS, Jobs, Stubs, called, failure, service, settings, stream

_ANNA = principal.Principal(key_id="key-1", tenant="anna")


async def _status(channel: grpc.aio.Channel, name: str = "") -> int:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    answer = await stub.Check(health_pb2.HealthCheckRequest(service=name))
    return int(answer.status)


async def test_health_says_what_it_is_told() -> None:
    """A server does not serve until somebody says so, for itself and for each service."""
    async with service(Jobs()) as running, grpc.aio.insecure_channel(running.address) as channel:
        for serving, expected in ((None, 2), (True, 1), (False, 2)):
            if serving is not None:
                await running.set_serving(serving)
            assert [await _status(channel, name) for name in ("", JOBS, CHUNKS)] == [expected] * 3


async def test_health_can_be_watched() -> None:
    """A watcher of health hears every change, the last one when the server stops."""
    async with service(Jobs()) as running:
        channel = grpc.aio.insecure_channel(running.address)
        stub: Any = health_pb2_grpc.HealthStub(channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest(service=JOBS))
        seen = [(await watch.read()).status]
        await running.set_serving(True)
        seen.append((await watch.read()).status)
    seen.append((await watch.read()).status)
    await channel.close()
    assert seen == [2, 1, 2]


async def test_watches_of_health_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """They need no key, so there are only so many at once; one that ends makes room."""
    monkeypatch.setattr(server, "MAX_HEALTH_WATCHES", 1)
    async with service(Jobs()) as running, grpc.aio.insecure_channel(running.address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        first = stub.Watch(health_pb2.HealthCheckRequest())
        await first.read()
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await stub.Watch(health_pb2.HealthCheckRequest()).read()
        assert error_of_call(error.value).kind is ErrorKind.OVERLOADED
        assert await _status(channel) == 2
        first.cancel()
        while isinstance(again := await _first(stub), grpc.aio.AioRpcError):
            assert again.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert again.status == 2


async def test_streams_of_reflection_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """As they need no key, either; one that ends makes room."""
    monkeypatch.setattr(server, "MAX_REFLECTIONS", 1)
    async with service(Jobs()) as running, grpc.aio.insecure_channel(running.address) as channel:
        asking: Any = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo
        question = reflection_pb2.ServerReflectionRequest(list_services="")
        first = asking()
        await first.write(question)
        assert JOBS in str(await first.read())
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await asking().read()
        assert error_of_call(error.value).kind is ErrorKind.OVERLOADED
        await first.done_writing()
        assert await first.read() is grpc.aio.EOF
        again = asking()
        await again.write(question)
        assert JOBS in str(await again.read())
        again.cancel()


async def test_connections_are_bounded() -> None:
    """What is open beyond the bound is closed at once, and there is room when another one has ended."""
    async with service(Jobs(), limits=server.ConnectionLimits(connections=2)) as running:
        host, _, port = running.address.rpartition(":")
        held = [await asyncio.open_connection(host, int(port)) for _ in range(3)]
        ended = [asyncio.create_task(_until_closed(reader)) for reader, _ in held]
        closed, open_still = await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
        assert len(closed) == 1
        for _, writer in held:
            writer.transport.abort()
        await asyncio.wait(open_still)
        async with grpc.aio.insecure_channel(running.address) as channel:
            while True:  # the server hears a moment later that they have gone
                try:
                    assert await _status(channel) == 2
                    break
                except grpc.aio.AioRpcError as error:
                    assert error.code() is grpc.StatusCode.UNAVAILABLE  # noqa: PT017 - any other one is raised


async def _until_closed(reader: asyncio.StreamReader) -> None:
    with suppress(ConnectionError):
        while await reader.read(1 << 16):
            pass


async def _first(stub: Any) -> Any:
    try:
        return await stub.Watch(health_pb2.HealthCheckRequest()).read()
    except grpc.aio.AioRpcError as error:
        return error


def _described(address: str) -> list[str]:
    """The methods of JobService, as reflection describes them."""
    with grpc.insecure_channel(address) as channel:
        pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
        return [method.name for method in pool.FindServiceByName(JOBS).methods]


async def test_reflection_describes_a_service_without_messages_of_its_own() -> None:
    """Whether anybody imported the service's descriptor does not matter: the server did."""
    async with service(Jobs()) as running:
        assert "WatchJob" in await asyncio.to_thread(_described, running.address)


async def test_taken_port_is_told_in_one_line() -> None:
    """Two servers never share a port by accident."""
    async with service(Jobs()) as running:
        with pytest.raises(StartError, match=rf"cannot listen on {running.address}: address already in use"):
            async with service(Jobs(), address=running.address):
                pass


@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1:-1", ":5", "192.0.2.1:0", "no.such.host.invalid:0"])
async def test_impossible_address_is_told(address: str) -> None:
    """An address that is none, or not this machine's, does not start."""
    with pytest.raises(StartError, match=r"address|listen"):
        async with service(Jobs(), address=address):
            pass


async def test_unix_socket(tmp_path: Path) -> None:
    """A Unix socket is an address like any other."""
    address = f"unix:{tmp_path / 's'}"
    async with service(Jobs(), address=address) as running, service_channel(address, settings()) as channel:
        assert running.address == address
        with principal.use(_ANNA):
            assert (await Stubs(channel).jobs.GetJob(GetJobRequest(job_id="a"))).id == "anna"


@pytest.mark.parametrize("what", ["short", "endless"])
async def test_stop_waits_for_calls_and_then_ends_them(what: str) -> None:
    """A call that ends within the grace time ends well; one that does not is cancelled, its handler too."""
    jobs = Jobs()
    with principal.use(_ANNA):
        async with service(jobs, grace_s=5.0 if what == "short" else 0.2) as running:
            channel = service_channel(running.address, settings())
            call = Stubs(channel).jobs.WatchJob(WatchJobRequest(job_id="nap" if what == "short" else "wait"))
            await call.read()
        if what == "short":
            assert await call.code() is grpc.StatusCode.OK
        else:
            assert await call.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
    await asyncio.wait_for(jobs.closed.wait(), 5)
    await channel.close()


async def test_resumable_calls_end_when_the_server_stops() -> None:
    """A watcher does not use up the grace time: it is told to go on elsewhere, and its handler is closed.

    gRPC's core sometimes refuses a status that is sent while the shutdown begins (ExecuteBatchError); such a call ends
    with the grace time, as a broken connection.
    """
    jobs = Jobs()
    with principal.use(_ANNA):
        async with service(jobs, grace_s=10.0, resumable=[f"{JOBS}/WatchJob"]) as running:
            channel = service_channel(running.address, settings())
            calls = [aiter(Stubs(channel).jobs.WatchJob(WatchJobRequest(job_id="wait"))) for _ in range(5)]
            for events in calls:
                await anext(events)
        errors = [error_of_call(await failure(events)) for events in calls]
    assert {error.kind for error in errors} == {ErrorKind.UNAVAILABLE}
    assert sum(error.retry_after_s == 1.0 for error in errors) >= 3
    assert jobs.closed.is_set()
    await channel.close()


class SlowHead:
    """A call's context whose head takes its time."""

    def __init__(self) -> None:
        self.began, self.may_end = asyncio.Event(), asyncio.Event()
        self.sent = False

    async def send_initial_metadata(self, _metadata: object) -> None:
        """Sends it when the test says so."""
        self.began.set()
        await self.may_end.wait()
        self.sent = True


async def test_a_call_that_ends_with_its_first_message_waits_for_its_head() -> None:
    """Before it is known that the head was sent no status can follow: the caller would never hear."""
    context = SlowHead()

    async def one(_request: object, _context: object) -> AsyncIterator[bytes]:
        yield b"first"

    handler = rebuilt(grpc.unary_stream_rpc_method_handler(one), lambda behavior: behavior, bytes, bytes)
    call = asyncio.create_task(handler.unary_stream(b"", context))
    await context.began.wait()
    call.cancel()
    await asyncio.wait({call}, timeout=0.05)
    assert not call.done()
    context.may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert context.sent


async def test_messages_up_to_16_mib_pass_between_services() -> None:
    """An internal message may be larger than gRPC's default of 4 MiB, but not without limit."""
    with principal.use(_ANNA):
        async with called() as s:
            large = CreateJobRequest(audio=b"x" * (15 * 1024 * 1024))
            assert (await s.jobs.CreateJob(stream(large))).filename == str(15 * 1024 * 1024)
            too_large = CreateJobRequest(audio=b"x" * (17 * 1024 * 1024))
            assert (await failure(s.jobs.CreateJob(stream(too_large)))).code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_call_without_principal_has_none() -> None:
    """A handler that needs a principal refuses a call that carries none."""
    async with called() as s:
        assert error_of_call(await failure(s.jobs.GetJob(GetJobRequest()))).kind is ErrorKind.UNAUTHENTICATED


async def test_principal_of_whoever_starts_the_server_is_not_its_callers() -> None:
    """A server that is started in somebody's name does not lend that name to calls without one."""
    with principal.use(_ANNA):
        running = service(Jobs())
        server = await running.__aenter__()
    async with service_channel(server.address, settings()) as channel:
        assert (
            error_of_call(await failure(Stubs(channel).jobs.GetJob(GetJobRequest()))).kind is ErrorKind.UNAUTHENTICATED
        )
    await running.__aexit__(None, None, None)


@pytest.mark.parametrize("value", [b"\xff\xff\xff", b"", principal.Principal("", "t").to_metadata()])
async def test_unreadable_principal_is_refused(value: bytes) -> None:
    """Metadata that is no principal is UNAUTHENTICATED, not a principal with empty names."""
    async with called() as s:
        call = s.jobs.GetJob(GetJobRequest(), metadata=[(principal.PRINCIPAL_METADATA_KEY, value)])
        assert error_of_call(await failure(call)).kind is ErrorKind.UNAUTHENTICATED


async def test_strangers_are_kept_out_by_the_secret() -> None:
    """Where a secret is set, a call without it is refused, and health stays open."""
    with principal.use(_ANNA):
        async with called(secret="s3cret") as s:
            assert (await s.jobs.GetJob(GetJobRequest(job_id="a"))).id == "anna"
        async with service(Jobs(), secret="s3cret") as running:
            for stranger in (settings(), settings(internal_secret="wrong")):
                async with service_channel(running.address, stranger) as channel:
                    error = error_of_call(await failure(Stubs(channel).jobs.GetJob(GetJobRequest(job_id="a"))))
                    assert error.kind is ErrorKind.UNAUTHENTICATED
                    assert await _status(channel) == 2


async def test_retried_methods_survive_a_short_absence() -> None:
    """A method that may be sent twice is sent again until the peer is back."""
    async with service(Jobs()) as running:
        address = running.address
    with principal.use(_ANNA):
        async with service_channel(address, settings(), retried=[f"{JOBS}/GetJob"]) as channel:
            call = asyncio.ensure_future(_awaited(Stubs(channel).jobs.GetJob(GetJobRequest(job_id="a"))))
            await asyncio.sleep(0.3)
            assert not call.done()
            async with service(Jobs(), address=address):
                assert (await asyncio.wait_for(call, 15)).id == "anna"


async def _awaited(call: Any) -> Any:
    return await call
