"""The public keys of an identity provider: from a file, and from an address that changes, fails or lies."""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from sayit.gateway.auth import jwks
from sayit.gateway.auth.jwks import Jwks
from sayit.speech.errors import ErrorKind, SayItError

from .tokens_helper import (
    OTHER_KEY,
    RSA_KEY,
    checker,
    document,
    issuers_keys,
    public,
    token,
)


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    """The issuer's keys."""
    return issuers_keys(tmp_path)


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


async def test_a_provider_that_is_away_opens_nothing_and_locks_no_caller_out(provider: Provider) -> None:
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
