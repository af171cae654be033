"""Events in the form in which they are stored, published and sent: a serialized `sayit.v1.JobEvent`."""

from __future__ import annotations

import time

from sayit.speech import wire
from sayit.speech.jobs import EventBody, JobEvent


def event_bytes(job_id: str, body: EventBody, *, seq: int = 0) -> bytes:
    """An event that happens now; durable ones have a number from 1."""
    event = JobEvent(job_id=job_id, seq=seq, time_s=time.time(), body=body)
    return wire.event_to_proto(event).SerializeToString()
