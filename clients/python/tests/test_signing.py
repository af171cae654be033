"""Clients with a key that signs, at a real gateway."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import SecretStr

from sayit.client import AsyncClient, Client, ErrorKind, SayItError
from sayit.speech.rendering import Format
from services.gateway.tests.fake_keys import SIGNING_SECRET, FakeKeys
from services.gateway.tests.helper import suite


async def test_every_call_is_signed_and_the_key_is_not_sent() -> None:
    """By the asynchronous client and the other one, with calls of each shape; another installation's key is refused."""
    keys = FakeKeys()
    key = keys.create_signing(tenant="acme")
    async with suite(stored=keys, require_keys=True, signing_secrets=SecretStr(SIGNING_SECRET)) as s:
        async with AsyncClient(s.address, api_key=key.text) as client:
            assert [model.name for model in await client.models()] == ["micro"]
            assert [model.name for model in await client.models()] == ["micro"]
            assert "hello" in await client.render("job-1", Format.TXT)
            assert (await client.create_job(b"RIFF" * 100)).id == "job-1"
        assert {who.key_id for who in s.fake.principals.values()} == {key.key_id}

        def blocking() -> None:
            with Client(s.address, api_key=key.text) as client:
                client.models()
            with Client(s.address, api_key=f"{key.text[:-1]}{'1' if key.text[-1] == '0' else '0'}") as client:
                with pytest.raises(SayItError) as caught:
                    client.models()
                assert caught.value.kind is ErrorKind.INVALID_SIGNATURE

        await asyncio.to_thread(blocking)
