"""Uploads and their parts in the database."""

from __future__ import annotations

from sqlalchemy import Connection, delete, exists, insert, select, update

from sayit.scheduler.db import codec
from sayit.scheduler.db.engine import Store, reads, writes
from sayit.scheduler.db.locks import lock_upload
from sayit.scheduler.db.object_gc import mark_as_garbage
from sayit.scheduler.db.schema import jobs, upload_parts, uploads
from sayit.scheduler.jobs.records import PartRecord, UploadRecord
from sayit.speech.errors import ErrorKind, SayItError


class UploadStore(Store):
    """Uploads and their parts."""

    @writes
    def create_upload(self, connection: Connection, upload: UploadRecord) -> None:
        """Opens an upload."""
        values = {name: getattr(upload, name) for name in uploads.c.keys()}  # noqa: SIM118 - a column collection, not a dict
        connection.execute(insert(uploads).values(values))

    @reads
    def get_upload(self, connection: Connection, tenant: str, upload_id: str) -> UploadRecord:
        """Returns an upload; UPLOAD_NOT_FOUND for another tenant's, too."""
        statement = select(uploads).where(uploads.c.id == upload_id, uploads.c.tenant == tenant)
        row = connection.execute(statement).one_or_none()
        if row is None:
            raise _not_found(upload_id)
        return codec.upload_of(row)

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
        connection.execute(
            insert(upload_parts).values(
                upload_id=upload_id, offset=part.offset, size=part.size, object_key=part.object_key
            )
        )

    @reads
    def parts(self, connection: Connection, upload_id: str) -> list[PartRecord]:
        """The parts in order."""
        statement = select(upload_parts).where(upload_parts.c.upload_id == upload_id).order_by(upload_parts.c.offset)
        rows = connection.execute(statement).all()
        return [PartRecord(offset=row.offset, size=row.size, object_key=row.object_key) for row in rows]

    @writes
    def delete_upload(self, connection: Connection, tenant: str, upload_id: str) -> None:
        """Deletes an upload that no job uses and marks its objects as garbage; else UPLOAD_NOT_FOUND."""
        owned = exists().where(uploads.c.id == upload_id, uploads.c.tenant == tenant)
        if not connection.execute(select(owned)).scalar_one() or not drop_unused(connection, upload_id):
            raise _not_found(upload_id)


def drop_unused(connection: Connection, upload_id: str) -> bool:
    """Deletes an upload unless a job uses it, inside the caller's transaction; whether it did."""
    lock_upload(connection, upload_id)
    used = exists().where(jobs.c.upload_id == upload_id)
    gone = connection.execute(delete(uploads).where(uploads.c.id == upload_id, ~used))
    if gone.rowcount == 1:
        mark_as_garbage(connection, f"uploads/{upload_id}/")
    return gone.rowcount == 1


def _not_found(upload_id: str) -> SayItError:
    return SayItError(ErrorKind.UPLOAD_NOT_FOUND, upload_id=upload_id[:64])
