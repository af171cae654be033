"""What the root conftest.py does with skipped tests in CI."""

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


@pytest.mark.parametrize(
    ("ci", "counts"), [("true", "1 failed, 1 skipped, 1 xfailed, 1 error"), ("", "3 skipped, 1 xfailed")]
)
def test_a_skip_that_ci_does_not_expect_fails(tmp_path: Path, ci: str, counts: str) -> None:
    """What conftest.py lists may be skipped anywhere, anything else only outside of CI."""
    (tmp_path / "test_some.py").write_text(TESTS)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "conftest", "-p", "no:cacheprovider", "--rootdir", tmp_path, tmp_path],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "CI": ci, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""},
    )
    assert f" {counts} in " in done.stdout, done.stdout + done.stderr
    assert ("needs Node" in done.stdout) == bool(ci)
