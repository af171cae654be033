"""What the root conftest.py does with skipped tests in CI, and with tests that are left to CI."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = """
import pytest

def test_that_needs_a_browser():
    pytest.skip("no Chromium here")

def test_that_needs_docker():
    pytest.skip("no docker command here")

@pytest.mark.skipif(True, reason="needs Node")
def test_that_needs_node():
    raise AssertionError

@pytest.mark.xfail(strict=True)
def test_that_is_expected_to_fail():
    raise AssertionError
"""


def pytest_in(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Runs the tests of a folder by the rules of the root conftest.py."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "conftest",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:schemathesis",
        "--rootdir",
        folder,
    ]
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = thorough\n")
    clean = {"CI": "", "ALL_TESTS": "", "SAYIT_FAULTS": "", "PYTEST_ADDOPTS": "", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [*command, *(arguments or (folder,))],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, **clean, **settings},
    )


@pytest.mark.parametrize(
    ("ci", "counts"), [("true", "1 failed, 1 skipped, 1 xfailed, 1 error"), ("", "3 skipped, 1 xfailed")]
)
def test_a_skip_that_ci_does_not_expect_fails(tmp_path: Path, ci: str, counts: str) -> None:
    """What conftest.py lists may be skipped anywhere, anything else only outside of CI."""
    (tmp_path / "test_some.py").write_text(TESTS)
    done = pytest_in(tmp_path, CI=ci)
    assert f" {counts} in " in done.stdout, done.stdout + done.stderr
    assert ("needs Node" in done.stdout) == bool(ci)


THOROUGH = """
import pytest

def test_that_runs_on_every_commit():
    pass

@pytest.mark.thorough("test_that_runs_on_every_commit shows the same")
def test_of_a_second_browser():
    pass

@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.thorough("as above"))])
def test_of_a_flow(database):
    pass
"""


@pytest.mark.parametrize(
    ("settings", "more", "counts"),
    [
        ({}, (), "2 passed, 2 deselected"),
        ({}, ("-n", "1", "."), "2 passed"),
        ({"CI": "true"}, (), "4 passed"),
        ({"ALL_TESTS": "1"}, (), "4 passed"),
        ({}, ("test_some.py::test_of_a_second_browser",), "1 passed"),
    ],
    ids=["a commit", "a commit, workers", "CI", "make test ALL=1", "by name"],
)
def test_what_is_thorough_is_left_to_ci(
    tmp_path: Path, settings: dict[str, str], more: tuple[str, ...], counts: str
) -> None:
    """What is marked `thorough` runs in CI, with ALL=1 and by its name; else a line tells how much is left to CI."""
    (tmp_path / "test_some.py").write_text(THOROUGH)
    done = pytest_in(tmp_path, *more, **settings)
    assert f" {counts} in " in done.stdout, done.stdout + done.stderr
    left = "2 thorough tests are left to CI: make test ALL=1" in done.stdout
    assert left == counts.startswith("2 passed")


def test_a_thorough_test_names_its_reason(tmp_path: Path) -> None:
    """A mark without a reason is refused."""
    (tmp_path / "test_some.py").write_text(THOROUGH.replace('("as above")', ""))
    done = pytest_in(tmp_path, CI="true")
    assert "thorough without a reason: test_some.py::test_of_a_flow[postgresql]" in done.stdout + done.stderr
