"""The event stream of a job: the durable log from any number on, and ephemeral events as they happen.

Events stay the bytes that are stored and published: for a watcher only each one's number is parsed.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass

from sayit.chassis.principal import Principal
from sayit.scheduler.db.codec import event_bytes
from sayit.scheduler.db.job_leases import JobStore
from sayit.scheduler.events.bus import RedisBus
from sayit.scheduler.events.subscription import WAKE
from sayit.scheduler.jobs.records import JobRecord
from sayit.speech import wire
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import Progress
from sayit.v1 import resources_pb2 as pb

#: Pub/sub may lose a wake-up, so the log is read this often in any case.
_POLL_S = 2.0
_BATCH = 200


@dataclass(kw_only=True, eq=False)
class EventStream:
    """Streams of events."""

    jobs: JobStore
    bus: RedisBus
    estimate: Callable[[JobRecord], Awaitable[Progress]]

    async def watch(self, who: Principal, job_id: str, after_seq: int) -> AsyncGenerator[bytes]:
        """Serialized events: durable ones after `after_seq` without gaps, ephemeral ones between them; to the last.

        Raises:
            SayItError: JOB_NOT_FOUND, also when the job is deleted meanwhile; INVALID_ARGUMENT for a number to come.
        """
        async with self.bus.subscribe(job_id) as published:
            seen = after_seq
            shown: Progress | None = None
            while True:
                job, stored = await self.jobs.events_after(who.tenant, job_id, seen, _BATCH)
                if not 0 <= seen <= job.last_seq:
                    reason = f"after_seq is not between 0 and {job.last_seq}"
                    raise SayItError(ErrorKind.INVALID_ARGUMENT, field="after_seq", reason=reason)
                for event in stored:
                    yield event
                seen += len(stored)
                if job.state.terminal and seen == job.last_seq:
                    return
                if seen < job.last_seq:
                    continue
                progress = await self.estimate(job)
                if progress != shown:
                    shown = progress
                    yield event_bytes(job_id, progress)
                while (event := await published.next(_POLL_S)) != WAKE:
                    message = pb.JobEvent.FromString(event)
                    if message.seq > seen + 1:
                        break  # one is missing, which the log has
                    if message.seq in {0, seen + 1}:
                        yield event
                        seen = max(seen, message.seq)
                        if wire.is_last(message):
                            return
