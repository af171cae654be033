"""Asks a server for its health over grpc.health.v1.

Supervisors call `is_serving`; containers run `python -m sayit.chassis.probe HOST:PORT [SERVICE]`.
"""

from __future__ import annotations

import asyncio
import sys

import grpc
from grpc_health.v1 import health_pb2

_CHECK = "/grpc.health.v1.Health/Check"


async def is_serving(address: str, *, service: str = "", timeout_s: float = 2.0) -> bool:
    """Whether the server at `address` ("host:port") says SERVING for `service` ("": all of it) within `timeout_s`."""
    answer = await _answer(address, service, timeout_s)
    return answer is not None and bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


async def answers(address: str, *, timeout_s: float = 2.0) -> bool:
    """Whether the server at `address` says how it is within `timeout_s`, be it well or not."""
    return await _answer(address, "", timeout_s) is not None


async def _answer(address: str, service: str, timeout_s: float) -> health_pb2.HealthCheckResponse | None:
    async with grpc.aio.insecure_channel(address, options=(("grpc.enable_http_proxy", 0),)) as channel:
        check: grpc.aio.UnaryUnaryMultiCallable[health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse]
        check = channel.unary_unary(
            _CHECK,
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        try:
            return await check(health_pb2.HealthCheckRequest(service=service), timeout=timeout_s)
        except grpc.aio.AioRpcError:
            return None


def main(arguments: list[str]) -> int:
    """Exit status 0 if the server at the first argument is serving, 1 if not, 2 for a wrong call."""
    if len(arguments) not in {1, 2}:
        sys.stderr.write("usage: python -m sayit.chassis.probe HOST:PORT [SERVICE]\n")
        return 2
    service = arguments[1] if len(arguments) == 2 else ""
    return 0 if asyncio.run(is_serving(arguments[0], service=service)) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
