"""Databases for whole schedulers."""

from __future__ import annotations

import pytest


@pytest.fixture(params=["sqlite", "postgresql"])
def both_databases(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has a test run on SQLite, which is the default, and on PostgreSQL."""
    if request.param == "postgresql":
        monkeypatch.setenv("SAYIT_DATABASE_URL", request.getfixturevalue("postgres_url"))
