"""Transcripts as callers corrected them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import takewhile

from sayit.chassis import telemetry
from sayit.chassis.principal import Principal
from sayit.scheduler.assemble.finalize import Results
from sayit.scheduler.assemble.redaction.transcripts import data_in
from sayit.scheduler.db.corrections import CorrectionStore
from sayit.speech.corrected import corrected
from sayit.speech.corrections import (
    MAX_VERSIONS,
    Corrections,
    TranscriptVersion,
    all_of,
    checked_corrections,
    next_version,
    restoring,
)
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.transcript import Transcript

_DEFAULT_PAGE, _MAX_PAGE = 50, 200


@dataclass(frozen=True, kw_only=True)
class CorrectedTranscripts:
    """Transcripts with their versions; the model's own text is never changed."""

    results: Results
    store: CorrectionStore

    async def transcript(
        self, who: Principal, job_id: str, *, version: int | None = None, raw: bool = False
    ) -> Transcript:
        """A finished job's transcript in a version, or in the newest one; 0 is the model's own text.

        Raises:
            SayItError: as `Results.transcript`; INVALID_ARGUMENT for a version that is not there.
        """
        model = await self.results.transcript(who, job_id, raw=raw)
        if version == 0:
            return model
        changes = await self.corrections(who, job_id, version=version)
        return await asyncio.to_thread(corrected, model, changes) if changes.version else model

    async def corrections(self, who: Principal, job_id: str, *, version: int | None = None) -> Corrections:
        """All that is corrected in a version, or in the newest one; errors as above but for what the job's state is."""
        found = all_of(await self.store.changes(who.tenant, job_id, last=version))
        return found if version is None else _existing(found, version)

    async def update(
        self, who: Principal, job_id: str, *, expected: int, asked: Corrections, restored: int | None = None
    ) -> Corrections:
        """Corrects a transcript, or restores a version of it; returns all that is corrected then.

        Raises:
            SayItError: as `transcript`; VERSION_CONFLICT, TOO_MANY_VERSIONS, INVALID_ARGUMENT.
        """
        model = await self.results.transcript(who, job_id, raw=True)
        asked = await asyncio.to_thread(checked_corrections, asked, model)
        if restored is not None and (asked.segments or asked.names):
            raise SayItError(ErrorKind.INVALID_ARGUMENT, field="restored_version", reason="either it or corrections")
        shown = await self.results.transcript(who, job_id)
        redaction = await self.results.redaction(who, job_id)
        while True:
            versions = await self.store.changes(who.tenant, job_id)
            if restored is not None:
                earlier = all_of(takewhile(lambda version: version.version <= restored, versions))
                asked = restoring(all_of(versions), _existing(earlier, restored))
            changes = await asyncio.to_thread(next_version, model, versions, asked, expected)
            if changes is None:
                return all_of(versions)
            if len(versions) >= MAX_VERSIONS:
                raise SayItError(ErrorKind.TOO_MANY_VERSIONS, limit=MAX_VERSIONS)
            then = all_of([*versions, changes])
            now = await asyncio.to_thread(corrected, shown, then)
            if redaction.on and (held := await asyncio.to_thread(data_in, now, redaction)):
                reason = f"it holds what this job's text is redacted of: {held[0].kind}"
                raise SayItError(ErrorKind.INVALID_ARGUMENT, field="segments", reason=reason)
            text = now.text
            if await self.store.add(who.tenant, job_id, who.key_id, changes, text=text):
                telemetry.logger().info(
                    "corrected", job_id=job_id, tenant=who.tenant, version=changes.version, count=len(changes.segments)
                )
                return then

    async def versions(self, who: Principal, job_id: str, *, page_size: int, before: int) -> list[TranscriptVersion]:
        """A page of versions, newest first; JOB_NOT_FOUND."""
        if page_size < 0 or before < 0:
            raise SayItError(ErrorKind.INVALID_ARGUMENT, field="page_size", reason="it is negative")
        size = min(page_size or _DEFAULT_PAGE, _MAX_PAGE)
        return await self.store.versions(who.tenant, job_id, before=before or None, limit=size)


def _existing(found: Corrections, version: int) -> Corrections:
    if found.version != version:
        raise SayItError(ErrorKind.INVALID_ARGUMENT, field="version", reason=f"there is no version {version}")
    return found
