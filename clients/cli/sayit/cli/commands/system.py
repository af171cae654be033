# ruff: noqa: PLC0415 - what a command needs is imported inside it, so that `sayit --help` is quick
"""`sayit status`, `models`, `capacity`, `doctor`, `config`, `support-bundle`, `version`: how an installation is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sayit.cli.commands.arguments import AsJson, folder, spread
from sayit.cli.connection import SuiteConnection
from sayit.cli.paths import DEFAULT_ADDRESS, DEFAULT_REST

models = typer.Typer(help="List the models of a suite and of this machine, or fetch one.")


@spread
def status(connection: SuiteConnection, as_json: AsJson = False) -> None:
    """Show how a suite is: its parts, transcribers and the last day; exit status 1 if a part is down."""
    from sayit.cli import suite_status

    raise typer.Exit(suite_status.show_status(connection, as_json=as_json))


@models.callback(invoke_without_command=True)
@spread
def list_models(context: typer.Context, connection: SuiteConnection, as_json: AsJson = False) -> None:
    """List the models that a suite serves now and, without --server, those that are on this machine."""
    from sayit.cli import suite_status

    if context.invoked_subcommand is None:
        suite_status.show_models(connection, as_json=as_json)


@models.command("pull")
def pull(
    model: Annotated[
        str,
        typer.Argument(
            metavar="[NAME]", help="small, base, medium, large-v3-turbo ...", show_default="what `sayit up` would take"
        ),
    ] = "",
) -> None:
    """Fetch a model to this machine, so that a suite can start without a network; prints its name and folder."""
    from sayit.cli.local_suite.model import resolve

    print(*resolve(model))


@spread
def capacity(
    connection: SuiteConnection,
    hours: Annotated[float, typer.Option("--hours", min=1, help="How far back to look.")] = 24.0,
    growth: Annotated[float, typer.Option("--growth", min=-90, help="Per cent more than there was.")] = 0.0,
    as_json: AsJson = False,
) -> None:
    """Forecast whether the transcribers suffice, from the jobs that were and the speeds that were measured.

    It counts the jobs that your key may see and that are still kept (SAYIT_RESULT_TTL_H); what the cache answered costs
    nothing. NEEDED keeps the busiest hour below 70 % of use.
    """
    from sayit.cli import capacity as forecasts

    forecasts.show(connection, hours=hours, growth=growth / 100, as_json=as_json)


def doctor(
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="FOLDER", envvar="SAYIT_DATA_DIR", help="Folder to examine.", parser=folder),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="NAME|PATH[=N]", help="As for `up`; several times for several models."),
    ] = None,
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", envvar="SAYIT_LISTEN", help="Address to examine.")
    ] = DEFAULT_ADDRESS,
    rest: Annotated[
        str, typer.Option("--rest", metavar="HOST:PORT", envvar="SAYIT_BRIDGE_LISTEN", help="The page's address.")
    ] = DEFAULT_REST,
    as_json: AsJson = False,
) -> None:
    """Examine this installation: what is wrong, and what to do about it; exit status 1 if something fails."""
    from sayit.cli import paths
    from sayit.cli.doctor import report

    examined = data or paths.default_data()
    raise typer.Exit(report.run(data=examined, models=tuple(model or ()), listen=listen, rest=rest, as_json=as_json))


def config(
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the page docs/configuration.md.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show all settings (SAYIT_* variables) as they are in force here, and where each is from."""
    from sayit.cli import settings_reference

    settings_reference.show(markdown=markdown, as_json=as_json)


def support_bundle(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Archive to write.")] = Path("sayit-support.tar.gz"),
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="FOLDER", envvar="SAYIT_DATA_DIR", help="The suite's folder.", parser=folder),
    ] = None,
) -> None:
    """Write an archive for the engineer who looks for a fault: settings, versions, logs, metrics, last errors.

    It holds no secrets, no text and no audio; look into it before you send it all the same.
    """
    from sayit.cli import paths, support_bundle

    names = support_bundle.write(file, data or paths.default_data())
    print(f"{file}: {', '.join(names)}")


def version(as_json: AsJson = False) -> None:
    """Print the version."""
    from sayit.cli import printer
    from sayit.cli.exit_codes import own_version

    if as_json:
        printer.as_json({"version": own_version()})
    else:
        print(f"sayit {own_version()}")
