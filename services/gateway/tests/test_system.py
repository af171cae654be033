"""Status, health and reflection of a real gateway."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from sayit.v1 import system_service_pb2 as pb

from .helper import FakeScheduler, scheduler_at, suite

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


async def test_status_adds_the_gateway() -> None:
    """The gateway's own part stands before the scheduler's."""
    async with suite() as s:
        status = await s.system.GetStatus(pb.GetStatusRequest())
    assert [(part.name, part.state) for part in status.parts] == [
        ("gateway", pb.PART_STATE_OK),
        ("scheduler", pb.PART_STATE_OK),
    ]


async def test_status_without_scheduler_says_so() -> None:
    """A silent scheduler is an answer, not an error."""
    async with suite() as s:
        await s.stop_scheduler()
        status = await s.system.GetStatus(pb.GetStatusRequest())
    assert status.state == pb.PART_STATE_DOWN
    assert {part.name: part.state for part in status.parts} == {
        "gateway": pb.PART_STATE_OK,
        "scheduler": pb.PART_STATE_DOWN,
    }
    assert status.version


async def _until(health: Any, wanted: int, service: str = "") -> None:
    while (await health.Check(health_pb2.HealthCheckRequest(service=service))).status != wanted:  # noqa: ASYNC110 - it polls from outside on purpose
        await asyncio.sleep(0.05)


async def test_health_follows_the_scheduler() -> None:
    """The gateway serves while the scheduler does: not without it, and again once it is back."""
    async with suite() as s:
        health: Any = health_pb2_grpc.HealthStub(s.channel)
        await asyncio.wait_for(_until(health, _SERVING, "sayit.v1.TranscriptionService"), 10)
        await s.stop_scheduler()
        await asyncio.wait_for(_until(health, _NOT_SERVING), 10)
        async with scheduler_at(FakeScheduler(), s.scheduler_address):
            await asyncio.wait_for(_until(health, _SERVING), 10)


def _by_reflection(address: str) -> tuple[list[str], dict[str, Any]]:
    """What a generic tool does: list the services, fetch their descriptors, call a method with made-up messages."""
    with grpc.insecure_channel(address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        services = list(database.get_services())
        pool = DescriptorPool(database)
        method = pool.FindServiceByName("sayit.v1.TranscriptionService").FindMethodByName("GetJob")
        request = message_factory.GetMessageClass(method.input_type)()
        json_format.ParseDict({"jobId": "job-1"}, request)
        call = channel.unary_unary(
            "/sayit.v1.TranscriptionService/GetJob",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=message_factory.GetMessageClass(method.output_type).FromString,
        )
        return services, json_format.MessageToDict(call(request))


async def test_reflection_lists_and_calls() -> None:
    """A reflection client that knows nothing of SayIt lists the services and calls one of their methods."""
    async with suite() as s:
        services, job = await asyncio.to_thread(_by_reflection, s.address)
    assert {
        "sayit.v1.TranscriptionService",
        "sayit.v1.UploadService",
        "sayit.v1.SystemService",
        "sayit.v1.LiveService",
        "grpc.health.v1.Health",
    } <= set(services)
    assert job == {"id": "job-1"}
