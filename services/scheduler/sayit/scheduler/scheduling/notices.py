"""What watchers are told besides the event log: that it grew, and what is never written into it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sayit.scheduler.queues.bus import RedisBus
from sayit.speech import wire
from sayit.speech.jobs import EventBody, JobEvent
from sayit.v1 import resources_pb2 as pb

#: "Read the event log."
WAKE = b""


class Notices:
    """Publishes events; nothing here is durable and nothing raises."""

    def __init__(self, bus: RedisBus) -> None:
        self._bus = bus

    async def wake(self, job_id: str) -> None:
        """Makes the job's watchers read the event log."""
        await self._bus.publish(job_id, WAKE)

    async def events(self, events: Sequence[JobEvent]) -> None:
        """Hands durable events on, sparing watchers the read."""
        for event in events:
            await self._bus.publish(event.job_id, wire.event_to_proto(event).SerializeToString())

    async def ephemeral(self, job_id: str, body: EventBody) -> None:
        """Hands on progress or partial text."""
        await self.events([JobEvent(job_id=job_id, time_s=time.time(), body=body)])


def event_of(payload: bytes) -> JobEvent | None:
    """A published event; None for a wake-up."""
    return wire.event_from_proto(pb.JobEvent.FromString(payload)) if payload else None
