"""Links to finished jobs: made and revoked by those whose jobs they are, and read by those who hold one."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sayit.chassis.api_keys import new_secret
from sayit.chassis.principal import Principal
from sayit.scheduler.assemble.corrections import CorrectedTranscripts
from sayit.scheduler.db.job_leases import JobStore
from sayit.scheduler.db.share_links import ShareLinkStore
from sayit.speech.share_links import NewShareLink, SharedRecording, checked_valid
from sayit.speech.transcript import Transcript


@dataclass(frozen=True, kw_only=True)
class Sharing:
    """What may be done with links, and with one of them: its holder's principal has the link's id as its key."""

    store: ShareLinkStore
    jobs: JobStore
    transcripts: CorrectedTranscripts

    async def create(self, who: Principal, job_id: str, *, valid_for_s: float | None) -> NewShareLink:
        """Makes a link.

        Raises:
            SayItError: JOB_NOT_FOUND, JOB_NOT_FINISHED, TOO_MANY_LINKS, INVALID_ARGUMENT.
        """
        secret = new_secret()
        valid_s = checked_valid(valid_for_s)
        link = await self.store.create_link(who.tenant, job_id, secret, valid_for_s=valid_s)
        return NewShareLink(link=link, token=secret.text)

    async def job_of(self, holder: Principal) -> str:
        """The job that a link shows; LINK_NOT_FOUND for one that has ended."""
        return await self.store.job_of(holder.tenant, holder.key_id)

    async def recording(self, holder: Principal) -> SharedRecording:
        """What a link shows, besides the transcript."""
        job = await self.jobs.get_job(holder.tenant, await self.job_of(holder))
        return SharedRecording(filename=job.filename, created_at_s=job.created_s)

    async def transcript(self, holder: Principal, job_id: str) -> Transcript:
        """The newest text of what a link shows, without what was removed from it."""
        return replace(await self.transcripts.transcript(holder, job_id), suppressed=())
