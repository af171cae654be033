"""Uploads and their parts in the database."""

from __future__ import annotations

from sqlalchemy import delete, exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sayit.scheduler.job.records import PartRecord, UploadRecord
from sayit.scheduler.stores import codec
from sayit.scheduler.stores.bin import throw_away
from sayit.scheduler.stores.database import Database
from sayit.scheduler.stores.locks import lock_upload
from sayit.scheduler.stores.tables import jobs, upload_parts, uploads
from sayit.speech.errors import ErrorKind, SayItError


class SqlUploads:
    """`ports.UploadStore` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create_upload(self, upload: UploadRecord) -> None:
        """See the port."""
        values = {name: getattr(upload, name) for name in uploads.c.keys()}  # noqa: SIM118 - a column collection, not a dict
        async with self._database.write() as connection:
            await connection.execute(insert(uploads).values(values))

    async def get_upload(self, tenant: str, upload_id: str) -> UploadRecord:
        """See the port."""
        async with self._database.read() as connection:
            statement = select(uploads).where(uploads.c.id == upload_id, uploads.c.tenant == tenant)
            row = (await connection.execute(statement)).one_or_none()
        if row is None:
            raise _not_found(upload_id)
        return codec.upload_of(row)

    async def add_part(self, upload_id: str, part: PartRecord) -> None:
        """See the port."""
        async with self._database.write() as connection:
            await lock_upload(connection, upload_id)
            # What a job was made on is what it was made on: preparing may read it more than once.
            sealed = exists().where(jobs.c.upload_id == upload_id)
            grown = await connection.execute(
                update(uploads)
                .where(uploads.c.id == upload_id, uploads.c.received == part.offset, ~sealed)
                .values(received=part.offset + part.size)
            )
            if grown.rowcount != 1:
                if (await connection.execute(select(sealed))).scalar_one():
                    raise SayItError(ErrorKind.INVALID_ARGUMENT, field="upload_id", reason="a job uses this upload")
                received = (
                    await connection.execute(select(uploads.c.received).where(uploads.c.id == upload_id))
                ).scalar_one_or_none()
                if received is None:
                    raise _not_found(upload_id)
                raise SayItError(
                    ErrorKind.UPLOAD_OFFSET_MISMATCH, field="offset", expected=received, offset=part.offset
                )
            await connection.execute(
                insert(upload_parts).values(
                    upload_id=upload_id, offset=part.offset, size=part.size, object_key=part.object_key
                )
            )

    async def parts(self, upload_id: str) -> list[PartRecord]:
        """See the port."""
        async with self._database.read() as connection:
            statement = (
                select(upload_parts).where(upload_parts.c.upload_id == upload_id).order_by(upload_parts.c.offset)
            )
            rows = (await connection.execute(statement)).all()
        return [PartRecord(offset=row.offset, size=row.size, object_key=row.object_key) for row in rows]

    async def delete_upload(self, tenant: str, upload_id: str) -> None:
        """See the port."""
        async with self._database.write() as connection:
            owned = exists().where(uploads.c.id == upload_id, uploads.c.tenant == tenant)
            if not (await connection.execute(select(owned))).scalar_one() or not await drop_unused(
                connection, upload_id
            ):
                raise _not_found(upload_id)


async def drop_unused(connection: AsyncConnection, upload_id: str) -> bool:
    """Forgets an upload unless a job uses it, inside the caller's transaction; whether it did."""
    await lock_upload(connection, upload_id)
    used = exists().where(jobs.c.upload_id == upload_id)
    gone = await connection.execute(delete(uploads).where(uploads.c.id == upload_id, ~used))
    if gone.rowcount == 1:
        await throw_away(connection, f"uploads/{upload_id}/")
    return gone.rowcount == 1


def _not_found(upload_id: str) -> SayItError:
    return SayItError(ErrorKind.UPLOAD_NOT_FOUND, upload_id=upload_id[:64])
