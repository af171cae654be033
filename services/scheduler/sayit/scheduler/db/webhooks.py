"""The outbox of webhooks: a message is written in the transaction that ends its job."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, delete, insert, or_, select, update

from sayit.scheduler.db.codec import labels_of
from sayit.scheduler.db.schema import webhooks
from sayit.scheduler.db.transactions import Rules, Store, reads, writes
from sayit.speech.audio import seconds_of
from sayit.speech.jobs import JobState

#: Seconds that a message is kept: longer than it is tried, so that it can be listed and sent again.
KEPT_S = 4 * 86_400.0
#: Seconds that a receiver which said 410 gets nothing more, unless its message is sent again by hand.
_GONE_S = 30 * 86_400.0


class DeliveryState(StrEnum):
    """Where a message is."""

    #: It is to be sent, now or at its time.
    PENDING = "pending"
    #: The receiver answered with 2xx.
    DELIVERED = "delivered"
    #: It was tried for days.
    FAILED = "failed"
    #: The receiver said 410: nothing more is sent there.
    GONE = "gone"


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A message that is to be sent now."""

    id: str
    tenant: str
    job_id: str
    url: str
    body: str
    #: Which attempt this is, from 1.
    attempt: int


class WebhookStore(Store):
    """What is to be sent, and what came of it."""

    async def claim(self, *, lease_s: float, busy: Sequence[str]) -> Delivery | None:
        """Takes the message that has been due longest, of no tenant that is named; for so long it is the caller's."""
        now = time.time()
        free = or_(webhooks.c.lease_until_s.is_(None), webhooks.c.lease_until_s < now)
        due = select(webhooks).where(webhooks.c.state == DeliveryState.PENDING.value, webhooks.c.due_s <= now, free)
        due = due.where(webhooks.c.tenant.not_in(busy)).order_by(webhooks.c.due_s).limit(1)

        def take(connection: Connection) -> Delivery | None:
            row = connection.execute(due.with_for_update(skip_locked=True)).one_or_none()
            if row is None:
                return None
            claimed = {"attempts": row.attempts + 1, "lease_until_s": now + lease_s}
            connection.execute(update(webhooks).where(webhooks.c.id == row.id).values(**claimed))
            names = ("id", "tenant", "job_id", "url", "body")
            return Delivery(**{name: getattr(row, name) for name in names}, attempt=row.attempts + 1)

        # The usual answer is "nothing"; it should not cost a write transaction.
        if not await self._database.read(lambda connection: connection.execute(due).first()):
            return None
        return await self._database.write(take)

    @writes
    def settle(
        self,
        connection: Connection,
        delivery: Delivery,
        state: DeliveryState,
        *,
        due_s: float,
        status: int,
        detail: str,
    ) -> None:
        """Notes what came of an attempt, unless another was begun meanwhile; after a 410 nothing else goes there."""
        mine = (webhooks.c.id == delivery.id, webhooks.c.attempts == delivery.attempt)
        values: dict[str, Any] = {"state": state.value, "status": status, "detail": detail, "lease_until_s": None}
        if state is DeliveryState.PENDING:
            values["due_s"] = due_s
        if state is DeliveryState.GONE:
            values["expires_s"] = time.time() + _GONE_S
            there = (webhooks.c.tenant == delivery.tenant, webhooks.c.url == delivery.url)
            others = (*there, webhooks.c.id != delivery.id, webhooks.c.state == DeliveryState.PENDING.value)
            connection.execute(
                update(webhooks).where(*others).values(state=DeliveryState.FAILED.value, detail="the receiver is gone")
            )
        connection.execute(update(webhooks).where(*mine).values(**values))

    @reads
    def newest(self, connection: Connection, *, limit: int) -> list[dict[str, Any]]:
        """The newest messages by column, but for their bodies."""
        columns = [column for column in webhooks.c if column.name not in {"body", "lease_until_s"}]
        statement = select(*columns).order_by(webhooks.c.created_s.desc(), webhooks.c.id).limit(limit)
        return [dict(row) for row in connection.execute(statement).mappings()]

    @writes
    def replay(self, connection: Connection, message_id: str) -> bool:
        """Has a message sent again, from now on for days, under the same id; False where there is none."""
        now = time.time()
        again = {"state": DeliveryState.PENDING.value, "attempts": 0, "due_s": now, "lease_until_s": None}
        values = {**again, "expires_s": now + KEPT_S}
        return connection.execute(update(webhooks).where(webhooks.c.id == message_id).values(**values)).rowcount == 1


def announce(connection: Connection, job: Any, state: JobState, rules: Rules) -> None:
    """Writes the messages about a job that ends, inside the transaction that ends it.

    Args:
        connection: the transaction's.
        job: what `jobs.end` knows of its row.
        state: the state that it ends in.
        rules: which receivers tenants have.
    """
    receivers = {job.callback_url, rules.receivers.get(job.tenant, rules.receivers.get("*", ""))} - {""}
    if not receivers:
        return
    of_url = select(webhooks.c.url).where(webhooks.c.tenant == job.tenant, webhooks.c.url.in_(receivers))
    gone = connection.execute(of_url.where(webhooks.c.state == DeliveryState.GONE.value)).scalars().all()
    body = body_of(job, state)
    row = {"tenant": job.tenant, "job_id": job.id, "body": body, "state": DeliveryState.PENDING.value}
    times = {"created_s": job.finished_s, "due_s": job.finished_s, "expires_s": job.finished_s + KEPT_S}
    for url in sorted(receivers.difference(gone)):
        connection.execute(insert(webhooks).values(id=f"msg_{secrets.token_hex(12)}", url=url, **row, **times))


def body_of(job: Any, state: JobState) -> str:
    """A message about a job: what it is and where more is to be had, nothing that was said; below 20 kB."""
    data = {
        "job_id": job.id,
        "state": state.value,
        "model": job.model,
        "audio_s": None if job.samples_total is None else seconds_of(job.samples_total),
        "cached": job.cached,
        "error_code": job.error_code or None,
        "labels": labels_of(job.labels),
        "created_at": _text(job.created_s),
        "finished_at": _text(job.finished_s),
        "links": {"job": f"/v1/jobs/{job.id}", "transcript": f"/v1/jobs/{job.id}/transcript"},
    }
    message = {"type": f"job.{state.value}", "timestamp": _text(job.finished_s), "data": data}
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))


def drop_messages(connection: Connection, job_id: str) -> None:
    """Deletes the messages about a job inside the caller's transaction."""
    connection.execute(delete(webhooks).where(webhooks.c.job_id == job_id))


def _text(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
