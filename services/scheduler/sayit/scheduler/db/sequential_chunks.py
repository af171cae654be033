"""Chunks that are decoded one after the other: each waits for the one before it (`Context.SEQUENTIAL`)."""

from __future__ import annotations

import time

from sqlalchemy import Connection, and_, func, select, update

from sayit.scheduler.db import codec
from sayit.scheduler.db.schema import chunks
from sayit.scheduler.jobs.chunk_overrides import ChunkOverrides, end_of_text
from sayit.scheduler.jobs.records import ChunkState


def release(connection: Connection, job_id: str) -> None:
    """Makes every held chunk due whose predecessor is done, inside a transaction that has locked the job.

    A chunk without a predecessor, such as a recording's first, is due at once. Channels are sequences of their own.
    """
    mine = and_(chunks.c.job_id == job_id, chunks.c.look == "")
    held = and_(mine, chunks.c.state == ChunkState.HELD.value)
    first = select(func.min(chunks.c.number).label("number"), chunks.c.channel).where(held).group_by(chunks.c.channel)
    for next_ in connection.execute(first).all():
        earlier = and_(mine, chunks.c.channel == next_.channel, chunks.c.number < next_.number)
        found = select(chunks.c.state, chunks.c.output).where(earlier).order_by(chunks.c.number.desc()).limit(1)
        before = connection.execute(found).one_or_none()
        if before is not None and before.state != ChunkState.DONE.value:
            continue
        text = "" if before is None else end_of_text(codec.output_of(before.output).segments)
        connection.execute(
            update(chunks)
            .where(chunks.c.job_id == job_id, chunks.c.number == next_.number)
            .values(
                state=ChunkState.DUE.value,
                due_s=time.time(),
                decoding=codec.overrides_text(ChunkOverrides(preceding=text)),
            )
        )
