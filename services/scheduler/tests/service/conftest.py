"""Databases for whole schedulers."""

from __future__ import annotations

import pytest

_POSTGRESQL = pytest.param(
    "postgresql",
    marks=pytest.mark.thorough(
        "stores and races run on PostgreSQL on every commit (tests/db), and so do the flows that name both databases"
    ),
)


@pytest.fixture(params=["sqlite", _POSTGRESQL])
def both_databases(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has a test run on SQLite, which is the default, and in CI on PostgreSQL."""
    if request.param == "postgresql":
        monkeypatch.setenv("SAYIT_DATABASE_URL", request.getfixturevalue("postgres_url"))
