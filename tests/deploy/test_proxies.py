"""What passes through deploy/nginx and deploy/envoy while a bridge and a gateway are away."""

from __future__ import annotations

import base64
import json
import ssl
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect

from sayit.bridge.service import running
from sayit.bridge.settings import BridgeSettings
from sayit.cli.local_suite.ports import free_ports
from sayit.client import AsyncClient
from sayit.speech.options import Options
from tests.end_to_end.helper import RECORDINGS, RunningSuite, repeated

from .proxies import Command, envoy, nginx, proxy

SHORT = RECORDINGS / "ko-8s.flac"


@pytest.mark.parametrize("command", [nginx, envoy], ids=["nginx", "envoy"])
async def test_everything_passes_through_a_proxy_while_a_bridge_and_a_gateway_are_away(
    suite: RunningSuite, tmp_path: Path, command: Command
) -> None:
    """gRPC, REST, events, WebSocket, tus, a large body; then bridges end one after the other, and no request fails.

    The first of the gateways is an address where nothing listens.
    """
    options = Options(language="ko", prompt=command.__name__)
    gone = f"127.0.0.1:{free_ports(1)[0]}"
    places = [f"127.0.0.1:{port}" for port in free_ports(2)]
    own = [BridgeSettings(bridge_listen=place, gateway_address=suite.address, allowed_hosts="*") for place in places]
    async with AsyncExitStack() as first, AsyncExitStack() as second, AsyncExitStack() as around:
        for stack, settings in zip((first, second), own, strict=True):
            await stack.enter_async_context(running(settings))
        address, certificate = await around.enter_async_context(proxy(command, tmp_path, [gone, suite.address], places))
        trust = ssl.create_default_context(cafile=str(certificate))
        async with AsyncClient(address, root_certificates=certificate.read_bytes()) as sdk:
            assert (await sdk.transcribe(SHORT, options=options)).transcript.text
        async with httpx.AsyncClient(base_url=f"https://{address}", verify=trust, http2=False, timeout=30) as client:
            made = await client.post("/v1/jobs", files={"file": SHORT.read_bytes()}, data={"language": "ko"})
            job = made.json()["id"]
            async with connect(f"wss://{address}/v1/jobs/{job}/ws", ssl=trust) as socket:
                said = [json.loads(message)["type"] async for message in socket]
            assert said[-1] == "completed"
            assert (await client.get(f"/v1/jobs/{job}/events")).text.count("event: completed") == 1

            # Larger than NGINX's own limit and buffers, in two pieces, which different bridges may get.
            data = repeated("ko-8s", 12)
            tus = {"Tus-Resumable": "1.0.0"}
            name = base64.b64encode(b"a.wav").decode()
            begun = await client.post(
                "/v1/uploads", headers={**tus, "Upload-Length": str(len(data)), "Upload-Metadata": f"filename {name}"}
            )
            place, half = begun.headers["Location"], len(data) // 2
            for offset, piece in ((0, data[:half]), (half, data[half:])):
                sent = await client.patch(
                    place,
                    content=piece,
                    headers={**tus, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"},
                )
                assert (sent.status_code, sent.headers["Upload-Offset"]) == (204, str(offset + len(piece)))
            assert (await client.delete(place, headers=tus)).status_code == 204

            for stack in (first, second):
                await stack.aclose()
                answers = [await client.get(f"/v1/jobs/{job}") for _ in range(10)]
                assert [answer.status_code for answer in answers] == [200] * 10
                if stack is first:
                    await first.enter_async_context(running(own[0]))
