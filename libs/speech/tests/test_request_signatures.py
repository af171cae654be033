"""Signatures of requests: their form, what they cover, and their time."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping

import pytest

from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.request_signatures import REQUEST, SigningKey, base_of, checked_signature, digest_of

SECRETS = ("a secret that this installation has",)
KEY = SigningKey.made(SECRETS[0], "k1")
SENT = {"@method": "POST", "@path": "/v1/jobs", "@query": "?language=ko"}
LONG = "x" * 2_000


def checked(headers: Mapping[str, str], sent: Mapping[str, str] = SENT, secrets: tuple[str, ...] = SECRETS) -> str:
    """The id of the key that signed."""
    inputs, macs = [headers["signature-input"]], [headers["signature"]]
    return checked_signature(inputs, macs, sent.get, needed=REQUEST, installation_secrets=secrets)[1].key_id


def test_the_form_is_that_of_the_standard() -> None:
    """The example of RFC 9421, B.2.5, and of RFC 9530 for a body."""
    covered = {"date": "Tue, 20 Apr 2021 02:07:55 GMT", "@authority": "example.com", "content-type": "application/json"}
    parameters = '("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"'
    secret = base64.b64decode(
        "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
    )
    mac = hmac.new(secret, base_of(covered, parameters), hashlib.sha256).digest()
    assert base64.b64encode(mac) == b"pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8="
    assert digest_of(b'{"hello": "world"}\n') == "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"


def test_what_was_signed_is_taken() -> None:
    """By the key of its id alone, under each of the installation's secrets; a key is read as it was written."""
    assert checked(KEY.headers(SENT)) == "k1"
    assert checked(KEY.headers(SENT), secrets=("another secret", *SECRETS)) == "k1"
    assert SigningKey.of_text(KEY.text) == KEY
    assert KEY.secret not in repr(KEY)
    for text in ("", "sayit_k1_secret", KEY.text[:-1], KEY.text + "0", KEY.text.replace("sig", ""), "sayitsig_k1_"):
        assert SigningKey.of_text(text) is None


@pytest.mark.parametrize("name", SENT)
def test_what_is_covered_cannot_be_changed(name: str) -> None:
    """Method, path and query; nor left out of what is signed."""
    with pytest.raises(SayItError, match="does not fit"):
        checked(KEY.headers(SENT), {**SENT, name: "else"})
    with pytest.raises(SayItError, match=f"does not cover {name}"):
        checked(KEY.headers({one: value for one, value in SENT.items() if one != name}))


@pytest.mark.parametrize("off_s", [-600, -301, 301, 600])
def test_its_time_is_now(off_s: int) -> None:
    """Within five minutes of the server's clock, both ways."""
    now_s = int(time.time())
    assert checked(KEY.headers(SENT, created_s=now_s - 290)) == checked(KEY.headers(SENT, created_s=now_s + 290))
    with pytest.raises(SayItError, match="its time is over, or more than 300 seconds") as caught:
        checked(KEY.headers(SENT, created_s=now_s + off_s))
    assert caught.value.kind is ErrorKind.INVALID_SIGNATURE
    assert "서명" in caught.value.message("ko")
    assert "300초" in caught.value.message("ko")


def _other(before: str, after: str) -> dict[str, str]:
    """Headers of which something was changed before they were signed."""
    headers = KEY.headers(SENT)
    parameters = headers["signature-input"].removeprefix("sig=").replace(before, after)
    mac = base64.b64encode(KEY.mac(base_of(SENT, parameters))).decode()
    return {"signature-input": f"sig={parameters}", "signature": f"sig=:{mac}:"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('alg="hmac-sha256"', 'alg="none"'),
        ('alg="hmac-sha256"', 'alg="rsa-pss-sha512"'),
        ('alg="hmac-sha256"', 'alg=""'),
        (";created=", ";expires="),
        (";keyid=", ";tag="),
        (";nonce=", ";tag="),
        ('keyid="k1"', 'keyid="k1";keyid="k2"'),
        ("created=", "created=1;created="),
        (";created=", ";created=9"),
        (";created=", ";expires=1;created="),
        (";created=", ";created=-"),
        (";created=", ";unknown=1;created="),
        ('"@path"', '"@path" "@path"'),
        ('"@path"', '"@path";req'),
        ('"@path"', '"@path"  "@status"'),
        ('"@path"', '"@request-target"'),
        ('keyid="k1"', 'keyid="k1\\"'),
        ('keyid="k1"', 'keyid="k2"'),
        ('keyid="k1"', 'keyid=""'),
        ("(", "(" + '"x" ' * 40),
        (";created=", f';tag="{LONG}";created='),
        (";created=", ";tag=1" * 10 + ";created="),
    ],
)
def test_what_is_not_in_the_form_is_refused(before: str, after: str) -> None:
    """Also where the holder of the key signed it so: parameters twice, other algorithms, unknown components."""
    assert checked(_other("", "")) == "k1"
    with pytest.raises(SayItError) as caught:
        checked(_other(before, after))
    assert caught.value.kind is ErrorKind.INVALID_SIGNATURE


@pytest.mark.parametrize("number", [0, 2])
def test_there_is_one_signature(number: int) -> None:
    """None, two of them, or two in one field are refused; as is a server without a secret."""
    headers = KEY.headers(SENT)
    inputs, macs = [headers["signature-input"]], [headers["signature"]]
    for lines in ((inputs * number, macs), (inputs, macs * number), ([", ".join(inputs * 2)], [", ".join(macs * 2)])):
        with pytest.raises(SayItError):
            checked_signature(*lines, SENT.get, needed=REQUEST, installation_secrets=SECRETS)
    with pytest.raises(SayItError, match="takes no signed requests"):
        checked(headers, secrets=())


def test_long_values_cost_nothing() -> None:
    """What is too long is not read; where reading were not linear, this test would not end."""
    for value in ('sig=("' + '"a" ' * 30_000, "sig=(" + ';a="' * 30_000, 'sig=("a");' + ";a=1" * 30_000, " " * 100_000):
        with pytest.raises(SayItError):
            checked({"signature-input": value, "signature": value})
        with pytest.raises(SayItError):
            checked({"signature-input": value[:1_999], "signature": value[:1_999]})
