"""`sayit up` from its arguments until a signal stops it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path

from sayit.chassis.start import StartError, check_free, split_address
from sayit.cli import interrupt, paths
from sayit.cli.commands.up import Up
from sayit.cli.exit_codes import Interrupted, failing
from sayit.cli.local_suite import lock, logs, ports, prepare, tuned, worker_pools
from sayit.cli.local_suite import model as models
from sayit.cli.local_suite.plan import SuiteOptions, SuitePlan, plan
from sayit.cli.local_suite.supervisor import Suite, running
from sayit.cli.local_suite.valkey import without_password
from sayit.cli.messages import localized, note


def run(call: Up) -> None:
    """Runs a suite until a signal ends it.

    Raises:
        Failure: it cannot run; the lines say why.
        SayItError: the model is not there.
    """
    os.umask(0o077)  # for its logs and files, and for Valkey's: audio, text and secrets are its user's alone
    asked = worker_pools.parse(call.model)
    transcribers = worker_pools.of_default(asked[0], call.transcribers)
    with failing(StartError), contextlib.ExitStack() as held:
        call.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        listen = _with_port(call.listen)
        holder = lock.Holder(pid=os.getpid(), gateway=listen)
        killed_before = held.enter_context(lock.hold(call.data, holder))
        if killed_before is not None:
            prepare.wait_for_orphans(call.data / paths.READY_FILE)
        check_free(listen)
        rest = "" if call.rest == paths.NO_BRIDGE else _with_port(call.rest)
        if rest:
            _check_rest(rest)
        found = worker_pools.resolve_all(asked, models.resolve)
        others = worker_pools.others(asked, found)
        name, folder = found[0]
        workers, tuned_variables = tuned.chosen(
            call.data, name, folder, transcribers=transcribers, threads=call.threads, others=others, say=note
        )
        the_plan = plan(
            SuiteOptions(
                data=call.data,
                listen=listen,
                rest=rest,
                workforce=workers,
                model=name,
                model_folder=folder,
                redis_url=call.redis_url,
                log_dir=call.log_dir.absolute() if call.log_dir else None,
                grace_s=call.grace,
                others=others,
                tuned=tuned_variables,
            )
        )
        ready_files = [call.data / paths.READY_FILE, *([call.ready_file.absolute()] if call.ready_file else [])]
        with contextlib.suppress(Interrupted):  # a signal stops it
            interrupt.run(lambda: _keep(the_plan, ready_files, verbose=call.verbose))
        note("All parts have ended.")


def _check_rest(rest: str) -> None:
    try:
        check_free(rest)
    except StartError as error:
        advice = "choose another address with --rest HOST:PORT (port 0: any free one), or --rest none"
        raise StartError(f"{error} for the REST bridge and its page; {advice}") from None


def _with_port(listen: str) -> str:
    """The address with a chosen port where it says 0: a gateway that is started again must keep its address."""
    _, port = split_address(listen)
    return listen if port else f"{listen.rpartition(':')[0]}:{ports.free_ports(1)[0]}"


async def _keep(the_plan: SuitePlan, ready_files: list[Path], *, verbose: bool) -> None:
    async with contextlib.AsyncExitStack() as around:
        names = [part.name for part in the_plan.parts]
        rotating = asyncio.create_task(logs.keep_small(the_plan.options.logs, names))
        around.callback(rotating.cancel)
        if verbose:
            following = asyncio.create_task(logs.follow(the_plan.options.logs, names, _show))
            around.callback(following.cancel)
        note(f"Starting {len(the_plan.parts)} parts ...")
        suite = await around.enter_async_context(running(the_plan, note, ready_files=ready_files))
        _introduce(suite)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, _hangup(suite))
        around.callback(note, "Stopping ...")
        await asyncio.Event().wait()


def _hangup(suite: Suite) -> Callable[[], None]:
    """What SIGHUP does: the parts read their settings again, unless it says that the terminal was closed."""
    had_terminal = _has_terminal()

    def on_hangup() -> None:
        if had_terminal and not _has_terminal():
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            note("Settings are read again; the parts' logs say what has changed.")
            suite.hang_up()

    return on_hangup


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _introduce(suite: Suite) -> None:
    options = suite.plan.options
    pools_in_words = "; ".join(f"model {pool.model}, {pool.transcribers} transcribers" for pool in options.pools)
    threads = options.workforce.threads
    width = max(len(part.spec.name) for part in suite.parts)
    lines = [f"SayIt is up: {pools_in_words}, {threads} thread(s) each."]
    for part in suite.parts:
        metrics = f"   metrics http://{part.spec.metrics}/metrics" if part.spec.metrics else ""
        lines.append(f"  {part.spec.name:{width}}  {part.spec.address:<21}  process {part.pid}{metrics}")
    if options.redis_url:
        lines.append(f"  {'queue':{width}}  {without_password(options.redis_url)}")
    if suite.plan.rest:
        lines.append(f"Page and REST API: {suite.plan.rest}")
    lines.append(f"Data in {options.data}, logs in {options.logs}. Ctrl-C stops everything.")
    with contextlib.suppress(OSError):  # the output may be closed
        print("\n".join(map(localized, lines)), flush=True)


def _show(part: str, line: str) -> None:
    note(f"{part} | {line}")
