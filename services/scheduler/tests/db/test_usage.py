"""What ended jobs used, as the database sums it up."""

from __future__ import annotations

import time

from sqlalchemy import Connection, update

from sayit.scheduler.db.engine import database_at
from sayit.scheduler.db.schema import usage
from sayit.scheduler.db.stores import Stores
from sayit.speech.administration import UsageGroup, UsageRow
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import JobState

from .helper import accepted, prepared, stores
from .test_live_sessions import begun


async def _rows(
    s: Stores, *groups: UsageGroup, since_s: float = 0.0, tenant: str = "", offset_s: int = 0
) -> list[UsageRow]:
    return await s.usage.usage(since_s=since_s, groups=groups, tenant=tenant, utc_offset_s=offset_s, limit=100)


async def _set(url: str, job_id: str, **values: object) -> None:
    """Gives a row values that a test knows."""
    database = database_at(url)

    def work(connection: Connection) -> None:
        done = connection.execute(update(usage).where(usage.c.job_id == job_id).values(**values))
        assert done.rowcount == 1

    await database.write(work)
    await database.close()


async def test_every_end_of_a_job_is_noted_once(database_url: str) -> None:
    """Cancelled, failed and live jobs are told apart, and stay when the job is deleted; without the setting none is."""
    async with stores(database_url) as s:
        await accepted(s, "before")
        await s.jobs.cancel_job("t", "before")
        assert await _rows(s) == []
        s.rules.usage_s = 60.0
        await accepted(s, "cancelled")
        await s.jobs.cancel_job("t", "cancelled")
        await s.jobs.cancel_job("t", "cancelled")
        await prepared(s, 2, "failed", tenant="u")
        await s.jobs.fail_job("failed", SayItError(ErrorKind.ENGINE_FAILED))
        await begun(s, "live")
        await s.jobs.cancel_job("t", "live")
        await s.jobs.delete_job("t", "cancelled")
        rows = {row.tenant: row for row in await _rows(s, UsageGroup.TENANT)}
        errors = await s.usage.errors(since_s=0.0, tenant="")
    assert (rows["t"].jobs, rows["t"].cancelled, rows["t"].failed) == (2, 2, 0)
    assert (rows["u"].jobs, rows["u"].failed, rows["u"].audio_s) == (1, 1, 200 / 16_000)
    assert rows["t"].median_s is rows["t"].p95_s is rows["t"].mean_s is None
    assert [(one.code, one.jobs) for one in errors] == [("ENGINE_FAILED", 1)]


async def test_rows_are_told_apart_by_what_is_asked(database_url: str) -> None:
    """Day, tenant, key and model in any combination; days are those of the clock that is asked for."""
    noon = 1_767_225_600.0 + 43_200  # 2026-01-01, 12:00 UTC
    async with stores(database_url) as s:
        s.rules.usage_s = 1e9
        for number, (tenant, ended_s) in enumerate((("a", noon), ("a", noon + 86_400), ("b", noon + 46_000))):
            await accepted(s, f"j{number}", tenant=tenant)
            await s.jobs.cancel_job(tenant, f"j{number}")
            await _set(database_url, f"j{number}", ended_s=ended_s, audio_s=10.0 * (number + 1))
        by_day = await _rows(s, UsageGroup.DAY)
        in_korea = await _rows(s, UsageGroup.DAY, UsageGroup.TENANT, offset_s=9 * 3600)
        assert [(row.day, row.jobs) for row in by_day] == [("2026-01-02", 2), ("2026-01-01", 1)]
        assert [(row.day, row.tenant, row.audio_s) for row in in_korea] == [
            ("2026-01-02", "b", 30.0),
            ("2026-01-02", "a", 20.0),
            ("2026-01-01", "a", 10.0),
        ]
        (alone,) = await _rows(s, UsageGroup.KEY, UsageGroup.MODEL, since_s=noon + 1, tenant="a")
        assert (alone.key_id, alone.model, alone.tenant, alone.day, alone.jobs) == ("k", "micro", "", "", 1)
        (whole,) = await _rows(s)
        assert (whole.jobs, whole.audio_s) == (3, 60.0)


async def test_times_are_exact_quantiles_of_completed_jobs(database_url: str) -> None:
    """Half took no longer than the median, 95 % no longer than the p95; what has no time is in the counts only."""
    async with stores(database_url) as s:
        s.rules.usage_s = 60.0
        for number in range(1, 22):
            await accepted(s, f"j{number}")
            await s.jobs.cancel_job("t", f"j{number}")
            if number < 21:
                await _set(database_url, f"j{number}", outcome=JobState.COMPLETED.value, seconds=float(number))
        (row,) = await _rows(s, UsageGroup.TENANT)
    assert (row.jobs, row.completed, row.cancelled) == (21, 20, 1)
    assert (row.median_s, row.p95_s, row.mean_s) == (10.0, 19.0, 10.5)


async def test_usage_goes_when_it_is_old(database_url: str) -> None:
    """Rows are kept for the time that the setting says, and no longer."""
    async with stores(database_url) as s:
        s.rules.usage_s = 3600.0
        for name in ("old", "new"):
            await accepted(s, name)
            await s.jobs.cancel_job("t", name)
        await _set(database_url, "old", ended_s=time.time() - 3601)
        await s.transcribers.expire(now_s=time.time())
        (row,) = await _rows(s)
    assert row.jobs == 1
