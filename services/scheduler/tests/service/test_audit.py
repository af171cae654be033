"""What a whole scheduler notes of readers and operators."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from sayit.chassis import principal
from sayit.chassis.reload import Reload
from sayit.scheduler.db.audit import AuditStore
from sayit.scheduler.db.engine import database_at
from sayit.scheduler.db.transactions import Rules
from sayit.scheduler.dispatch.order import choose
from sayit.scheduler.settings import SchedulerSettings
from sayit.v1 import transcription_service_pb2 as service_pb

from .helper import ALICE, SHORT, Transcriber, suite

MARKER = "quince-marmalade"


async def noted(settings: SchedulerSettings, *, until: str) -> list[dict[str, Any]]:
    """All rows, once there is one of this action."""
    database = database_at(settings.database())
    try:
        store = AuditStore(database, Rules(result_ttl_s=0.0, choose=choose))
        while True:
            rows = await store.rows(since_s=0.0)
            if until in {row["action"] for row in rows}:
                return rows
            await asyncio.sleep(0.02)
    finally:
        await database.close()


async def test_reading_deleting_and_changed_limits_are_noted(tmp_path: Path, redis_url: str) -> None:
    """A text is noted as read, by its key, before it is given out; limits with their new values; no text is."""
    reloads: list[Reload[SchedulerSettings]] = []
    async with suite(tmp_path, redis_url, reloads=reloads) as s:
        worker = Transcriber(s)
        await worker.report()
        job = await s.create(SHORT, prompt=MARKER)
        attempt = await worker.claim(*await worker.take())
        await attempt.finish(MARKER)
        await s.events(job.id)
        await s.transcript(job.id)
        with principal.use(ALICE):
            await s.jobs.DeleteJob(service_pb.DeleteJobRequest(job_id=job.id))
        [reload] = reloads
        reload._read = lambda: reload.settings.model_copy(update={"max_active_jobs": 77})
        reload.again()
        rows = await noted(s.settings, until="limits.change")
        of_job = [(row["tenant"], row["key_id"], row["action"]) for row in rows if row["subject"] == job.id]
        actions = ("job.create", "job.watch", "transcript.read", "job.delete")
        assert of_job == [("alice", "k1", action) for action in actions]
        details = {row["action"]: row["detail"] for row in rows}
        assert details["limits.change"] == "max_active_jobs=77"
        assert details["scheduler.start"]
        assert MARKER not in str(rows)
