"""All stores on one database, opened together."""

from __future__ import annotations

import fcntl
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sayit.chassis.start import StartError
from sayit.scheduler.db.api_keys import KeyStore
from sayit.scheduler.db.audit import AuditStore
from sayit.scheduler.db.chunk_cache import ChunkCacheStore
from sayit.scheduler.db.chunks import ChunkStore
from sayit.scheduler.db.corrections import CorrectionStore
from sayit.scheduler.db.engine import Database, Publish, database_at
from sayit.scheduler.db.holds import HoldStore
from sayit.scheduler.db.job_leases import JobStore
from sayit.scheduler.db.live_sessions import LiveStore
from sayit.scheduler.db.migrations import is_newest, upgrade
from sayit.scheduler.db.redecodes import RedecodeStore
from sayit.scheduler.db.refusal import refusing
from sayit.scheduler.db.share_links import ShareLinkStore
from sayit.scheduler.db.transactions import Rules
from sayit.scheduler.db.transcribers import TranscriberStore
from sayit.scheduler.db.uploads import UploadStore
from sayit.scheduler.db.usage import UsageStore
from sayit.scheduler.db.vocabularies import VocabularyStore
from sayit.scheduler.db.webhooks import WebhookStore


@dataclass(frozen=True, kw_only=True)
class Stores:
    """Every store of the scheduler."""

    uploads: UploadStore
    jobs: JobStore
    live: LiveStore
    chunks: ChunkStore
    redecodes: RedecodeStore
    chunk_cache: ChunkCacheStore
    transcribers: TranscriberStore
    vocabularies: VocabularyStore
    webhooks: WebhookStore
    corrections: CorrectionStore
    audit: AuditStore
    usage: UsageStore
    holds: HoldStore
    api_keys: KeyStore
    share_links: ShareLinkStore
    rules: Rules
    #: Whether no other scheduler can be on this database.
    exclusive: bool


@asynccontextmanager
async def opened(url: str, rules: Rules, *, published: Publish | None = None) -> AsyncIterator[Stores]:
    """Migrates the database and opens its stores.

    Args:
        url: SQLAlchemy URL, with an asynchronous driver unless it is SQLite's.
        rules: what transactions go by; may be changed later.
        published: called with every durable event, once it is committed.

    Raises:
        StartError: the database cannot be used, or another scheduler holds the SQLite file.
    """
    database = database_at(url)
    database.published = published
    with _only_one(database):
        try:
            with refusing(database.url):
                if not await database.write(is_newest):
                    await upgrade(database.url)
            yield Stores(
                uploads=UploadStore(database, rules),
                jobs=JobStore(database, rules),
                live=LiveStore(database, rules),
                chunks=ChunkStore(database, rules),
                redecodes=RedecodeStore(database, rules),
                chunk_cache=ChunkCacheStore(database, rules),
                transcribers=TranscriberStore(database, rules),
                vocabularies=VocabularyStore(database, rules),
                webhooks=WebhookStore(database, rules),
                corrections=CorrectionStore(database, rules),
                audit=AuditStore(database, rules),
                usage=UsageStore(database, rules),
                holds=HoldStore(database, rules),
                api_keys=KeyStore(database, rules),
                share_links=ShareLinkStore(database, rules),
                rules=rules,
                exclusive=database.is_sqlite,
            )
        finally:
            await database.close()


@contextmanager
def _only_one(database: Database) -> Iterator[None]:
    """Two schedulers on one SQLite file would often wait for each other's writes."""
    if not database.is_sqlite or not database.url.database or database.url.database == ":memory:":
        yield
        return
    path = Path(database.url.database)
    with ExitStack() as held:
        try:
            with refusing(database.url):
                held.enter_context(alone_with(path))
        except StartError as error:
            if isinstance(error.__cause__, BlockingIOError):
                raise StartError(f"another scheduler uses {path}") from None
            raise
        yield


@contextmanager
def alone_with(path: Path) -> Iterator[None]:
    """Holds the lock beside an SQLite file that its scheduler holds, as long as the block runs.

    Raises:
        BlockingIOError: another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
