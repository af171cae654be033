"""Legal holds in a database."""

from __future__ import annotations

import pytest

from sayit.speech.errors import ErrorKind, SayItError

from .helper import FAR, accepted, stores, uploaded


async def test_nothing_deletes_what_is_held(database_url: str) -> None:
    """Neither its owner nor its age, and an attempt leaves a running job running; what is released goes."""
    async with stores(database_url) as s:
        for job_id in ("held", "free"):
            await accepted(s, job_id)
        await accepted(s, "others", tenant="whole")
        await uploaded(s, "unused", tenant="whole")
        s.rules.audit_s = 2 * FAR
        first = await s.holds.place("t", "held", "case 1")
        await s.holds.place("whole", "", "")
        await s.holds.place("t", "held", "case 2")
        with pytest.raises(SayItError) as running:
            await s.jobs.cancel_job("t", "held", to_delete=True)
        assert running.value.kind is ErrorKind.LEGAL_HOLD
        assert not (await s.jobs.get_job("t", "held")).state.terminal
        for tenant, job_id in (("t", "held"), ("t", "free"), ("whole", "others")):
            await s.jobs.cancel_job(tenant, job_id)
        for tenant, job_id in (("t", "held"), ("whole", "others")):
            with pytest.raises(SayItError) as ended:
                await s.jobs.delete_job(tenant, job_id)
            assert ended.value.kind is ErrorKind.LEGAL_HOLD
        with pytest.raises(SayItError) as upload:
            await s.uploads.delete_upload("whole", "unused")
        assert upload.value.kind is ErrorKind.LEGAL_HOLD
        assert await s.transcribers.expire(now_s=FAR) == 1
        assert await s.transcribers.drop_orphans(before_s=FAR) == 0
        assert [(hold.tenant, hold.job_id, hold.reason) for hold in await s.holds.holds()] == [
            ("whole", "", ""),
            ("t", "held", "case 2"),
        ]
        assert first.key_id == "scheduler"
        assert await s.holds.release("t", "held")
        assert not await s.holds.release("t", "held")
        await s.jobs.delete_job("t", "held")
        assert await s.holds.release("whole", "")
        rows = [row["action"] for row in await s.audit.rows(since_s=0.0) if row["action"].startswith("hold.")]
        assert rows == ["hold.place"] * 3 + ["hold.release"] * 2
        assert await s.transcribers.expire(now_s=FAR) == 2


async def test_a_job_that_is_not_there_cannot_be_held(database_url: str) -> None:
    """Else its hold would stay for ever."""
    async with stores(database_url) as s:
        with pytest.raises(SayItError) as caught:
            await s.holds.place("t", "none", "")
        assert caught.value.kind is ErrorKind.JOB_NOT_FOUND
