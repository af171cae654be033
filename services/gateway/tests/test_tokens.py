"""Tokens of an identity provider, and attacks with them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from sayit.chassis.principal import Principal
from sayit.chassis.start import StartError
from sayit.gateway.auth import access, jwks
from sayit.gateway.auth.jwks import Jwks
from sayit.gateway.auth.keys import create_key
from sayit.gateway.auth.tokens import Tokens
from sayit.speech.errors import ErrorKind, SayItError
from sayit.v1.transcription_service_pb2 import GetJobRequest, WatchJobRequest

from .helper import failure, settings, suite

ISSUER, AUDIENCE = "https://id.example.com/", "sayit"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
REQUEST = GetJobRequest(job_id="job-1")


def public(key: Any, kid: str, **more: Any) -> dict[str, Any]:
    """A key's public half as a JWK."""
    kind: Any = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    return {**kind.to_jwk(key.public_key(), as_dict=True), "kid": kid, **more}


def pem(key: Any) -> bytes:
    """A key's public half as PEM."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return bytes(key.public_key().public_bytes(serialization.Encoding.PEM, form))


def document(*keys: dict[str, Any]) -> str:
    """A JWKS."""
    return json.dumps({"keys": keys})


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    """The issuer's keys."""
    path = tmp_path / "jwks.json"
    path.write_text(document(public(RSA_KEY, "r1"), public(EC_KEY, "e1", use="sig", alg="ES256")))
    return path


def claims(**more: Any) -> dict[str, Any]:
    """What a good token says; None leaves a claim out."""
    now = int(time.time())
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": now + 300, "tenant": "acme", "scope": "read other"}
    return {name: value for name, value in {**good, **more}.items() if value is not None}


def token(key: Any = RSA_KEY, kid: str | None = "r1", algorithm: str = "RS256", **more: Any) -> str:
    """A signed token."""
    return jwt.encode(claims(**more), key, algorithm=algorithm, headers={"kid": kid} if kid else None)


def encoded(part: Any) -> str:
    """A part of a token."""
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forged(header: dict[str, Any], secret: bytes | None = None) -> str:
    """A token that is not signed, or signed as a shared secret would."""
    told = f"{encoded(header)}.{encoded(claims())}"
    return f"{told}.{encoded(hmac.new(secret, told.encode(), hashlib.sha256).digest()) if secret is not None else ''}"


def options(source: object, **more: Any) -> dict[str, Any]:
    """A gateway's settings for tokens."""
    return {"jwt_issuer": ISSUER, "jwt_audience": AUDIENCE, "jwt_jwks": str(source), **more}


def checker(source: object, **more: Any) -> Tokens:
    """What a gateway with such settings checks tokens with."""
    return Tokens(settings(**options(source, **more)))


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
    """What would take everybody's tokens, or keys over plain text, is refused at the start."""
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


class Clock:
    """A clock that is set."""

    now_s = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now_s


async def read_again(keys: Jwks) -> None:
    """Waits for what a refresh has begun."""
    keys.refresh()
    if keys._reading is not None:
        await keys._reading


class Provider:
    """An issuer's server of keys, over TLS."""

    def __init__(self, folder: Path) -> None:
        #: What it answers, and how often it was asked.
        self.status, self.body, self.location, self.asked = 200, document(public(RSA_KEY, "r1")), "", 0
        self.certificate, key = folder / "cert.pem", folder / "key.pem"
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        subject = ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        files = ["-keyout", str(key), "-out", str(self.certificate)]
        try:
            subprocess.run([*command, *subject, *files], check=True, capture_output=True)
        except FileNotFoundError:
            pytest.skip("there is no openssl command to make a certificate with")
        provider = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked += 1
                self.send_response(provider.status)
                if provider.location:
                    self.send_header("Location", provider.location)
                self.end_headers()
                self.wfile.write(provider.body.encode())

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Answers)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.address = f"https://localhost:{self.server.server_port}/jwks?x=1"


@pytest.fixture
def provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """A provider that runs and is trusted."""
    made = Provider(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.certificate))
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


async def test_keys_come_from_an_address_and_change(provider: Provider) -> None:
    """They are read when first needed, for an id that is not known at most every ten seconds, and every ten minutes."""
    clock = Clock()
    keys = Jwks(provider.address, clock)
    assert provider.asked == 0
    assert await keys.key("r1", "RS256") is not None
    for _ in range(5):
        assert await keys.key("r2", "RS256") is None
    assert provider.asked == 1, "unknown ids do not make a flood of questions"
    provider.body = document(public(OTHER_KEY, "r2"))
    clock.now_s += 11.0
    assert await keys.key("r2", "RS256") is not None
    assert await keys.key("r1", "RS256") is None, "a key that was taken away is gone"
    assert provider.asked == 2
    await read_again(keys)
    assert provider.asked == 2
    clock.now_s += 601.0
    provider.body = document(public(RSA_KEY, "r3"))
    await read_again(keys)
    assert (provider.asked, await keys.key("r3", "RS256") is not None) == (3, True)


async def test_a_provider_that_is_away_opens_nothing_and_locks_nobody_out(provider: Provider) -> None:
    """Before its keys were ever had tokens cannot be checked; afterwards the known keys go on for a day."""
    clock = Clock()
    provider.status = 503
    keys = Jwks(provider.address, clock)
    with pytest.raises(SayItError) as caught:
        await keys.key("r1", "RS256")
    assert (caught.value.kind, caught.value.retry_after_s) == (ErrorKind.UNAVAILABLE, 10.0)
    provider.status = 200
    clock.now_s += 11.0
    assert await keys.key("r1", "RS256") is not None
    provider.status = 500
    clock.now_s += jwks.KEPT_S - 60.0
    await read_again(keys)
    assert await keys.key("r1", "RS256") is not None
    assert await keys.key("r2", "RS256") is None
    clock.now_s += 120.0
    with pytest.raises(SayItError):
        await keys.key("r1", "RS256")


@pytest.mark.parametrize(
    ("status", "body", "location"),
    [
        (200, "x" * 300_000, ""),
        (200, "{}", ""),
        (302, "", "https://localhost:1/"),
        (301, document(public(OTHER_KEY, "r1")), "https://localhost:1/"),
    ],
)
async def test_other_answers_are_no_keys(provider: Provider, status: int, body: str, location: str) -> None:
    """Too large, something else, a redirect: the keys stay as they were."""
    clock = Clock()
    keys = Jwks(provider.address, clock)
    before = await keys.key("r1", "RS256")
    provider.status, provider.body, provider.location = status, body, location
    clock.now_s += 700.0
    await read_again(keys)
    assert provider.asked == 2
    after = await keys.key("r1", "RS256")
    assert before is not None
    assert after is not None
    assert before.key.public_numbers() == after.key.public_numbers()


async def test_a_provider_with_a_wrong_certificate_is_not_believed(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without trust in who answers there are no keys."""
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(SayItError):
        await Jwks(provider.address).key("r1", "RS256")


async def test_a_file_of_keys_is_read_again(keys_file: Path) -> None:
    """A key that is new in it works without a restart, one that left it does not, and a mistake changes nothing."""
    clock = Clock()
    keys = Jwks(str(keys_file), clock)
    keys_file.write_text(document(public(OTHER_KEY, "r2")))  # noqa: ASYNC240 - nothing else runs
    clock.now_s += 11.0
    await read_again(keys)
    assert await keys.key("r2", "RS256") is not None
    assert await keys.key("r1", "RS256") is None
    keys_file.write_text("oops")  # noqa: ASYNC240 - as above
    clock.now_s += 11.0
    await read_again(keys)
    assert await keys.key("r2", "RS256") is not None


async def test_without_an_id_a_single_key_is_meant(tmp_path: Path) -> None:
    """Some issuers have one key and do not name it."""
    path = tmp_path / "jwks.json"
    path.write_text(document(public(RSA_KEY, "r1")))
    assert await checker(path).identify(token(kid=None)) is not None
    assert await checker(path).identify(token(OTHER_KEY, kid=None)) is None
