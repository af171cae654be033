"""Tokens of an identity provider, and attacks with them."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import jwt
import pytest

from sayit.chassis.principal import Principal
from sayit.chassis.start import StartError
from sayit.gateway.auth import access
from sayit.gateway.auth.keys import create_key
from sayit.speech.errors import ErrorKind, SayItError
from sayit.v1.transcription_service_pb2 import WatchJobRequest

from .helper import failure, settings, suite
from .tokens_helper import (
    EC_KEY,
    OTHER_KEY,
    REQUEST,
    RSA_KEY,
    checker,
    claims,
    document,
    encoded,
    forged,
    issuers_keys,
    options,
    pem,
    public,
    token,
)


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    """The issuer's keys."""
    return issuers_keys(tmp_path)


@pytest.mark.parametrize("signed", [{}, {"key": EC_KEY, "kid": "e1", "algorithm": "ES256"}])
async def test_a_token_is_a_tenant_with_scopes(keys_file: Path, signed: dict[str, Any]) -> None:
    """Its claims say which, through the gateway's settings; beside it keys work as before."""
    _, key = create_key(keys_file.with_name("keys.json"), tenant="filed")
    async with suite(**options(keys_file, api_keys_file=keys_file.with_name("keys.json"))) as s:
        good = [("authorization", f"Bearer {token(**signed)}")]
        await s.jobs.GetJob(REQUEST, metadata=good)
        assert s.fake.principals["GetJob"] == Principal(key_id="jwt:alice", tenant="acme")
        assert (await failure(s.jobs.CreateJob(metadata=good))).kind is ErrorKind.PERMISSION_DENIED
        await s.jobs.GetJob(REQUEST, metadata=[("x-api-key", key)])
        assert s.fake.principals["GetJob"].tenant == "filed"
        assert (await failure(s.jobs.GetJob(REQUEST))).kind is ErrorKind.UNAUTHENTICATED


def soon(seconds: int) -> int:
    """A time from now on, as tokens say it."""
    return int(time.time()) + seconds


ATTACKS = {
    "none": lambda: forged({"alg": "none", "kid": "r1"}),
    "None": lambda: forged({"alg": "None", "kid": "r1"}),
    "no algorithm": lambda: forged({"kid": "r1"}),
    "public key as a secret": lambda: forged({"alg": "HS256", "kid": "r1"}, pem(RSA_KEY)),
    "public key as a secret without its end": lambda: forged({"alg": "HS256", "kid": "r1"}, pem(RSA_KEY).strip()),
    "empty secret": lambda: forged({"alg": "HS256", "kid": "r1"}, b""),
    "algorithm of another key": lambda: jwt.encode(claims(), EC_KEY, "ES256", headers={"kid": "r1"}),
    "algorithm that is not pinned": lambda: token(algorithm="RS512"),
    "pinned algorithm that is not the key's": lambda: jwt.encode(claims(), RSA_KEY, "RS256", headers={"kid": "e1"}),
    "signed by another": lambda: token(OTHER_KEY),
    "its own key": lambda: jwt.encode(
        claims(), OTHER_KEY, "RS256", headers={"kid": "own", "jwk": public(OTHER_KEY, "own")}
    ),
    "its own address of keys": lambda: jwt.encode(
        claims(), OTHER_KEY, "RS256", headers={"kid": "r1", "jku": "https://evil.example/jwks"}
    ),
    "critical header": lambda: jwt.encode(claims(), RSA_KEY, "RS256", headers={"kid": "r1", "crit": ["x"], "x": 1}),
    "unknown kid": lambda: token(kid="r2"),
    "no kid": lambda: token(kid=None),
    "kid that is no text": lambda: forged({"alg": "RS256", "kid": {"a": 1}}),
    "expired": lambda: token(exp=soon(-60)),
    "never expires": lambda: token(exp=None),
    "expires at no time": lambda: token(exp=10**400),
    "not yet valid": lambda: token(nbf=soon(600)),
    "issued in the future": lambda: token(iat=soon(600)),
    "foreign issuer": lambda: token(iss="https://evil.example/"),
    "no issuer": lambda: token(iss=None),
    "foreign audience": lambda: token(aud="other"),
    "no audience": lambda: token(aud=None),
    "no subject": lambda: token(sub=None),
    "empty subject": lambda: token(sub=""),
    "changed claims": lambda: ".".join(
        (token().split(".")[0], encoded(claims(tenant="victim")), token().split(".")[2])
    ),
    "no signature": lambda: token().rpartition(".")[0] + ".",
    "too long": lambda: token(filler="x" * 9000),
    "nonsense": lambda: "a.b.c",
    "dots": lambda: "..",
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_what_is_no_token_of_the_issuer_is_refused(keys_file: Path, attack: str) -> None:
    """Whatever it is signed with, and whatever it says of itself."""
    tokens = checker(keys_file)
    assert await tokens.identify(token()) is not None
    assert await tokens.identify(ATTACKS[attack]()) is None


async def test_attacks_end_as_unauthenticated(keys_file: Path) -> None:
    """A client learns no more than that it is not known."""
    async with suite(**options(keys_file)) as s:
        for attack in ("none", "public key as a secret", "expired", "signed by another", "nonsense"):
            error = await failure(s.jobs.GetJob(REQUEST, metadata=[("x-api-key", ATTACKS[attack]())]))
            assert error.kind is ErrorKind.UNAUTHENTICATED
        assert s.fake.principals == {}


@pytest.mark.parametrize("tenant", [None, "", " acme", "x" * 65, 7, ["acme"], "a\nb"])
async def test_a_token_without_a_tenant_may_nothing(keys_file: Path, tenant: object) -> None:
    """It is refused, and told why."""
    with pytest.raises(SayItError) as caught:
        await checker(keys_file).identify(token(tenant=tenant))
    assert caught.value.kind is ErrorKind.PERMISSION_DENIED


@pytest.mark.parametrize(
    ("setting", "said", "tenant", "scopes"),
    [
        ({"jwt_tenant": "one"}, {"tenant": None}, "one", {"read"}),
        ({"jwt_tenant_claim": "https://x.example/org"}, {"https://x.example/org": "o"}, "o", {"read"}),
        ({"jwt_tenant_claim": "org.id"}, {"org": {"id": "o"}}, "o", {"read"}),
        ({"jwt_scopes": "w=transcribe,a=admin"}, {"scope": "w a read"}, "acme", {"transcribe", "admin"}),
        (
            {"jwt_scopes_claim": "realm_access.roles", "jwt_scopes": "admin=admin"},
            {"realm_access": {"roles": ["admin", 1, ["read"]]}},
            "acme",
            {"admin"},
        ),
        ({}, {"scope": "admin"}, "acme", set()),
        ({}, {"scope": None}, "acme", set()),
        ({}, {"scope": {"read": True}}, "acme", set()),
    ],
)
async def test_settings_say_what_claims_mean(
    keys_file: Path, setting: dict[str, str], said: dict[str, Any], tenant: str, scopes: set[str]
) -> None:
    """Names of claims may hold dots, or be paths; what is not mapped stands for nothing."""
    found = await checker(keys_file, **setting).identify(token(**said))
    assert found is not None
    assert (found.principal.tenant, set(found.scopes)) == (tenant, scopes)


@pytest.mark.parametrize(
    "wrong",
    [
        {"jwt_audience": ""},
        {"jwt_jwks": ""},
        {"jwt_jwks": "/does/not/exist"},
        {"jwt_jwks": "http://id.example.com/jwks"},
        {"jwt_jwks": "ftp://id.example.com/jwks"},
    ],
)
def test_half_of_the_settings_do_not_start(keys_file: Path, wrong: dict[str, str]) -> None:
    """What would take the tokens of every audience, or keys over plain text, is refused at the start."""
    with pytest.raises(StartError):
        checker(keys_file, **wrong)


@pytest.mark.parametrize(
    "wrong",
    [{"jwt_algorithms": "HS256"}, {"jwt_algorithms": "RS256,none"}, {"jwt_algorithms": ""}, {"jwt_scopes": "a=root"}],
)
def test_shared_secrets_and_unknown_scopes_are_no_settings(wrong: dict[str, str]) -> None:
    """No setting takes an algorithm with which a public key would be a secret."""
    with pytest.raises(ValueError, match="write"):
        settings(**wrong)


@pytest.mark.parametrize(
    "content",
    [
        "no json",
        "[]",
        "{}",
        '{"keys": {}}',
        '{"keys": [1]}',
        '{"keys": []}',
        document({"kty": "oct", "k": "c2VjcmV0", "kid": "r1"}),
        document(public(RSA_KEY, "r1", use="enc")),
    ],
)
def test_what_is_no_set_of_public_keys_does_not_start(tmp_path: Path, content: str) -> None:
    """A shared secret in it is no key, nor is one that is not for signing."""
    path = tmp_path / "jwks.json"
    path.write_text(content)
    with pytest.raises(StartError, match="SAYIT_JWT_JWKS"):
        checker(path)


async def test_an_expired_token_ends_its_streams(keys_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What began while it was valid ends soon after it."""
    monkeypatch.setattr(access, "CHECK_KEYS_S", 0.05)
    async with suite(**options(keys_file)) as s:
        s.fake.pace = asyncio.Semaphore(0)
        metadata = [("authorization", f"Bearer {token(exp=soon(-28))}")]  # within the leeway
        watch = s.jobs.WatchJob(WatchJobRequest(job_id="job-1"), metadata=metadata)
        assert (await failure(watch)).kind is ErrorKind.UNAUTHENTICATED
        assert s.fake.watches == [0]
