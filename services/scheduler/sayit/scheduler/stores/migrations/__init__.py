"""The schema's history; `upgrade` brings a database to the newest version."""

from __future__ import annotations

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy.engine import URL


def config(url: URL) -> Config:
    """Alembic's configuration for a database."""
    result = Config()
    result.set_main_option("script_location", str(Path(__file__).parent))
    result.attributes["url"] = url
    return result


async def upgrade(url: URL, revision: str = "head") -> None:
    """Migrates forward. Alembic is synchronous, so it runs in a thread with an event loop of its own."""
    await asyncio.to_thread(command.upgrade, config(url), revision)


async def downgrade(url: URL, revision: str) -> None:
    """Migrates back."""
    await asyncio.to_thread(command.downgrade, config(url), revision)
