"""Reports this process and what it holds to the scheduler every few seconds."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import grpc

from sayit.chassis.telemetry import logger
from sayit.internal.v1 import chunk_service_pb2 as pb
from sayit.speech.wire import seconds_of_duration
from sayit.transcriber.worker.slots import Runner

if TYPE_CHECKING:
    from sayit.internal.v1.chunk_service_pb2_grpc import ChunkServiceAsyncStub

#: Until the scheduler says otherwise.
_INTERVAL_S = 2.0
_TIMEOUT_S = 5.0


class Reporter:
    """Reports on a runner.

    Args:
        stub: the scheduler.
        runner: what holds chunks.
        transcriber_id: new with every process.
        model: what it holds.
        revision: what its text depends on beside the request.
        slots: chunks it can hold.
    """

    def __init__(
        self,
        *,
        stub: ChunkServiceAsyncStub,
        runner: Runner,
        transcriber_id: str,
        model: str,
        revision: str,
        slots: int,
    ) -> None:
        self._stub = stub
        self._runner = runner
        self._transcriber_id = transcriber_id
        self._model = model
        self._revision = revision
        self._slots = slots
        self._heard = True

    async def run(self) -> None:
        """Reports until it is cancelled."""
        while True:  # noqa: ASYNC110 - it waits for time to pass, not for a state
            await asyncio.sleep(await self.report())

    async def report(self) -> float:
        """Reports once; returns the seconds until the next time. An unreachable scheduler is tried again then."""
        request = pb.ReportRequest(
            transcriber_id=self._transcriber_id,
            model=self._model,
            revision=self._revision,
            slots=self._slots,
            busy=len(self._runner.held),
            audio_s=self._runner.audio_s,
            compute_s=self._runner.compute_s,
            draining=self._runner.draining,
        )
        try:
            response = await self._stub.Report(request, timeout=_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            if self._heard:
                logger().warning("scheduler_unreachable", code=error.code().name)
            self._heard = False
            return _INTERVAL_S
        if not self._heard:
            logger().info("scheduler_reachable_again")
        self._heard = True
        return seconds_of_duration(response.interval) or _INTERVAL_S

    async def leave(self) -> None:
        """Says that this process takes no more work; best effort."""
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await self.report()
