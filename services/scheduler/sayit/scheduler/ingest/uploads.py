"""Uploads, and the creation of jobs. Accepted means that the audio is durable and the job's row is committed."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from sayit.chassis.background_tasks import BackgroundTasks
from sayit.chassis.principal import Principal
from sayit.scheduler.db.job_leases import JobStore
from sayit.scheduler.db.objects import Objects, no_addresses
from sayit.scheduler.db.uploads import UploadStore
from sayit.scheduler.ingest.admission import Admission
from sayit.scheduler.ingest.audio_quota import AudioQuota
from sayit.scheduler.ingest.downloads import Downloads, name_in
from sayit.scheduler.ingest.vocabularies import Vocabularies
from sayit.scheduler.jobs.limits import Limits
from sayit.scheduler.jobs.records import Hints, JobRecord, PartRecord, UploadRecord
from sayit.scheduler.outbound.destinations import Destinations, RefusedError
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import JobState, check_labels
from sayit.speech.options import Channels, Options
from sayit.speech.redaction import RedactStyle

#: Bytes of an upload that are stored together; what one upload keeps in memory.
PART_BYTES = 1 << 20
_MEGABYTE = 1_000_000
_MAX_NAME = 255
_MAX_KEY = 128


@dataclass(frozen=True, kw_only=True)
class JobRequest:
    """What a job is made with, but for its audio."""

    options: Options
    filename: str = ""
    #: The idempotency key; empty for none.
    key: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    traceparent: str = ""
    #: Where the job's end is told; empty for nowhere.
    callback_url: str = ""


@dataclass(frozen=True, kw_only=True)
class StoredRecording:
    """A job's audio as it was sent."""

    filename: str
    #: Bytes, of all of it.
    size: int
    #: What was asked for of it, in parts.
    data: AsyncGenerator[bytes]


@dataclass(kw_only=True, eq=False)
class Intake:
    """Uploads and the creation of jobs."""

    uploads: UploadStore
    jobs: JobStore
    objects: Objects
    #: The model that a request means.
    model_named: Callable[[str], Awaitable[str]]
    vocabularies: Vocabularies
    admission: Admission
    audio_quota: AudioQuota
    limits: Limits
    background: BackgroundTasks
    accepted: Callable[[], None]
    #: Where requests may go; None where no webhooks are sent.
    callbacks: Destinations | None
    #: Whether there is a secret for hashes in redacted text.
    hashes: bool
    downloads: Downloads
    #: How long addresses of recordings are valid; 0: none are given out.
    audio_address_s: float

    async def audio(self, who: Principal, job_id: str, offset: int = 0, length: int | None = None) -> StoredRecording:
        """A job's recording as it was sent, or bytes of it: see GetAudioRequest; JOB_NOT_FOUND."""
        job = await self.jobs.get_job(who.tenant, job_id)
        parts = await self.uploads.parts(job.upload_id)
        size = sum(part.size for part in parts)
        begin = offset if offset >= 0 else max(0, size + offset)
        end = size if length is None else min(size, begin + max(0, length))
        return StoredRecording(filename=job.filename, size=size, data=self._bytes(parts, begin, end))

    async def _bytes(self, parts: list[PartRecord], begin: int, end: int) -> AsyncGenerator[bytes]:
        for part in parts:
            first, last = max(begin, part.offset), min(end, part.offset + part.size)
            if first < last:
                yield (await self.objects.get(part.object_key))[first - part.offset : last - part.offset]

    async def audio_address(self, who: Principal, job_id: str) -> tuple[str, float]:
        """Where anyone can fetch an ended job's recording, and until when.

        Raises:
            SayItError: JOB_NOT_FOUND, JOB_NOT_FINISHED, INVALID_ARGUMENT where none are given out.
        """
        job = await self.jobs.get_job(who.tenant, job_id)
        if not self.audio_address_s:
            raise no_addresses()
        if not job.state.terminal:
            raise SayItError(ErrorKind.JOB_NOT_FINISHED, job_id=job_id)
        joined = f"uploads/{job.upload_id}/whole"
        expires_s = time.time() + self.audio_address_s
        keys = [part.object_key for part in await self.uploads.parts(job.upload_id)]
        url = await self.objects.address(keys, joined, self.audio_address_s)
        try:
            await self.jobs.get_job(who.tenant, job_id)
        except SayItError:
            await self.objects.delete(joined)  # it was deleted meanwhile, perhaps before this was stored
            raise
        return url, expires_s

    async def open_upload(self, who: Principal, *, filename: str, size: int | None) -> UploadRecord:
        """Opens an upload.

        Raises:
            SayItError: FILE_TOO_LARGE for an announced size above the limit, INVALID_ARGUMENT for a negative one,
                OVERLOADED while there is no room.
        """
        if size is not None and size < 0:
            raise SayItError(ErrorKind.INVALID_ARGUMENT, field="size_bytes", reason="the size is negative")
        if size is not None:
            self._within_limit(size)
        await self.admission.audio(who.tenant)
        await self.admission.upload(who.tenant)
        now = time.time()
        upload = UploadRecord(
            id=secrets.token_hex(16),
            tenant=who.tenant,
            key_id=who.key_id,
            filename=_display_name(filename),
            size=size,
            received=0,
            created_s=now,
            expires_s=now + self.limits.upload_ttl_s,
        )
        await self.uploads.create_upload(upload)
        return upload

    async def append(self, who: Principal, upload_id: str, offset: int, data: AsyncIterator[bytes]) -> UploadRecord:
        """Appends bytes at the upload's end. When the sender breaks off, what arrived stays.

        Raises:
            SayItError: UPLOAD_NOT_FOUND, UPLOAD_OFFSET_MISMATCH, FILE_TOO_LARGE, OVERLOADED.
        """
        upload = await self.uploads.get_upload(who.tenant, upload_id)
        if offset != upload.received:
            raise SayItError(ErrorKind.UPLOAD_OFFSET_MISMATCH, field="offset", expected=upload.received, offset=offset)
        await self.admission.audio(who.tenant)
        await self._receive(upload, data, keep_rest=True)
        return await self.uploads.get_upload(who.tenant, upload_id)

    async def create_job(self, who: Principal, wanted: JobRequest, data: AsyncIterator[bytes]) -> JobRecord:
        """Receives audio and accepts a job on it.

        Raises:
            SayItError: for options that are not valid, an empty file, too much of it, a full or unavailable service.
        """
        wanted, sent, existing = await self._admit(who, wanted)
        if existing is not None:
            return existing
        await self.admission.job(who.tenant)
        await self.audio_quota.check(who.tenant)
        upload = await self.open_upload(who, filename=wanted.filename, size=None)
        try:
            received = await self._receive(upload, data, keep_rest=False)
            _not_empty(received, "audio")
            return await self._accept(who, wanted, sent, upload)
        except BaseException:
            # Also when the sender goes away: no client knows this upload's id, so none could go on with it.
            await self.background.do(self._forget(who, upload.id))
            raise

    async def create_job_from(self, who: Principal, wanted: JobRequest, url: str) -> JobRecord:
        """Fetches audio and accepts a job on it; the file's name is the URL's, if none is wanted.

        Raises:
            SayItError: INVALID_OPTION for a URL that cannot be fetched; else as `create_job`.
        """
        async with aclosing(self.downloads.pieces(url)) as pieces:
            return await self.create_job(who, replace(wanted, filename=wanted.filename or name_in(url)), pieces)

    async def create_job_on(self, who: Principal, wanted: JobRequest, upload_id: str) -> JobRecord:
        """Accepts a job on a finished upload.

        Raises:
            SayItError: UPLOAD_NOT_FOUND, UPLOAD_INCOMPLETE, FILE_REQUIRED for an empty one; else as `create_job`.
        """
        wanted, sent, existing = await self._admit(who, wanted)
        if existing is not None:
            return existing
        await self.admission.job(who.tenant)
        await self.audio_quota.check(who.tenant)
        upload = await self.uploads.get_upload(who.tenant, upload_id)
        if upload.size is not None and upload.received != upload.size:
            raise SayItError(ErrorKind.UPLOAD_INCOMPLETE, received=upload.received, size=upload.size)
        _not_empty(upload.received, "upload_id")
        if wanted.filename:
            upload = replace(upload, filename=_display_name(wanted.filename))
        return await self._accept(who, wanted, sent, upload)

    async def begin_live(
        self, who: Principal, wanted: JobRequest, live: str, *, header: bytes, admit: Callable[[str], None]
    ) -> JobRecord:
        """Accepts a live session: a job whose upload begins with this header and grows while it is RECEIVING.

        Args:
            who: the caller.
            wanted: the job.
            live: its client's options, to be stored.
            header: what the audio begins with.
            admit: takes the room that a session of a model needs, or refuses it.

        Raises:
            SayItError: as `create_job`; what `admit` raises.
        """
        if wanted.options.channels is Channels.SPLIT:
            raise SayItError(ErrorKind.INVALID_OPTION, field="channels", reason="live speech is always mixed")
        wanted, sent, existing = await self._admit(who, wanted)
        if existing is not None:
            return existing
        await self.admission.job(who.tenant)
        await self.audio_quota.check(who.tenant)
        admit(wanted.options.model)
        upload = await self.open_upload(who, filename=wanted.filename, size=None)
        try:
            await self._store_part(upload.id, 0, header)
            return await self._accept(who, wanted, sent, upload, live)
        except BaseException:
            await self.background.do(self._forget(who, upload.id))
            raise

    async def _admit(self, who: Principal, wanted: JobRequest) -> tuple[JobRequest, Hints | None, JobRecord | None]:
        """A valid request, its options with their model and their vocabulary's words, and what was sent of those.

        Or the job that the key has made already: a retry is never refused, even if the vocabulary changed.
        """
        if len(wanted.key) > _MAX_KEY:
            reason = f"longer than {_MAX_KEY} characters"
            raise SayItError(ErrorKind.INVALID_OPTION, field="idempotency_key", reason=reason)
        check_labels(wanted.labels)
        self._check_callback(wanted.callback_url)
        options = wanted.options.normalised()
        if options.redact_style is RedactStyle.HASH and options.redacts and not self.hashes:
            reason = "this installation has no secret for hashes (SAYIT_REDACTION_SECRET)"
            raise SayItError(ErrorKind.INVALID_OPTION, field="redact_style", reason=reason)
        job = await self.jobs.find_by_idempotency_key(who.tenant, wanted.key)
        if job is not None:
            _same(options, job)
            return wanted, None, job
        options, sent = await self.vocabularies.applied(who, options)
        options = replace(options, model=await self.model_named(options.model))
        return replace(wanted, options=options), sent, None

    def _check_callback(self, url: str) -> None:
        reason = "this installation sends no webhooks (SAYIT_WEBHOOK_SECRETS)" if url and self.callbacks is None else ""
        try:
            if url and self.callbacks is not None:
                self.callbacks.target(url)
        except RefusedError as error:
            reason = str(error)
        if reason:
            raise SayItError(ErrorKind.INVALID_OPTION, field="callback_url", reason=reason)

    async def _accept(
        self, who: Principal, wanted: JobRequest, sent: Hints | None, upload: UploadRecord, live: str | None = None
    ) -> JobRecord:
        job = JobRecord(
            id=secrets.token_hex(16),
            tenant=who.tenant,
            key_id=who.key_id,
            upload_id=upload.id,
            filename=upload.filename,
            options=wanted.options,
            sent=sent,
            model=wanted.options.model,
            state=JobState.PREPARING if live is None else JobState.RECEIVING,
            idempotency_key=wanted.key,
            created_s=time.time(),
            traceparent=wanted.traceparent,
            labels=wanted.labels,
            callback_url=wanted.callback_url,
        )
        accepted, new = await self.admission.accept(job, live)
        if not new:
            await self._forget(who, upload.id)
            _same(job.requested, accepted)
        self.accepted()
        return accepted

    async def _receive(self, upload: UploadRecord, data: AsyncIterator[bytes], *, keep_rest: bool) -> int:
        """Stores bytes as they arrive, in parts; returns how many the upload has then."""
        end = upload.received
        rest = bytearray()
        try:
            async for piece in data:
                self._within_limit(end + len(rest) + len(piece), announced=upload.size)
                rest += piece
                while len(rest) >= PART_BYTES:
                    part = bytes(rest[:PART_BYTES])
                    del rest[:PART_BYTES]
                    end = await self._store_part(upload.id, end, part)
        except SayItError:
            raise
        except BaseException:
            if keep_rest and rest:
                await self._store_rest(upload.id, end, rest)
            raise
        return await self._store_rest(upload.id, end, rest) if rest else end

    async def _store_rest(self, upload_id: str, end: int, rest: bytearray) -> int:
        """Stores what is left, also for a sender that is gone: these bytes need not be sent again.

        A lost sender may cause a cancellation at any await, so storing runs in a task of its own.
        """
        return await self.background.do(self._store_part(upload_id, end, bytes(rest)))

    async def _store_part(self, upload_id: str, offset: int, data: bytes) -> int:
        # Two senders at one offset must not overwrite each other's object before the row decides who was first.
        key = f"uploads/{upload_id}/{offset:012d}-{secrets.token_hex(4)}"
        await self.objects.put(key, data)
        try:
            await self.uploads.add_part(upload_id, PartRecord(offset=offset, size=len(data), object_key=key))
        except SayItError as error:
            if not error.kind.retryable:
                await self.objects.delete(key)  # no row names it
            raise
        return offset + len(data)

    async def _forget(self, who: Principal, upload_id: str) -> None:
        try:
            await self.uploads.delete_upload(who.tenant, upload_id)
        except SayItError:
            return  # a job took it after all, or the database is away: it expires by itself

    def _within_limit(self, size: int, *, announced: int | None = None) -> None:
        if announced is not None and size > announced:
            raise SayItError(ErrorKind.INVALID_ARGUMENT, field="data", reason="more bytes than announced")
        if size > self.limits.max_upload_bytes:
            limit_mb = self.limits.max_upload_bytes // _MEGABYTE
            raise SayItError(ErrorKind.FILE_TOO_LARGE, field="audio", limit_mb=limit_mb)


def _same(options: Options, job: JobRecord) -> None:
    """Refuses another request under a used key; no model named means whatever was the default then."""
    if job.requested != (options if options.model else replace(options, model=job.model)):
        raise SayItError(ErrorKind.IDEMPOTENCY_CONFLICT, field="idempotency_key")


def _not_empty(received: int, field: str) -> None:
    if received == 0:
        raise SayItError(ErrorKind.FILE_REQUIRED, field=field)


def _display_name(filename: str) -> str:
    """The last part of a name, without control characters; it is shown and never opened."""
    name = filename.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(char for char in name if char.isprintable())[:_MAX_NAME]
