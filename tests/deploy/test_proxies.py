"""deploy/nginx and deploy/envoy in the real programs, before bridges and gateways of which one is away."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import re
import shutil
import ssl
import sysconfig
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect

from libs.chassis.tests.test_probe import self_signed
from sayit.bridge.service import running
from sayit.bridge.settings import BridgeSettings
from sayit.cli.local_suite.ports import free_ports
from sayit.client import AsyncClient
from sayit.speech.options import Options
from tests.end_to_end.helper import RECORDINGS, RunningSuite, repeated

from .helper import DEPLOY

SHORT = RECORDINGS / "ko-8s.flac"


def _nginx(folder: Path, port: int, certificate: Path, key: Path, servers: dict[str, str]) -> list[str | Path]:
    """NGINX with our configuration, other addresses in it: the command."""
    if shutil.which("nginx") is None:
        pytest.skip("no nginx here")
    text = (DEPLOY / "nginx" / "sayit.conf").read_text(encoding="utf-8")
    text = text.replace("listen 443", f"listen 127.0.0.1:{port}")
    text = text.replace("/etc/nginx/tls/stt.crt", str(certificate)).replace("/etc/nginx/tls/stt.key", str(key))
    for name, address in servers.items():
        text = re.sub(rf"server {name}:\d+", f"server {address}", text)
    (folder / "sayit.conf").write_text(text)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    (folder / "nginx.conf").write_text(
        f"{'user root;' if os.getuid() == 0 else ''} daemon off; master_process off; pid {folder}/pid;"
        f"error_log stderr warn; events {{}} http {{ access_log off; {temporary} include {folder}/sayit.conf; }}"
    )
    return ["nginx", "-p", folder, "-c", folder / "nginx.conf", "-e", "stderr"]


def _envoy(folder: Path, port: int, certificate: Path, key: Path, servers: dict[str, str]) -> list[str | Path]:
    """Envoy, in the same way."""
    program = Path(sysconfig.get_path("scripts")) / "envoy"
    if not program.exists():
        pytest.skip("no Envoy here (requirements/deployment.txt)")
    text = (DEPLOY / "envoy" / "envoy.yaml").read_text(encoding="utf-8")
    text = text.replace("address: 0.0.0.0, port_value: 443", f"address: 127.0.0.1, port_value: {port}")
    text = text.replace("/etc/envoy/tls/stt.crt", str(certificate)).replace("/etc/envoy/tls/stt.key", str(key))
    for name, address in servers.items():
        host, _, number = address.rpartition(":")
        text = re.sub(rf"address: {name}, port_value: \d+", f"address: {host}, port_value: {number}", text)
    (folder / "envoy.yaml").write_text(text)
    return [program, "-c", folder / "envoy.yaml", "--use-dynamic-base-id", "--concurrency", "1", "-l", "error"]


_Command = Callable[[Path, int, Path, Path, dict[str, str]], list[str | Path]]


@asynccontextmanager
async def _proxy(
    command: _Command, folder: Path, gateways: list[str], bridges: list[str]
) -> AsyncIterator[tuple[str, Path]]:
    """A proxy before these; yields host:port and its certificate."""
    certificate, key = self_signed(folder, "DNS:localhost")
    port = free_ports(1)[0]
    named = {f"gateway-{i}": address for i, address in enumerate(gateways, start=1)}
    named |= {f"bridge-{i}": address for i, address in enumerate(bridges, start=1)}
    process = await asyncio.create_subprocess_exec(*command(folder, port, certificate, key, named))
    try:
        async with httpx.AsyncClient(verify=ssl.create_default_context(cafile=str(certificate))) as client:
            for _ in range(400):
                with contextlib.suppress(httpx.ConnectError):
                    if (await client.get(f"https://localhost:{port}/livez")).status_code == 200:
                        break
                assert process.returncode is None
                await asyncio.sleep(0.02)
        yield f"localhost:{port}", certificate
    finally:
        process.terminate()
        await process.wait()


@pytest.mark.parametrize("command", [_nginx, _envoy], ids=["nginx", "envoy"])
async def test_everything_passes_through_a_proxy_while_a_bridge_and_a_gateway_are_away(
    suite: RunningSuite, tmp_path: Path, command: _Command
) -> None:
    """gRPC, REST, events, WebSocket, tus and a large body; then one of two bridges ends, and no request fails.

    The first of the gateways is an address where nothing listens.
    """
    options = Options(language="ko", prompt=command.__name__)
    gone = f"127.0.0.1:{free_ports(1)[0]}"
    own = BridgeSettings(bridge_listen="127.0.0.1:0", gateway_address=suite.address, allowed_hosts="*")
    async with AsyncExitStack() as first, AsyncExitStack() as second:
        bridges = [await stack.enter_async_context(running(own)) for stack in (first, second)]
        address, certificate = await second.enter_async_context(
            _proxy(command, tmp_path, [gone, suite.address], [bridge.address for bridge in bridges])
        )
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

            await first.aclose()
            answers = [await client.get(f"/v1/jobs/{job}") for _ in range(10)]
            assert [answer.status_code for answer in answers] == [200] * 10
