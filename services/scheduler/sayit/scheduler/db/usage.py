"""What ended jobs used, by tenant, key, model and day. Rows outlive their job, and hold nothing that was said."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, case, cast, exists, func, insert, literal, select

from sayit.scheduler.db.schema import live_sessions, usage, whole
from sayit.scheduler.db.transactions import Rules, Store, reads
from sayit.speech.administration import ErrorCount, UsageGroup, UsageRow
from sayit.speech.audio import seconds_of
from sayit.speech.jobs import JobState

_DAY_S = 86_400
#: Shares of jobs that are quicker than the time that is told.
_HALF, _MOST = 0.5, 0.95


class UsageStore(Store):
    """Reading what jobs used."""

    @reads
    def usage(
        self,
        connection: Connection,
        *,
        since_s: float,
        groups: Sequence[UsageGroup],
        tenant: str,
        utc_offset_s: int,
        limit: int,
    ) -> list[UsageRow]:
        """Sums by group, the newest day first, then the most audio.

        Args:
            connection: the transaction's.
            since_s: only jobs that ended since then.
            groups: what rows are told apart by; one row for none.
            tenant: only this tenant's; empty for all.
            utc_offset_s: days begin at midnight of a clock that is so far ahead of UTC.
            limit: rows at most.
        """
        by = {group: _column(group, utc_offset_s) for group in UsageGroup if group in groups}
        # A time's rank among those of its group: the least one that a share of them does not exceed is their quantile.
        rank = func.cume_dist().over(partition_by=[*by.values(), usage.c.seconds.is_(None)], order_by=usage.c.seconds)
        ranked = select(*(column.label(str(group)) for group, column in by.items()), *_COUNTED, rank.label("share"))
        ranked = ranked.where(usage.c.ended_s >= since_s)
        if tenant:
            ranked = ranked.where(usage.c.tenant == tenant)
        row = ranked.subquery()
        names = [row.c[str(group)] for group in by]
        sums = select(*names, *_sums(row)).group_by(*names)
        if UsageGroup.DAY in by:
            sums = sums.order_by(row.c[str(UsageGroup.DAY)].desc())
        sums = sums.order_by(func.sum(row.c.audio_s).desc(), *names).limit(limit)
        return [_usage_row(each) for each in connection.execute(sums).mappings() if each["jobs"]]

    @reads
    def errors(self, connection: Connection, *, since_s: float, tenant: str) -> list[ErrorCount]:
        """How often jobs failed since then, by code, the most frequent first."""
        number = func.count().label("jobs")
        statement = select(usage.c.error_code, number).where(
            usage.c.ended_s >= since_s, usage.c.outcome == JobState.FAILED.value
        )
        if tenant:
            statement = statement.where(usage.c.tenant == tenant)
        statement = statement.group_by(usage.c.error_code).order_by(number.desc(), usage.c.error_code)
        return [ErrorCount(code=row.error_code, jobs=row.jobs) for row in connection.execute(statement)]


_COUNTED = (usage.c.outcome, usage.c.audio_s, usage.c.seconds)


def _column(group: UsageGroup, utc_offset_s: int) -> ColumnElement[Any]:
    match group:
        case UsageGroup.DAY:
            return (cast(usage.c.ended_s, BigInteger) + literal(utc_offset_s)) // _DAY_S
        case UsageGroup.TENANT:
            return usage.c.tenant
        case UsageGroup.KEY:
            return usage.c.key_id
        case UsageGroup.MODEL:
            return usage.c.model


def _sums(row: Any) -> list[ColumnElement[Any]]:
    def of(outcome: str) -> ColumnElement[Any]:
        return func.coalesce(whole(func.sum(case((row.c.outcome == outcome, 1), else_=0))), 0).label(outcome)

    def quantile(share: float, name: str) -> ColumnElement[Any]:
        return func.min(case((row.c.share >= share, row.c.seconds))).label(name)

    return [
        func.count().label("jobs"),
        *(of(outcome) for outcome in ("completed", "cached", "failed", "cancelled")),
        func.coalesce(func.sum(row.c.audio_s), 0.0).label("audio_s"),
        func.avg(row.c.seconds).label("mean_s"),
        quantile(_HALF, "median_s"),
        quantile(_MOST, "p95_s"),
    ]


def _usage_row(row: Any) -> UsageRow:
    values = dict(row)
    day = values.pop("day", None)
    key_id = values.pop("key", "")
    date = "" if day is None else time.strftime("%Y-%m-%d", time.gmtime(day * _DAY_S))
    return UsageRow(**{"day": date, "key_id": key_id, **values})


def note_usage(connection: Connection, job: Any, state: JobState, rules: Rules) -> None:
    """Notes what a job used, inside the transaction that ends it.

    Args:
        connection: the transaction's.
        job: what `jobs.end` knows of its row.
        state: the state that it ends in.
        rules: whether usage is kept.
    """
    if not rules.usage_s:
        return
    live = connection.execute(select(exists().where(live_sessions.c.job_id == job.id))).scalar()
    timed = state is JobState.COMPLETED and not job.cached and not live
    row = {"job_id": job.id, "tenant": job.tenant, "key_id": job.key_id, "model": job.model}
    connection.execute(
        insert(usage).values(
            **row,
            ended_s=job.finished_s,
            outcome="cached" if job.cached and state is JobState.COMPLETED else state.value,
            error_code=job.error_code,
            audio_s=0.0 if job.samples_total is None else seconds_of(job.samples_total),
            seconds=job.finished_s - job.created_s if timed else None,
        )
    )
