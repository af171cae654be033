"""Live sessions of this scheduler: begun, resumed, stopped, and finished where no client comes back."""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sayit.chassis import telemetry
from sayit.chassis.principal import Principal
from sayit.chassis.wake_up import WakeUp
from sayit.scheduler.db.engine import Publish
from sayit.scheduler.db.job_leases import JobStore
from sayit.scheduler.db.lease_keeper import Leasing, one_after_the_other
from sayit.scheduler.db.live_sessions import LiveStore
from sayit.scheduler.db.objects import Objects
from sayit.scheduler.db.uploads import UploadStore
from sayit.scheduler.jobs.limits import Limits
from sayit.scheduler.jobs.live import OPTIONS, WAV_HEADER_BYTES, LiveRecord
from sayit.scheduler.jobs.records import ChunkOutput, JobRecord
from sayit.scheduler.live.compressed import Decompress
from sayit.scheduler.live.transcribers import LiveTranscribers, Seat
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import Job, JobState
from sayit.speech.live import LiveOptions
from sayit.speech.options import Guard
from sayit.speech.transcript import Segment

if TYPE_CHECKING:  # NumPy is loaded by the first session
    from sayit.scheduler.live.session import Session
    from sayit.scheduler.live.turns import Voices


def stored_options(options: LiveOptions) -> str:
    """A client's options as they are stored."""
    return OPTIONS.dump_json(options).decode()


class LeaseLostError(Exception):
    """Another call has the session, or it has ended."""


async def why_lost(jobs: JobStore, lost: JobRecord) -> SayItError:
    """What a call is told that has lost its session."""
    try:
        job = await jobs.get_job(lost.tenant, lost.id)
    except SayItError as error:
        return error
    if job.state is JobState.CANCELLED:
        return SayItError(ErrorKind.JOB_CANCELLED, job_id=job.id)
    if job.state is JobState.FAILED:
        return SayItError(ErrorKind.JOB_FAILED, job_id=job.id, reason=job.error_code)
    reason = "another call goes on with this session"
    return SayItError(ErrorKind.INVALID_ARGUMENT, field="resume_job_id", reason=reason)


@dataclass(kw_only=True, eq=False)
class LiveParts:
    """What sessions work with."""

    live: LiveStore
    jobs: JobStore
    uploads: UploadStore
    objects: Objects
    leasing: Leasing
    limits: Limits
    transcribers: LiveTranscribers
    publish: Publish
    #: A job as clients see it.
    view: Callable[[JobRecord], Job]
    #: The hallucination filter.
    filtered: Callable[[ChunkOutput, Guard], ChunkOutput]
    #: An utterance of a job without personal data.
    redacted: Callable[[JobRecord, ChunkOutput], tuple[Segment, ...]]
    #: Raises OVERLOADED where there is no room for more audio of a tenant.
    room_for_audio: Callable[[str], Awaitable[None]]
    #: Counts seconds of a tenant's audio.
    spend: Callable[[str, float], Awaitable[None]]
    #: Decodes compressed audio.
    decompress: Decompress
    #: Makes the voice detector of one session.
    new_voices: Callable[[], Voices]
    #: Least probability of a voice, where a session does not say.
    voice_threshold: float
    #: Longest session.
    max_audio_s: float
    all_done: Callable[[], None]


@dataclass(kw_only=True, eq=False)
class Sessions:
    """The sessions that calls have at this scheduler."""

    parts: LiveParts
    _held: dict[str, set[Session]] = field(default_factory=dict, init=False)

    async def open(self, who: Principal, job_id: str, seat: Seat) -> Session:
        """A session for a call that begins it or goes on with it; an earlier call loses it.

        Who goes on is not refused for want of room: it was admitted once, and its place was kept.

        Raises:
            SayItError: JOB_NOT_FOUND, for another tenant's, too; INVALID_ARGUMENT for a job that is no live session, or
                one of compressed audio that has begun; JOB_CANCELLED, JOB_FAILED.
        """
        owner = secrets.token_hex(8)
        record = await self.parts.live.take(who.tenant, job_id, owner, until_s=self.parts.leasing.until_s())
        self.stop(job_id)
        return self._session(record, owner, seat, attended=True)

    async def serve(self, session: Session) -> None:
        """Runs a session to its end, see `Session.run`."""
        held = self._held.setdefault(session.job_id, set())
        held.add(session)
        try:
            await session.run()
        finally:
            held.discard(session)
            if not held:
                self._held.pop(session.job_id, None)

    def stop(self, job_id: str) -> None:
        """Tells the calls that have a session that it may be lost: its job has ended, or a newer call is there."""
        for session in self._held.get(job_id, ()):
            session.look()

    async def close(self) -> None:
        """Ends what goes on without a call, because this scheduler stops; another one goes on with it."""
        for held in self._held.values():
            for session in held:
                session.abandon()

    async def run(self) -> None:
        """Finishes sessions whose clients did not come back, until cancelled."""
        await one_after_the_other(self.finish_next, WakeUp(), self.parts.limits, delayed="live_delayed")

    async def finish_next(self) -> bool:
        """Finishes one session that was left for too long; False if there is none."""
        owner, limits = secrets.token_hex(8), self.parts.limits
        before_s = time.time() - limits.live_resume_s
        record = await self.parts.live.take_left(owner, until_s=self.parts.leasing.until_s(), before_s=before_s)
        if record is None:
            return False
        job_id = record.job.id
        if not self.parts.transcribers.has(record.job.model):  # for which other sessions need not wait
            await self.parts.jobs.return_lease(job_id, owner, not_before_s=time.time())
            return True
        telemetry.logger().info("live_left", job_id=job_id, tenant=record.job.tenant)
        await self.serve(self._session(record, owner, self.parts.transcribers.seat(), attended=False))
        return True

    def _session(self, record: LiveRecord, owner: str, seat: Seat, *, attended: bool) -> Session:
        from sayit.scheduler.live.session import Session  # noqa: PLC0415 - see above

        job = record.job
        if job.state is JobState.CANCELLED:
            raise SayItError(ErrorKind.JOB_CANCELLED, job_id=job.id)
        if job.state is JobState.FAILED:
            raise SayItError(ErrorKind.JOB_FAILED, job_id=job.id, reason=job.error_code)
        if (
            attended
            and job.state is JobState.RECEIVING
            and record.received > WAV_HEADER_BYTES
            and OPTIONS.validate_json(record.options).encoding.compressed
        ):
            reason = "a session of compressed audio cannot be resumed"
            raise SayItError(ErrorKind.INVALID_ARGUMENT, field="resume_job_id", reason=reason)
        return Session(self.parts, record, owner, seat, attended=attended)
