"""A client's short calls: jobs, transcripts, corrections, links, vocabularies, keys, and the service's state."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from sayit.client import pages
from sayit.client.administration import Administration
from sayit.client.connection import GatewayConnection
from sayit.speech.api_keys import ApiKey, NewApiKey
from sayit.speech.corrections import Corrections, SegmentCorrection, TranscriptVersion
from sayit.speech.errors import ErrorKind
from sayit.speech.jobs import Job, JobState
from sayit.speech.rendering import BROADCASTERS, Format, SubtitleStyle
from sayit.speech.share_links import NewShareLink, ShareLink
from sayit.speech.system import Model, SystemStatus
from sayit.speech.transcript import Transcript
from sayit.speech.vocabularies import Vocabulary
from sayit.speech.wire import (
    corrections_from_proto,
    corrections_to_proto,
    duration_to_proto,
    format_to_proto,
    job_from_proto,
    key_from_proto,
    link_from_proto,
    model_from_proto,
    status_from_proto,
    style_to_proto,
    transcript_of_parts,
    version_from_proto,
    vocabulary_from_proto,
)
from sayit.v1 import key_service_pb2 as key_pb
from sayit.v1 import share_service_pb2 as share_pb
from sayit.v1 import system_service_pb2 as system_pb
from sayit.v1 import transcription_service_pb2 as service_pb
from sayit.v1 import vocabulary_service_pb2 as vocabulary_pb


class KeptCalls:
    """What `AsyncClient` asks about what the service keeps; each is one call, tried again without harm.

    Args:
        connection: an open channel.
    """

    def __init__(self, connection: GatewayConnection) -> None:
        self._connection = connection

    @property
    def admin(self) -> Administration:
        """What an operator asks, for keys with the scope admin."""
        return Administration(self._connection)

    async def get(self, job_id: str) -> Job:
        """A job as it is now."""
        jobs = self._connection.jobs
        return job_from_proto(await self._connection.unary(jobs.GetJob, service_pb.GetJobRequest(job_id=job_id)))

    async def list(
        self,
        states: Iterable[JobState] = (),
        limit: int = 50,
        *,
        created_after_s: float | None = None,
        labels: Mapping[str, str] | None = None,
        text: str = "",
    ) -> tuple[Job, ...]:
        """Your newest jobs.

        Args:
            states: only jobs in one of these; all by default.
            limit: at most so many.
            created_after_s: only jobs created at or after this time, in seconds since the epoch.
            labels: only jobs that have all of these.
            text: only jobs whose newest transcript has all of these words, or parts of words.
        """
        wanted = pages.wanted_jobs(states, created_after_s, labels or {}, text)
        return tuple(await pages.newest_jobs(self._connection, wanted, limit))

    async def cancel(self, job_id: str) -> Job:
        """Cancels a job; an ended one is returned as it is."""
        jobs = self._connection.jobs
        return job_from_proto(await self._connection.unary(jobs.CancelJob, service_pb.CancelJobRequest(job_id=job_id)))

    async def delete(self, job_id: str) -> None:
        """Deletes a job with its audio and text; a running one is cancelled first."""
        request = service_pb.DeleteJobRequest(job_id=job_id)
        await self._connection.delete(self._connection.jobs.DeleteJob, request, ErrorKind.JOB_NOT_FOUND)

    async def keep(self, job_id: str, *, kept: bool = True) -> Job:
        """Keeps an ended job until it is deleted, or lets it expire as one that ends now; JOB_NOT_FINISHED before."""
        return await self.update(job_id, kept=kept)

    async def update(
        self,
        job_id: str,
        *,
        kept: bool | None = None,
        filename: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Job:
        """Changes what a job is besides its transcript; what is None stays.

        Args:
            job_id: the job.
            kept: as for `keep`.
            filename: the name that is shown.
            labels: all of its labels from then on.
        """
        asked = None if labels is None else service_pb.LabelSet(labels=labels)
        request = service_pb.UpdateJobRequest(job_id=job_id, kept=kept, filename=filename, labels=asked)
        return job_from_proto(await self._connection.unary(self._connection.jobs.UpdateJob, request))

    async def transcript(self, job_id: str, *, version: int | None = None, raw: bool = False) -> Transcript:
        """A finished job's transcript.

        Args:
            job_id: the job.
            version: the newest one by default; 0 is the model's own text.
            raw: without the writing that the job's options ask for.

        Raises:
            SayItError: JOB_NOT_FINISHED, JOB_FAILED, JOB_CANCELLED, JOB_NOT_FOUND, INVALID_ARGUMENT.
        """
        request = service_pb.GetTranscriptRequest(job_id=job_id, version=version, raw=raw)
        parts = await pages.transcript_parts(self._connection, request)
        # Hours of words take a while: the event loop goes on.
        return await asyncio.to_thread(transcript_of_parts, parts)

    async def render(
        self,
        job_id: str,
        form: Format,
        *,
        version: int | None = None,
        raw: bool = False,
        suppressed: bool = False,
        style: SubtitleStyle = BROADCASTERS,
    ) -> str:
        """A finished job's transcript as text, subtitles, JSON or a table; errors as for `transcript`.

        Args:
            job_id: the job.
            form: the form; ValueError for DOCX and PDF, which are no text: `render_bytes`.
            version: the newest one by default; 0 is the model's own text.
            raw: without the writing that the job's options ask for.
            suppressed: whether it shows what was removed, where it stood, as `[reason: text]`; JSON always lists it.
            style: how subtitles are cut; INVALID_OPTION for one that makes no sense.
        """
        if form.is_document:
            raise ValueError(f"{form} is no text: use render_bytes")
        content = await self.render_bytes(job_id, form, version=version, raw=raw, suppressed=suppressed, style=style)
        return content.decode()

    async def render_bytes(
        self,
        job_id: str,
        form: Format,
        *,
        version: int | None = None,
        raw: bool = False,
        suppressed: bool = False,
        style: SubtitleStyle = BROADCASTERS,
    ) -> bytes:
        """What `render` returns as a file has it, UTF-8; also documents, DOCX and PDF.

        Raises:
            SayItError: those of `transcript`; INVALID_ARGUMENT for a PDF whose font lacks letters of the text.
        """
        request = service_pb.GetTranscriptRequest(
            job_id=job_id,
            format=format_to_proto(form),
            version=version,
            raw=raw,
            suppressed=suppressed,
            subtitles=style_to_proto(style),
        )
        parts = await pages.transcript_parts(self._connection, request)
        return b"".join(part.content for part in parts)

    async def correct(
        self,
        job_id: str,
        segments: Iterable[SegmentCorrection] = (),
        *,
        expected_version: int,
        names: Mapping[str, str] | None = None,
    ) -> Corrections:
        """Corrects a finished job's transcript, which makes a version of it; returns all corrections in force then.

        What others corrected since `expected_version` stays. A job that is corrected for the first time is kept.

        Args:
            job_id: the job.
            segments: each in place of all earlier corrections of its segment.
            expected_version: the version that was corrected.
            names: names of speakers by the number of their channel; an empty one takes the name away.

        Raises:
            SayItError: VERSION_CONFLICT, with `details["version"]`, where others corrected the same; TOO_MANY_VERSIONS,
                INVALID_ARGUMENT, and those of `transcript`.
        """
        asked = corrections_to_proto(Corrections(segments=tuple(segments), names=names or {}))
        request = service_pb.UpdateTranscriptRequest(
            job_id=job_id, expected_version=expected_version, segments=asked.segments, names=asked.names
        )
        return corrections_from_proto(await self._connection.unary(self._connection.jobs.UpdateTranscript, request))

    async def restore_version(self, job_id: str, version: int, *, expected_version: int) -> Corrections:
        """Makes an earlier version's text the newest one (0: the model's own), as `correct` does."""
        request = service_pb.UpdateTranscriptRequest(
            job_id=job_id, expected_version=expected_version, restored_version=version
        )
        return corrections_from_proto(await self._connection.unary(self._connection.jobs.UpdateTranscript, request))

    async def corrections(self, job_id: str, *, version: int | None = None) -> Corrections:
        """All that is corrected in a version of a transcript, the newest one by default."""
        request = service_pb.GetCorrectionsRequest(job_id=job_id, version=version)
        return corrections_from_proto(await self._connection.unary(self._connection.jobs.GetCorrections, request))

    async def transcript_versions(
        self, job_id: str, *, limit: int = 50, before_version: int = 0
    ) -> tuple[TranscriptVersion, ...]:
        """The versions that corrections made, newest first: at most `limit` (200), or so many before one."""
        request = service_pb.ListTranscriptVersionsRequest(
            job_id=job_id, page_size=limit, before_version=before_version
        )
        found = await self._connection.unary(self._connection.jobs.ListTranscriptVersions, request)
        return tuple(map(version_from_proto, found.versions))

    async def put_vocabulary(self, name: str, words: Iterable[str] = (), prompt: str = "") -> Vocabulary:
        """Stores words and a text for jobs whose `options.vocabulary` names them; the name's former ones go.

        Raises:
            SayItError: INVALID_VOCABULARY, TOO_MANY_VOCABULARIES.
        """
        request = vocabulary_pb.PutVocabularyRequest(name=name, words=words, prompt=prompt)
        stub = self._connection.vocabularies
        return vocabulary_from_proto(await self._connection.unary(stub.PutVocabulary, request))

    async def get_vocabulary(self, name: str) -> Vocabulary:
        """A vocabulary, or VOCABULARY_NOT_FOUND."""
        request = vocabulary_pb.GetVocabularyRequest(name=name)
        stub = self._connection.vocabularies
        return vocabulary_from_proto(await self._connection.unary(stub.GetVocabulary, request))

    async def list_vocabularies(self) -> tuple[Vocabulary, ...]:
        """Your vocabularies by name."""
        request = vocabulary_pb.ListVocabulariesRequest()
        found = await self._connection.unary(self._connection.vocabularies.ListVocabularies, request)
        return tuple(map(vocabulary_from_proto, found.vocabularies))

    async def delete_vocabulary(self, name: str) -> None:
        """Deletes a vocabulary, or VOCABULARY_NOT_FOUND; jobs that were made with it keep its words."""
        request = vocabulary_pb.DeleteVocabularyRequest(name=name)
        stub = self._connection.vocabularies
        await self._connection.delete(stub.DeleteVocabulary, request, ErrorKind.VOCABULARY_NOT_FOUND)

    async def share(self, job_id: str, *, valid_for_s: float | None = None) -> NewShareLink:
        """Makes a link that shows a finished job to people without a key; it is not tried again.

        The job is kept at least until the link ends.

        Args:
            job_id: the job.
            valid_for_s: how long, at most 90 days; a week by default.

        Raises:
            SayItError: JOB_NOT_FOUND, JOB_NOT_FINISHED, TOO_MANY_LINKS, INVALID_ARGUMENT.
        """
        valid_for = None if valid_for_s is None else duration_to_proto(valid_for_s)
        request = share_pb.CreateShareLinkRequest(job_id=job_id, valid_for=valid_for)
        made = await self._connection.once(self._connection.sharing.CreateShareLink, request)
        return NewShareLink(link=link_from_proto(made.link), token=made.token)

    async def share_links(self, job_id: str) -> tuple[ShareLink, ...]:
        """A job's links that have not ended, the oldest first."""
        request = share_pb.ListShareLinksRequest(job_id=job_id)
        found = await self._connection.unary(self._connection.sharing.ListShareLinks, request)
        return tuple(map(link_from_proto, found.links))

    async def revoke_share_link(self, job_id: str, link_id: str) -> None:
        """Revokes a link, or LINK_NOT_FOUND; it shows nothing from then on."""
        request = share_pb.RevokeShareLinkRequest(job_id=job_id, link_id=link_id)
        stub = self._connection.sharing
        await self._connection.delete(stub.RevokeShareLink, request, ErrorKind.LINK_NOT_FOUND)

    async def create_key(
        self,
        name: str = "",
        scopes: Sequence[str] = (),
        *,
        valid_for_s: float | None = None,
        requests: str = "",
        addresses: Sequence[str] = (),
        signed: bool = False,
    ) -> NewApiKey:
        """Makes an API key of your tenant; it needs the scope `admin`, and is not tried again.

        Args:
            name: for people.
            scopes: some of "transcribe", "read", "admin"; the first two by default.
            valid_for_s: for how long; None: until it is revoked.
            requests: how many requests it may send, such as "600/minute"; empty: as the installation's keys do.
            addresses: networks from which it may be used, such as "203.0.113.0/24"; none: from anywhere.
            signed: whether it signs requests and is never sent itself.

        Raises:
            SayItError: INVALID_ARGUMENT, TOO_MANY_KEYS, PERMISSION_DENIED.
        """
        request = key_pb.CreateKeyRequest(
            name=name,
            scopes=scopes,
            valid_for=None if valid_for_s is None else duration_to_proto(valid_for_s),
            requests=requests,
            addresses=addresses,
            signed=signed,
        )
        return _new_key(await self._connection.once(self._connection.keys.CreateKey, request))

    async def list_keys(self) -> tuple[ApiKey, ...]:
        """Your tenant's API keys, the oldest first, also those that ended in the last 30 days."""
        found = await self._connection.unary(self._connection.keys.ListKeys, key_pb.ListKeysRequest())
        return tuple(map(key_from_proto, found.keys))

    async def revoke_key(self, key_id: str) -> ApiKey:
        """Revokes an API key, or KEY_NOT_FOUND; within seconds it is refused and its calls end."""
        request = key_pb.RevokeKeyRequest(key_id=key_id)
        return key_from_proto(await self._connection.unary(self._connection.keys.RevokeKey, request))

    async def rotate_key(self, key_id: str, *, overlap_s: float | None = None) -> NewApiKey:
        """Makes an API key that may do what an old one may; that one ends after `overlap_s`, a day by default.

        It is not tried again.

        Raises:
            SayItError: KEY_NOT_FOUND, also for one that has ended; TOO_MANY_KEYS, PERMISSION_DENIED.
        """
        overlap = None if overlap_s is None else duration_to_proto(overlap_s)
        request = key_pb.RotateKeyRequest(key_id=key_id, overlap=overlap)
        return _new_key(await self._connection.once(self._connection.keys.RotateKey, request))

    async def models(self) -> tuple[Model, ...]:
        """The models that can be asked for."""
        found = await self._connection.unary(self._connection.jobs.ListModels, service_pb.ListModelsRequest())
        return tuple(map(model_from_proto, found.models))

    async def status(self) -> SystemStatus:
        """The state of the installation."""
        return status_from_proto(
            await self._connection.unary(self._connection.system.GetStatus, system_pb.GetStatusRequest())
        )


def _new_key(made: key_pb.CreateKeyResponse) -> NewApiKey:
    return NewApiKey(key=key_from_proto(made.key), secret=made.secret)
