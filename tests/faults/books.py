"""What the scheduler's database says, read beside the running scheduler: the oracle's evidence."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sayit.v1 import resources_pb2

_ENDED = ("completed", "failed", "cancelled")


@dataclass(frozen=True)
class Running:
    """A chunk that a transcriber holds."""

    chunk_id: str
    job_id: str
    attempt: int
    #: Process id of the transcriber, which its name contains.
    pid: int
    on_engine: bool
    crashes: int


class Books:
    """Reads the database of a suite.

    Args:
        data: the suite's data folder.
    """

    def __init__(self, data: Path) -> None:
        self._path = data / "sayit.db"

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=20)) as connection:
            connection.execute("PRAGMA query_only=ON")
            yield connection

    def states(self) -> dict[str, str]:
        """The state of every job, by id."""
        with self._open() as connection:
            return dict(connection.execute("SELECT id, state FROM jobs"))

    def unfinished(self) -> set[str]:
        """Jobs that have not ended."""
        return {job for job, state in self.states().items() if state not in _ENDED}

    def done(self, job_id: str) -> int:
        """How many chunks of a job have their text."""
        with self._open() as connection:
            query = "SELECT COUNT(*) FROM chunks WHERE job_id = ? AND state = 'done'"
            return int(connection.execute(query, [job_id]).fetchone()[0])

    def error_of(self, job_id: str) -> str:
        """A failed job's code."""
        with self._open() as connection:
            return str(connection.execute("SELECT error_code FROM jobs WHERE id = ?", [job_id]).fetchone()[0])

    def running(self) -> list[Running]:
        """Chunks that transcribers hold now."""
        with self._open() as connection:
            rows = connection.execute(
                "SELECT c.id, c.job_id, c.attempt, a.transcriber_id, c.on_engine, c.crashes FROM chunks c "
                "JOIN attempts a ON a.chunk_id = c.id AND a.attempt = c.attempt WHERE c.state = 'running'"
            ).fetchall()
        return [Running(row[0], row[1], row[2], int(row[3].split("-")[-2]), bool(row[4]), row[5]) for row in rows]

    def attempts(self, job_id: str) -> list[tuple[str, int, str, float, int]]:
        """A job's attempts: chunk, attempt, outcome, start in seconds since the epoch, late writes."""
        with self._open() as connection:
            return connection.execute(
                "SELECT chunk_id, attempt, outcome, started_s, late_writes FROM attempts "
                "WHERE chunk_id IN (SELECT id FROM chunks WHERE job_id = ?) ORDER BY chunk_id, attempt",
                [job_id],
            ).fetchall()

    def begun_before(self, job_id: str) -> int:
        """Attempts at other jobs' chunks that began while this job's first chunk was due."""
        with self._open() as connection:
            [count] = connection.execute(
                "SELECT count(*) FROM attempts other, attempts own JOIN chunks ON chunks.id = own.chunk_id "
                "WHERE chunks.job_id = ? AND chunks.number = 0 AND own.attempt = 1 AND other.chunk_id <> own.chunk_id "
                "AND other.started_s > chunks.due_s AND other.started_s < own.started_s",
                [job_id],
            ).fetchone()
        return int(count)

    def outcomes(self) -> dict[str, int]:
        """How many attempts ended how."""
        with self._open() as connection:
            return dict(connection.execute("SELECT outcome, count(*) FROM attempts GROUP BY outcome"))

    def late_writes(self) -> int:
        """Writes that came after their attempt was over."""
        with self._open() as connection:
            return int(connection.execute("SELECT coalesce(sum(late_writes), 0) FROM attempts").fetchone()[0])

    def committed(self) -> int:
        """Chunks that are done."""
        with self._open() as connection:
            return int(connection.execute("SELECT count(*) FROM chunks WHERE state = 'done'").fetchone()[0])

    def longest_s(self, jobs: Collection[str]) -> float:
        """Seconds from acceptance to the end of the slowest of these jobs."""
        with self._open() as connection:
            rows = connection.execute("SELECT id, finished_s - created_s FROM jobs WHERE finished_s IS NOT NULL")
            return max(seconds for job, seconds in rows if job in jobs)

    def doubled(self, jobs: Collection[str]) -> list[str]:
        """What is there more than once in these jobs, in words: commits or texts of a chunk."""
        found = []
        with self._open() as connection:
            rows = connection.execute(
                "SELECT chunk_id, count(*) FROM attempts WHERE outcome = 'committed' "
                "GROUP BY chunk_id HAVING count(*) > 1"
            )
            found += [f"{chunk}: {count} commits" for chunk, count in rows if chunk.rsplit("-", 1)[0] in jobs]
            for job in jobs:
                texts = Counter(
                    event.chunk_text.chunk_index
                    for event in self._events(connection, job)
                    if event.HasField("chunk_text")
                )
                found += [f"{job}: chunk {index} told {count} times" for index, count in texts.items() if count > 1]
        return found

    def gaps(self, jobs: Collection[str]) -> list[str]:
        """Ended jobs whose events are not numbered 1, 2, 3 … or whose chunks are not all there, in words."""
        found = []
        with self._open() as connection:
            for job in jobs:
                seqs = [
                    row[0] for row in connection.execute("SELECT seq FROM events WHERE job_id=? ORDER BY seq", [job])
                ]
                row = connection.execute("SELECT last_seq, state, chunks_total FROM jobs WHERE id=?", [job]).fetchone()
                if row is None:
                    found.append(f"{job}: gone")
                    continue
                if seqs != list(range(1, row[0] + 1)):
                    found.append(f"{job}: events {seqs}, last {row[0]}")
                if row[1] == "completed":
                    numbers = sorted(
                        event.chunk_text.chunk_index
                        for event in self._events(connection, job)
                        if event.HasField("chunk_text")
                    )
                    if numbers != list(range(row[2] or 0)):
                        found.append(f"{job}: texts of chunks {numbers} of {row[2]}")
        return found

    def _events(self, connection: sqlite3.Connection, job_id: str) -> list[resources_pb2.JobEvent]:
        rows = connection.execute("SELECT payload FROM events WHERE job_id = ? ORDER BY seq", [job_id])
        return [resources_pb2.JobEvent.FromString(row[0]) for row in rows]
