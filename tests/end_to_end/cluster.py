"""Several gateways, bridges, schedulers and transcribers as processes on one PostgreSQL, one Redis and one folder."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sayit.chassis import probe
from sayit.cli.local_suite.ports import free_ports

from .helper import ROOT

#: The variable that says where a part listens.
_LISTEN = {"gateway": "SAYIT_LISTEN", "bridge": "SAYIT_BRIDGE_LISTEN", "scheduler": "SAYIT_SCHEDULER_LISTEN"}
MICRO = ROOT / "services" / "transcriber" / "sayit" / "transcriber" / "micro"


@dataclass(kw_only=True)
class Cluster:
    """Processes by name: gateway-1, scheduler-2, ..."""

    folder: Path
    environment: Mapping[str, str]
    #: Where each listens.
    addresses: dict[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """Starts a part, or starts it again after it was killed."""
        kind = name.partition("-")[0]
        listen = _LISTEN.get(kind, "")
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", f"sayit.{kind}"],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**self.environment, **({listen: self.addresses[name]} if listen else {})},
                start_new_session=True,
            )

    def kill(self, name: str) -> None:
        """Kills (-9) a part with all that it started."""
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    async def drain(self, name: str) -> None:
        """Asks a part to end, and waits until it has; fails if it does not end well."""
        process = self.processes.pop(name)
        process.terminate()
        assert await asyncio.to_thread(process.wait, 30) == 0, f"{name}\n{self.logs()}"

    def logs(self) -> str:
        """What all parts said."""
        return "\n".join(path.name + "\n" + path.read_text() for path in sorted(self.folder.glob("*.log")))

    async def serving(self, name: str) -> None:
        """Waits until a part is ready."""
        address = self.addresses[name]
        for _ in range(600):
            if await (probe.gets(address, "/readyz") if name.startswith("bridge") else probe.is_serving(address)):
                return
            assert self.processes[name].poll() is None, self.logs()
            await asyncio.sleep(0.1)
        raise AssertionError(f"{name} does not serve:\n{self.logs()}")

    def stop(self) -> None:
        """Ends every part as an orchestrator would; fails if one does not end well."""
        for process in self.processes.values():
            process.terminate()
        codes = {name: process.wait(30) for name, process in self.processes.items()}
        assert set(codes.values()) == {0}, f"{codes}\n{self.logs()}"


@asynccontextmanager
async def running_cluster(
    folder: Path,
    *,
    database_url: str,
    redis_url: str,
    gateways: int = 2,
    schedulers: int = 2,
    transcribers: int = 2,
    bridges: int = 0,
    **settings: str,
) -> AsyncIterator[Cluster]:
    """Starts all parts at once, waits until they are ready, and stops what is left of them afterwards."""
    counts = {"gateway": gateways, "scheduler": schedulers, "bridge": bridges}
    listening = [f"{kind}-{i + 1}" for kind, count in counts.items() for i in range(count)]
    addresses = {name: f"127.0.0.1:{port}" for name, port in zip(listening, free_ports(len(listening)), strict=True)}
    cluster = Cluster(
        folder=folder,
        addresses=addresses,
        environment={
            **os.environ,
            "SAYIT_DATA_DIR": str(folder / "data"),
            "SAYIT_DATABASE_URL": database_url,
            "SAYIT_REDIS_URL": redis_url,
            "SAYIT_SCHEDULER_ADDRESS": ",".join(addresses[name] for name in listening if name.startswith("scheduler")),
            "SAYIT_GATEWAY_ADDRESS": "ipv4:" + ",".join(addresses[name] for name in listening if "gateway" in name),
            "SAYIT_MODEL": str(MICRO),
            "SAYIT_MODEL_NAME": "micro",
            "SAYIT_DEFAULT_MODEL": "micro",
            "SAYIT_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            "SAYIT_LEASE_S": "1.5",
            "SAYIT_HEARTBEAT_S": "0.3",
            "SAYIT_REPORT_S": "0.5",
            # The same recording must be transcribed each time.
            "SAYIT_CACHE_TTL_H": "0",
            "SAYIT_GRACE_S": "10",
            "SAYIT_LOG_FORMAT": "json",
            "GRPC_VERBOSITY": "ERROR",
            **settings,
        },
    )
    try:
        for name in (*listening, *(f"transcriber-{i + 1}" for i in range(transcribers))):
            cluster.start(name)
        for name in listening:
            await cluster.serving(name)
        yield cluster
        cluster.stop()
    finally:
        for process in cluster.processes.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
