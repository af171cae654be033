"""Uploads and their parts in the database."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import Connection, and_, delete, exists, func, insert, select, update

from sayit.scheduler.db.engine import deleted
from sayit.scheduler.db.holds import UPLOAD_FREE, check_free
from sayit.scheduler.db.locks import lock_upload
from sayit.scheduler.db.object_gc import mark_as_garbage
from sayit.scheduler.db.schema import jobs, upload_parts, uploads, whole
from sayit.scheduler.db.transactions import Store, reads, writes
from sayit.scheduler.jobs.records import PartRecord, UploadRecord
from sayit.speech.errors import ErrorKind, SayItError

#: Whether a row of uploads has no job.
UNUSED = ~exists().where(jobs.c.upload_id == uploads.c.id).correlate(uploads)


class UploadStore(Store):
    """Uploads and their parts."""

    @writes
    def create_upload(self, connection: Connection, upload: UploadRecord) -> None:
        """Opens an upload."""
        connection.execute(insert(uploads).values(asdict(upload)))

    @reads
    def unused(self, connection: Connection, tenant: str) -> int:
        """How many uploads a tenant has that no job uses."""
        mine = select(func.count()).select_from(uploads).where(uploads.c.tenant == tenant, UNUSED)
        return int(connection.execute(mine).scalar_one())

    @reads
    def exceeds_share(self, connection: Connection, tenant: str) -> bool:
        """Whether a tenant has stored more than an equal part of all tenants' bytes."""
        sizes = select(uploads.c.tenant, whole(func.sum(uploads.c.received)).label("size")).group_by(uploads.c.tenant)
        stored = {row.tenant: row.size for row in connection.execute(sizes)}
        return bool(stored.get(tenant, 0) * len(stored) > sum(stored.values()))

    @reads
    def get_upload(self, connection: Connection, tenant: str, upload_id: str) -> UploadRecord:
        """Returns an upload; UPLOAD_NOT_FOUND for another tenant's, too."""
        statement = select(uploads).where(uploads.c.id == upload_id, uploads.c.tenant == tenant)
        row = connection.execute(statement).one_or_none()
        if row is None:
            raise _not_found(upload_id)
        return UploadRecord(**row._asdict())

    @writes
    def add_part(self, connection: Connection, upload_id: str, part: PartRecord) -> None:
        """Appends a stored part; UPLOAD_OFFSET_MISMATCH unless it begins where the upload ends."""
        lock_upload(connection, upload_id)
        # A job's upload must not change: preparing may read it more than once.
        sealed = exists().where(jobs.c.upload_id == upload_id)
        grown = connection.execute(
            update(uploads)
            .where(uploads.c.id == upload_id, uploads.c.received == part.offset, ~sealed)
            .values(received=part.offset + part.size)
        )
        if grown.rowcount != 1:
            if connection.execute(select(sealed)).scalar_one():
                raise SayItError(ErrorKind.INVALID_ARGUMENT, field="upload_id", reason="a job uses this upload")
            received = (
                connection.execute(select(uploads.c.received).where(uploads.c.id == upload_id))
            ).scalar_one_or_none()
            if received is None:
                raise _not_found(upload_id)
            raise SayItError(ErrorKind.UPLOAD_OFFSET_MISMATCH, field="offset", expected=received, offset=part.offset)
        connection.execute(insert(upload_parts).values(upload_id=upload_id, **asdict(part)))

    @reads
    def parts(self, connection: Connection, upload_id: str) -> list[PartRecord]:
        """The parts in order."""
        columns = (upload_parts.c.offset, upload_parts.c.size, upload_parts.c.object_key)
        statement = select(*columns).where(upload_parts.c.upload_id == upload_id).order_by(upload_parts.c.offset)
        return [PartRecord(**row._asdict()) for row in connection.execute(statement)]

    @writes
    def delete_upload(self, connection: Connection, tenant: str, upload_id: str) -> None:
        """Deletes an upload that no job uses and marks its objects as garbage; else UPLOAD_NOT_FOUND; LEGAL_HOLD."""
        owned = exists().where(uploads.c.id == upload_id, uploads.c.tenant == tenant, UNUSED)
        if not connection.execute(select(owned)).scalar_one():
            raise _not_found(upload_id)
        check_free(connection, tenant, and_(uploads.c.id == upload_id, UPLOAD_FREE))
        if not drop_unused(connection, upload_id):
            raise _not_found(upload_id)


def drop_unused(connection: Connection, upload_id: str) -> bool:
    """Deletes an upload unless a job uses it, inside the caller's transaction; whether it did."""
    lock_upload(connection, upload_id)
    deleted(connection)
    used = exists().where(jobs.c.upload_id == upload_id)
    gone = connection.execute(delete(uploads).where(uploads.c.id == upload_id, ~used))
    if gone.rowcount == 1:
        mark_as_garbage(connection, f"uploads/{upload_id}/")
    return gone.rowcount == 1


def _not_found(upload_id: str) -> SayItError:
    return SayItError(ErrorKind.UPLOAD_NOT_FOUND, upload_id=upload_id[:64])
