"""The list of all settings, from the services' own definitions: for the terminal, and as docs/configuration.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sayit.chassis.settings import ServiceSettings, SettingDoc, describe
from sayit.cli import printer

_HEAD = """# Configuration

Every setting is an environment variable; `sayit up` passes its own environment on to all parts, so that what is said
here holds for a laptop and for containers alike. An empty variable counts as unset. A secret can also be read from a
file: `SAYIT_NAME_FILE` names the file that holds the value of `SAYIT_NAME`.

Settings can also stand in a file, one `SAYIT_NAME=VALUE` a line, that `SAYIT_SETTINGS_FILE` names; variables win.
SIGHUP makes a process read it again (`sayit up` passes the signal on to all parts): those marked **live** then take
effect at once, the others need a restart. A log line of each process, `settings_reloaded`, names what changed and which
is which; a file with a mistake changes nothing (`settings_not_reloaded`).

This page is made from the code by `sayit config --markdown`, and a test fails when it is not current.
"""

_COMMAND_LINE = """## Command line

Flags win over variables.

| Variable | Flag | Meaning |
|---|---|---|
| `SAYIT_SERVER` | `--server` | The gateway to talk to, host:port; without it a suite of this machine. |
| `SAYIT_API_KEY` | `--api-key` | The caller's key, where the gateway wants one. |
| `SAYIT_API_KEY_FILE` | `--api-key-file` | A file that holds the key. |
| `SAYIT_SERVER_TLS` | `--tls` | Connect with TLS and trust what the system trusts. |
| `SAYIT_ROOT_CERTIFICATES` | `--root-certificates` | PEM file of certificates to trust; connects with TLS. |
| `SAYIT_LANG` | `--lang` | Language of messages: en or ko; by default the locale's. |
| `SAYIT_DATA_DIR` | `sayit up --data` | Folder of everything durable: database, audio, queue, logs. |
| `SAYIT_LISTEN` | `sayit up --listen` | Where the gateway listens. |
| `SAYIT_BRIDGE_LISTEN` | `sayit up --rest`, `sayit bridge --listen` | Where page and REST API are; `none`: no bridge. |
| `SAYIT_GATEWAY_ADDRESS` | `sayit bridge --gateway` | The gateway that a bridge of its own talks to. |
| `SAYIT_REDIS_URL` | `sayit up --redis-url` | A Redis or Valkey of yours; without it `sayit up` starts Valkey. |
| `SAYIT_GRACE_S` | `sayit up --grace` | Seconds that running work gets when the suite stops. |
| `SAYIT_MODELS_DIR` | | Folder of models, a sub-folder each; by default in the user's cache. |

`sayit up` itself sets, for its parts: the addresses between them, `SAYIT_DATA_DIR`, `SAYIT_INTERNAL_SECRET` (new with
every start unless you set it), `SAYIT_MODEL`, `SAYIT_MODEL_NAME`, `SAYIT_DEFAULT_MODEL`, `SAYIT_MODELS_EXPECTED`,
`SAYIT_THREADS`, `SAYIT_TRANSCRIBERS_EXPECTED` and `SAYIT_METRICS_LISTEN`. Where you set neither, `SAYIT_BATCH` and
`SAYIT_COMPUTE_TYPE` are those that `sayit tune` found, if it has measured this machine with this model.
"""


def sections() -> dict[str, tuple[SettingDoc, ...]]:
    """What all processes share, then what each kind of process has of its own, by title."""
    from sayit.bridge.settings import BridgeSettings  # noqa: PLC0415 - as below
    from sayit.gateway.settings import GatewaySettings  # noqa: PLC0415 - services, needed for this page only
    from sayit.scheduler.settings import SchedulerSettings  # noqa: PLC0415 - as above
    from sayit.transcriber.settings import TranscriberSettings  # noqa: PLC0415 - as above

    kinds: dict[str, type[ServiceSettings]] = {
        "Gateway": GatewaySettings,
        "Scheduler": SchedulerSettings,
        "Transcriber": TranscriberSettings,
        "Bridge": BridgeSettings,
    }
    shared = describe(ServiceSettings)
    names = {one.name for one in shared}
    own = {title: tuple(one for one in describe(kind) if one.name not in names) for title, kind in kinds.items()}
    return {"Every process": shared, **own}


def page(parts: Mapping[str, Sequence[SettingDoc]]) -> str:
    """The page."""
    tables = "\n".join(_table(title, settings) for title, settings in parts.items())
    return f"{_HEAD}\n{tables}\n{_COMMAND_LINE}"


def show(*, markdown: bool, as_json: bool) -> None:
    """Prints the settings."""
    parts = sections()
    if markdown:
        print(page(parts), end="")
    elif as_json:
        printer.as_json(parts)
    else:
        every = ((title, one) for title, settings in parts.items() for one in settings)
        rows = ((title, one.name, _default(one) or "-", one.description) for title, one in every)
        printer.table(("PROCESS", "VARIABLE", "DEFAULT", "MEANING"), rows)


def _table(title: str, settings: Sequence[SettingDoc]) -> str:
    lines = [f"## {title}", "", "| Variable | Type | Default | Change | Meaning |", "|---|---|---|---|---|"]
    for one in settings:
        meaning = one.description + (f" Also from a file: `{one.name}_FILE`." if one.secret else "")
        meaning += f" Formerly `{one.formerly}`, which is still read." if one.formerly else ""
        default = f"`{_default(one)}`" if _default(one) else ("required" if one.required else "")
        change = "live" if one.reloadable else "restart"
        lines.append(f"| `{one.name}` | {_cell(one.type)} | {_cell(default)} | {change} | {_cell(meaning)} |")
    return "\n".join(lines) + "\n"


def _default(one: SettingDoc) -> str:
    return "" if one.secret else one.default


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
