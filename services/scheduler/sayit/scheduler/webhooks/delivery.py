"""Messages of the outbox are sent until they are taken, for days."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter as Multiset
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from prometheus_client import Counter

from sayit.chassis import telemetry
from sayit.scheduler.db.webhooks import Delivery, DeliveryState, WebhookStore
from sayit.scheduler.jobs.limits import Limits
from sayit.scheduler.outbound.destinations import RefusedError
from sayit.scheduler.outbound.exchange import Exchange, NoAnswerError
from sayit.scheduler.webhooks.signatures import signed_headers
from sayit.speech.errors import SayItError

_ATTEMPTS = Counter("sayit_webhook_attempts_total", "Attempts to deliver webhooks, by what came of them.", ["outcome"])
#: Seconds after each attempt, as the specification proposes; then it is given up, after three days and some hours.
WAITS_S = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
#: By how much a wait is longer or shorter, by chance: what failed together does not come back together.
_JITTER = 0.2
#: Seconds for one attempt, and for its claim: then another scheduler may try.
ATTEMPT_S = 15.0
LEASE_S = 60.0
#: Attempts at once, and of one tenant: receivers that do not answer hold up their own tenant only.
AT_ONCE, OF_TENANT = 16, 4
_GONE = 410


@dataclass(kw_only=True, eq=False)
class Webhooks:
    """Delivers what the outbox holds."""

    store: WebhookStore
    exchange: Exchange
    #: The installation's secrets, the newest first.
    secrets: Sequence[str]
    limits: Limits
    _running: Multiset[str] = field(default_factory=Multiset, init=False)

    async def run(self) -> None:
        """Delivers until cancelled."""
        free = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as attempts:
            while True:
                await free.acquire()
                delivery = await self._claimed()
                if delivery is None:
                    free.release()
                    await asyncio.sleep(self.limits.sweep_s)
                    continue
                self._running[delivery.tenant] += 1
                attempts.create_task(self._attempt(delivery)).add_done_callback(partial(self._ended, delivery, free))

    def _ended(self, delivery: Delivery, free: asyncio.Semaphore, _: asyncio.Task[None]) -> None:
        self._running[delivery.tenant] -= 1
        free.release()

    async def _claimed(self) -> Delivery | None:
        busy = [tenant for tenant, count in self._running.items() if count >= OF_TENANT]
        try:
            return await self.store.claim(lease_s=LEASE_S, busy=busy)
        except SayItError as error:
            telemetry.logger().warning("webhooks_delayed", code=error.code, cause=error.cause)
            return None

    async def _attempt(self, delivery: Delivery) -> None:
        """One attempt, and what it comes to. Without a database the claim runs out, and it is tried again."""
        status, detail, wait_s = await self._send(delivery)
        state, due_s = DeliveryState.PENDING, 0.0
        if 200 <= status < 300:
            state = DeliveryState.DELIVERED
        elif status == _GONE:
            state = DeliveryState.GONE
        elif delivery.attempt > len(WAITS_S):
            state = DeliveryState.FAILED
        else:
            jitter = random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - nothing secret rests on it
            due_s = time.time() + max(wait_s, WAITS_S[delivery.attempt - 1] * jitter)
        outcome = "retried" if state is DeliveryState.PENDING else state.value
        _ATTEMPTS.labels(outcome).inc()
        telemetry.logger().info(
            "webhook",
            outcome=outcome,
            webhook_id=delivery.id,
            job_id=delivery.job_id,
            tenant=delivery.tenant,
            attempt=delivery.attempt,
            status=status,
            cause=detail,
        )
        try:
            await self.store.settle(delivery, state, due_s=due_s, status=status, detail=detail)
        except SayItError as error:
            telemetry.logger().warning("webhooks_delayed", code=error.code, cause=error.cause)

    async def _send(self, delivery: Delivery) -> tuple[int, str, float]:
        """The answer's status, 0 for none; what went wrong; and the seconds that the receiver asks us to wait."""
        now_s = time.time()
        headers = signed_headers(delivery.id, delivery.body, tenant=delivery.tenant, secrets=self.secrets, now_s=now_s)
        try:
            async with asyncio.timeout(ATTEMPT_S):
                async with self.exchange.request("POST", delivery.url, headers, delivery.body.encode()) as answer:
                    asked = answer.headers.get("retry-after", "")
                    return answer.status, "", min(float(asked), WAITS_S[-1]) if asked.isdecimal() else 0.0
        except TimeoutError:
            return 0, f"no answer within {ATTEMPT_S:.0f} s", 0.0
        except (RefusedError, NoAnswerError) as error:
            return 0, str(error)[:200], 0.0
