"""API keys through the client."""

from __future__ import annotations

import pytest

from sayit.client import AsyncClient
from sayit.speech.errors import ErrorKind, SayItError

from .helper import BROKEN, Gateway


async def test_keys_are_made_listed_rotated_and_revoked(gateway: Gateway, client: AsyncClient) -> None:
    """What a key reads comes with the call that makes it; the list has its times and scopes."""
    made = await client.create_key("phone", ["read"], valid_for_s=60.0, addresses=["10.0.0.0/8"])
    assert made.secret == "sayit_k0_secret"
    assert (made.key.name, made.key.scopes, made.key.expires_at_s) == ("phone", ("read",), 60.0)
    assert await client.list_keys() == (made.key,)
    assert (await client.rotate_key("k0", overlap_s=5.0)).secret == "sayit_rotated_secret"
    assert (await client.revoke_key("k0")).revoked_at_s == 1.0
    assert (await client.list_keys())[0].expires_at_s == 5.0
    with pytest.raises(SayItError) as caught:
        await client.revoke_key("none")
    assert caught.value.kind is ErrorKind.KEY_NOT_FOUND


async def test_making_a_key_is_not_tried_again(gateway: Gateway, client: AsyncClient) -> None:
    """Its answer may be lost, and another attempt would make another key; what may be repeated is."""
    for method in ("CreateKey", "RotateKey", "ListKeys"):
        gateway.script[method] = [BROKEN]
    for call in (client.create_key(), client.rotate_key("k0")):
        with pytest.raises(SayItError) as caught:
            await call
        assert caught.value.kind is ErrorKind.UNAVAILABLE
    assert await client.list_keys() == ()
    assert gateway.calls.count("CreateKey") == gateway.calls.count("RotateKey") == 1
