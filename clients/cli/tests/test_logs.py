"""The parts' log files."""

from __future__ import annotations

from pathlib import Path

from sayit.cli.local_suite import logs


def test_a_log_is_put_aside_while_its_part_writes(tmp_path: Path) -> None:
    """What was written is kept once, what follows begins a new file, and the last lines are found after that, too."""
    path = logs.path_of(tmp_path, "gateway")
    with logs.opened(path) as log:
        log.write(b"one\n" * 100)
        log.flush()
        began = path.stat().st_size
        logs.rotate(path, above=1_000)
        assert path.stat().st_size == began, "it is not too large yet"
        logs.rotate(path, above=100)
        log.write(b"two\n")
    assert path.read_bytes() == b"two\n"
    assert path.with_suffix(".log.1").read_bytes() == b"one\n" * 100
    assert logs.last_lines(path, 5, since=began) == ["two"]
