"""Webhooks from the outbox to receivers that answer, fail, wait, are gone, or send elsewhere."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from sayit.chassis.background_tasks import in_background
from sayit.scheduler.db.stores import Stores, opened
from sayit.scheduler.db.transactions import Rules
from sayit.scheduler.db.webhooks import body_of
from sayit.scheduler.dispatch.order import choose
from sayit.scheduler.outbound.destinations import Destinations
from sayit.scheduler.outbound.exchange import Exchange
from sayit.scheduler.webhooks import delivery
from sayit.scheduler.webhooks.delivery import Webhooks
from sayit.scheduler.webhooks.signatures import signed_headers, tenant_secret
from sayit.speech.jobs import MAX_LABEL_CHARS, MAX_LABELS, JobState
from services.scheduler.tests.db.helper import accepted, create, uploaded
from tests.receiver import NEVER, Receiver, Request, answer, receiver

SECRETS = ("new" * 11, "old" * 11)


async def everything_is_here(_host: str, _port: int) -> Sequence[str]:
    """A name server for which all names are this machine."""
    return ["127.0.0.1"]


@asynccontextmanager
async def delivering(url: str, *receivers: Receiver, **of_tenant: str) -> AsyncIterator[Stores]:
    """Stores whose outbox is being delivered to these servers."""
    trusted = [f"{name}:{one.port}" for one in receivers for name in ("a.test", "b.test")]
    rules = Rules(result_ttl_s=3600.0, choose=choose, receivers=of_tenant)
    async with opened(url, rules) as stores:
        destinations = Destinations(trusted=trusted, resolve=everything_is_here)
        limits: Any = SimpleNamespace(sweep_s=0.01)
        exchange = Exchange(destinations=destinations)
        webhooks = Webhooks(store=stores.webhooks, exchange=exchange, secrets=SECRETS, limits=limits)
        async with in_background(webhooks.run()):
            yield stores


async def ended(stores: Stores, job_id: str, url: str = "", *, tenant: str = "t") -> None:
    """A job that ends, and was to be told there."""
    upload = await uploaded(stores, f"u-{job_id}", tenant=tenant)
    made = replace(await accepted(stores, f"other-{job_id}", tenant=tenant), id=job_id, upload_id=upload.id)
    await create(stores, replace(made, callback_url=url, labels={"folder": "a"}))
    await stores.jobs.cancel_job(tenant, job_id)


async def settled(stores: Stores, job_id: str, *states: str) -> dict[str, Any]:
    """The message about a job, once it is in one of these states."""
    while True:
        for row in await stores.webhooks.newest(limit=100):
            if row["job_id"] == job_id and row["state"] in states:
                return row
        await asyncio.sleep(0.01)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of no length."""
    monkeypatch.setattr(delivery, "WAITS_S", (0.0,) * 9)


def verified(request: Request, secret: str, *, tenant: str = "t") -> Any:
    """What a receiver reads with the specification's own library."""
    return Webhook(tenant_secret(secret, tenant)).verify(request.body, request.headers)


@pytest.mark.usefixtures("impatient")
async def test_a_receiver_that_fails_is_asked_again(database_url: str) -> None:
    """The same message with the same id, signed by both secrets, until it is taken; and then no more."""
    async with receiver(answer(500), answer(503), answer(204)) as server:
        async with delivering(database_url, server) as stores:
            await ended(stores, "j", f"http://a.test:{server.port}/hook?for=me")
            row = await settled(stores, "j", "delivered")
            assert (row["attempts"], row["status"]) == (3, 204)
            requests = await server.received(3)
        assert len({request.headers["webhook-id"] for request in requests}) == 1
        assert {request.line for request in requests} == {"POST /hook?for=me"}
        for secret in SECRETS:
            message = verified(requests[2], secret)
            assert (message["type"], message["data"]["job_id"]) == ("job.cancelled", "j")
            assert message["data"]["labels"] == {"folder": "a"}
        with pytest.raises(WebhookVerificationError):
            verified(requests[2], SECRETS[0], tenant="another")
        assert len(server.requests) == 3


@pytest.mark.usefixtures("impatient")
async def test_a_receiver_that_is_gone_gets_nothing_more(database_url: str) -> None:
    """After 410 no message is written for it, until the one that it refused is sent again by hand."""
    async with receiver(answer(410), answer(200)) as server, delivering(database_url, server) as stores:
        url = f"http://a.test:{server.port}/hook"
        await ended(stores, "first", url)
        row = await settled(stores, "first", "gone")
        await ended(stores, "second", url)
        assert [one["job_id"] for one in await stores.webhooks.newest(limit=9)] == ["first"]
        assert await stores.webhooks.replay(row["id"])
        await settled(stores, "first", "delivered")
        await ended(stores, "third", url)
        await settled(stores, "third", "delivered")
        assert not await stores.webhooks.replay("msg_unknown")


async def test_a_silent_receiver_holds_up_its_own_tenant_only(database_url: str) -> None:
    """However many messages it has to get."""
    async with (
        receiver(NEVER) as silent,
        receiver(answer(200)) as server,
        delivering(database_url, silent, server) as s,
    ):
        for number in range(delivery.AT_ONCE + 2):
            await ended(s, f"silent-{number}", f"http://a.test:{silent.port}/", tenant="slow")
        await silent.received(delivery.OF_TENANT)
        await ended(s, "quick", f"http://b.test:{server.port}/", tenant="quick")
        await settled(s, "quick", "delivered")


@pytest.mark.usefixtures("impatient")
async def test_what_cannot_be_delivered_is_given_up(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first attempt and one after each wait: a redirect, which is not followed, or no answer in time."""
    elsewhere = answer(307, "Location: http://169.254.169.254/")
    async with receiver(elsewhere) as server, receiver(NEVER) as silent, delivering(database_url, server, silent) as s:
        await ended(s, "elsewhere", f"http://a.test:{server.port}/")
        row = await settled(s, "elsewhere", "failed")
        assert (row["attempts"], row["status"], len(server.requests)) == (10, 307, 10)
        monkeypatch.setattr(delivery, "ATTEMPT_S", 0.02)
        await ended(s, "silent", f"http://a.test:{silent.port}/")
        row = await settled(s, "silent", "failed")
        assert (row["attempts"], row["status"]) == (10, 0)


async def test_waits_grow_and_a_receiver_may_ask_for_longer_ones(database_url: str) -> None:
    """The first wait is some seconds; what `Retry-After` says counts where it is longer."""
    later = answer(429, "Retry-After: 900")
    async with receiver(answer(500)) as failing, receiver(later) as full, delivering(database_url, failing, full) as s:
        await ended(s, "failing", f"http://a.test:{failing.port}/")
        await ended(s, "full", f"http://b.test:{full.port}/")
        waits: dict[str, float] = {}
        while len(waits) < 2:
            rows = await s.webhooks.newest(limit=9)
            waits = {row["job_id"]: row["due_s"] - row["created_s"] for row in rows if row["status"]}
            await asyncio.sleep(0.01)
        assert waits["failing"] >= 4.0
        assert waits["full"] >= 900.0


@pytest.mark.usefixtures("impatient")
async def test_a_tenant_has_a_receiver_of_its_own(database_url: str) -> None:
    """It is told of every job; one whose callback is the same URL is told once, one that has another twice."""
    async with receiver(answer(200)) as server:
        own, other = f"http://a.test:{server.port}/own", f"http://a.test:{server.port}/other"
        async with delivering(database_url, server, t=own) as stores:
            for job_id, url in (("plain", ""), ("same", own), ("both", other)):
                await ended(stores, job_id, url)
            await ended(stores, "foreign", tenant="another")
            rows = {(row["job_id"], row["url"]) for row in await stores.webhooks.newest(limit=99)}
            assert rows == {("plain", own), ("same", own), ("both", own), ("both", other)}


async def test_a_deleted_job_is_not_told_of(database_url: str) -> None:
    """What was still to be delivered goes with it; an expired one's message stays for its days."""
    async with receiver(NEVER) as server, delivering(database_url, server) as stores:
        for name in ("kept", "deleted"):
            await ended(stores, name, f"http://a.test:{server.port}/")
        await stores.jobs.delete_job("t", "deleted")
        assert [row["job_id"] for row in await stores.webhooks.newest(limit=9)] == ["kept"]
        await stores.transcribers.expire(now_s=4e9)
        assert await stores.webhooks.newest(limit=9) == []


def test_the_signature_is_the_specifications() -> None:
    """As of the example in the specification, with a tenant's secret in place of the installation's."""
    headers = dict(signed_headers("msg_1", "{}", tenant="t", secrets=SECRETS, now_s=1_731_705_121.9))
    assert headers["webhook-timestamp"] == "1731705121"
    assert [one.split(",")[0] for one in headers["webhook-signature"].split()] == ["v1", "v1"]
    assert tenant_secret(SECRETS[0], "t") != tenant_secret(SECRETS[0], "u")


def test_no_message_exceeds_its_bound() -> None:
    """With as many labels as there can be, as long as they can be, and of the longest characters."""
    labels = "".join(f"\n{number:064d}={chr(0x1F600) * MAX_LABEL_CHARS}\n" for number in range(MAX_LABELS))
    job = SimpleNamespace(
        id="j" * 64,
        model="m" * 128,
        samples_total=16_000,
        cached=False,
        error_code="E" * 64,
        labels=labels,
        created_s=1.5,
        finished_s=2.5,
    )
    body = body_of(job, JobState.FAILED)
    assert len(body.encode()) < 20_000
    assert json.loads(body)["data"]["audio_s"] == 1.0
    assert json.loads(body)["timestamp"] == "1970-01-01T00:00:02.500Z"
