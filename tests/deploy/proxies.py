"""deploy/nginx and deploy/envoy in the real programs, with a test's addresses in them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import ssl
import sysconfig
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from libs.chassis.tests.test_probe import self_signed
from sayit.cli.local_suite.ports import free_ports

from .helper import DEPLOY


def nginx(folder: Path, port: int, certificate: Path, key: Path, servers: dict[str, str]) -> list[str | Path]:
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


def envoy(folder: Path, port: int, certificate: Path, key: Path, servers: dict[str, str]) -> list[str | Path]:
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


Command = Callable[[Path, int, Path, Path, dict[str, str]], list[str | Path]]


@asynccontextmanager
async def proxy(
    command: Command, folder: Path, gateways: list[str], bridges: list[str]
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
