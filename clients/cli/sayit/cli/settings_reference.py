"""The list of all settings, from the services' own definitions: for the terminal, and as docs/configuration.md."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from pydantic_settings import SettingsError

from sayit.chassis.settings import ServiceSettings, SettingDoc, check_names, describe, every_process, in_force, told
from sayit.cli import printer
from sayit.cli.exit_codes import failing

_HEAD = """# Configuration

Every setting is an environment variable; `sayit up` passes its own environment on to all parts, so that what is said
here holds for a laptop and for containers alike. An empty variable counts as unset. A secret can also be read from a
file: `SAYIT_NAME_FILE` names the file that holds the value of `SAYIT_NAME`.

`sayit config` shows every setting as a process that is started here would have it, and where it is from; `sayit admin
settings` asks those that run. A `SAYIT_*` name that is no setting of any process is an error, which says the nearest
one that is.

Settings can also stand in a file, one `SAYIT_NAME=VALUE` a line, that `SAYIT_SETTINGS_FILE` names, such as `.env` or
`production.env`; variables win.
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
| `SAYIT_CLIENT_CERTIFICATE` | `--client-certificate` | PEM file of your certificate and its key. |
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
`SAYIT_THREADS`, `SAYIT_TRANSCRIBERS_EXPECTED` and, counting on from yours, `SAYIT_METRICS_LISTEN`. Where you set
neither, `SAYIT_BATCH` and `SAYIT_COMPUTE_TYPE` are those that `sayit tune` found, if it has measured this machine
with this model.
"""


def sections() -> dict[str, tuple[SettingDoc, ...]]:
    """What all processes share, then what each kind of process has of its own, by title."""
    shared = describe(ServiceSettings)
    names = {one.name for one in shared}
    own = {
        name.capitalize(): tuple(one for one in describe(kind) if one.name not in names)
        for name, kind in every_process().items()
    }
    return {"Every process": shared, **own}


def page(parts: Mapping[str, Sequence[SettingDoc]]) -> str:
    """The page."""
    tables = "\n".join(_table(title, settings) for title, settings in parts.items())
    return f"{_HEAD}\n{tables}\n{_COMMAND_LINE}"


def show(*, markdown: bool, as_json: bool) -> None:
    """Prints the settings as they are in force for a process that is started here, and where each is from.

    Raises:
        Failure: a variable or a line of the file is no setting, or the file cannot be read.
    """
    parts = sections()
    if markdown:
        print(page(parts), end="")
        return
    with failing(SettingsError):
        found = {title: [(one, *in_force(one, os.environ)) for one in settings] for title, settings in parts.items()}
        check_names(told(os.environ))
    if as_json:
        printer.as_json(
            {
                title: [{**asdict(one), "value": value, "source": source} for one, value, source in settings]
                for title, settings in found.items()
            }
        )
    else:
        every = ((title, *row) for title, settings in found.items() for row in settings)
        rows = ((title, one.name, value or "-", source, one.description) for title, one, value, source in every)
        printer.table(("PROCESS", "VARIABLE", "VALUE", "FROM", "MEANING"), rows)


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
