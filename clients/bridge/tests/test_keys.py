"""`/v1/keys`, and where a request came from, on a scripted gateway."""

from __future__ import annotations

from typing import Any

import pytest

from sayit.speech.errors import ErrorKind, SayItError

from .helper import scripted


async def test_keys_are_made_listed_rotated_and_revoked() -> None:
    """What a key reads is in the answer that makes it, and in no other one."""
    async with scripted() as (client, gateway):
        body = {"name": "phone", "scopes": ["read"], "valid_for_s": 60, "addresses": ["10.0.0.0/8"]}
        made = await client.post("/v1/keys", json=body, headers={"Authorization": "Bearer mine"})
        assert made.status_code == 201
        assert made.headers["cache-control"] == "no-store"
        assert made.json()["secret"] == "sayit_k0_secret"
        key = made.json()["key"]
        assert (key["id"], key["name"], key["scopes"]) == ("k0", "phone", ["read"])
        assert (key["expires_at"], key["revoked_at"]) == ("1970-01-01T00:01:00Z", None)
        assert gateway.metadata["authorization"] == "Bearer mine"
        listed = await client.get("/v1/keys")
        assert listed.json() == {"keys": [key]}
        assert "secret" not in listed.text
        rotated = await client.post("/v1/keys/k0/rotate?overlap_s=5")
        assert (rotated.status_code, rotated.json()["key"]["id"]) == (201, "rotated")
        assert (await client.delete("/v1/keys/k0")).json()["revoked_at"] == "1970-01-01T00:00:01Z"
        gone = await client.delete("/v1/keys/none", headers={"Accept-Language": "ko"})
        assert (gone.status_code, gone.json()["code"]) == (404, "KEY_NOT_FOUND")
        assert "API 키" in gone.json()["detail"]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"scope": ["read"]}', b'{"valid_for_s": -1}', b'{"name": 1}', b'{"valid_for_s": 1e999}']
)
async def test_what_is_no_key_is_refused(body: bytes) -> None:
    """By the bridge, before a key is made."""
    async with scripted() as (client, gateway):
        answer = await client.post("/v1/keys", content=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_ARGUMENT")
        assert gateway.api_keys == {}


async def test_who_may_not_manage_keys_is_told() -> None:
    """As a problem, whatever is asked for."""
    async with scripted() as (client, gateway):
        gateway.script["ListKeys"] = [SayItError(ErrorKind.PERMISSION_DENIED)]
        answer = await client.get("/v1/keys")
        assert (answer.status_code, answer.json()["code"]) == (403, "PERMISSION_DENIED")
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("given", "passed"),
    [
        ([], "127.0.0.1"),
        (["203.0.113.7, 10.0.0.1"], "203.0.113.7,10.0.0.1,127.0.0.1"),
        (["203.0.113.7", "[2001:db8::1]:80"], "203.0.113.7,[2001:db8::1]:80,127.0.0.1"),
        (["x" * 100 + ", ,10.0.0.1"], "10.0.0.1,127.0.0.1"),
        ([",".join(["10.0.0.1"] * 50)], ",".join([*["10.0.0.1"] * 19, "127.0.0.1"])),
    ],
)
async def test_the_gateway_hears_where_a_request_came_from(given: list[str], passed: str) -> None:
    """The bridge appends its client's address, as every proxy does, and passes on what is none no further."""
    async with scripted() as (client, gateway):
        headers: Any = [("X-Forwarded-For", one) for one in given]
        await client.get("/v1/keys", headers=headers)
        assert gateway.metadata["x-forwarded-for"] == passed
