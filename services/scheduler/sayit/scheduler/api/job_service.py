"""`JobService`: what gateways call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty

from sayit.chassis import principal, telemetry
from sayit.chassis.principal import Principal
from sayit.internal.v1 import job_service_pb2_grpc
from sayit.scheduler.api.job_control import Control
from sayit.scheduler.api.key_control import KeyControl
from sayit.scheduler.api.live_calls import LiveCalls, job_request
from sayit.scheduler.api.sharing import Sharing
from sayit.scheduler.api.system_status import Overview
from sayit.scheduler.assemble.corrections import CorrectedTranscripts
from sayit.scheduler.db.audit import AuditStore
from sayit.scheduler.dispatch.worker_registry import WorkerRegistry
from sayit.scheduler.events.stream import EventStream
from sayit.scheduler.ingest.uploads import Intake
from sayit.scheduler.ingest.vocabularies import Vocabularies
from sayit.scheduler.jobs.records import UploadRecord
from sayit.speech import wire
from sayit.speech.errors import ErrorKind, SayItError
from sayit.v1 import key_service_pb2 as key_pb
from sayit.v1 import live_service_pb2 as live_pb
from sayit.v1 import resources_pb2 as pb
from sayit.v1 import share_service_pb2 as share_pb
from sayit.v1 import system_service_pb2 as system_pb
from sayit.v1 import transcription_service_pb2 as service_pb
from sayit.v1 import upload_service_pb2 as upload_pb
from sayit.v1 import vocabulary_service_pb2 as vocabulary_pb

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(kw_only=True, eq=False)
class JobServicer(job_service_pb2_grpc.JobServiceServicer):
    """Translates between messages and use cases."""

    intake: Intake
    control: Control
    event_stream: EventStream
    transcripts: CorrectedTranscripts
    audit: AuditStore
    registry: WorkerRegistry
    overview: Overview
    vocabularies: Vocabularies
    live: LiveCalls
    keys: KeyControl
    sharing: Sharing

    async def CreateJob(self, request_iterator: AsyncIterator[service_pb.CreateJobRequest], context: Context) -> pb.Job:
        """Accepts a job on the audio that follows, or on an upload."""
        who = principal.current()
        requests = aiter(request_iterator)
        first = await anext(requests, None)
        if first is None:
            raise SayItError(ErrorKind.FILE_REQUIRED, field="config")
        which = first.WhichOneof("payload")
        if which not in {"config", "from_upload", "from_url"}:
            raise _out_of_order("config")
        wanted = job_request(first.config if which == "config" else getattr(first, which).config)
        if which == "from_upload":
            record = await self.intake.create_job_on(who, wanted, first.from_upload.upload_id)
        elif which == "from_url":
            record = await self.intake.create_job_from(who, wanted, first.from_url.url)
        else:
            record = await self.intake.create_job(who, wanted, _audio(requests))
        telemetry.bind(job_id=record.id)
        return wire.job_to_proto(await self.control.get(who, record.id))

    async def GetJob(self, request: service_pb.GetJobRequest, context: Context) -> pb.Job:
        """Returns a job."""
        telemetry.bind(job_id=request.job_id[:64])
        return wire.job_to_proto(await self.control.get(principal.current(), request.job_id))

    async def ListJobs(self, request: service_pb.ListJobsRequest, context: Context) -> service_pb.ListJobsResponse:
        """Returns a page of jobs."""
        jobs, token = await self.control.list(
            principal.current(),
            states=[wire.job_state_from_proto(state) for state in request.states],
            labels=dict(request.labels),
            created_after_s=wire.epoch_s(request.created_after) if request.HasField("created_after") else 0.0,
            page_size=request.page_size,
            page_token=request.page_token,
            text=request.text,
        )
        return service_pb.ListJobsResponse(jobs=[wire.job_to_proto(job) for job in jobs], next_page_token=token)

    def WatchJob(self, request: service_pb.WatchJobRequest, context: Context) -> AsyncGenerator[bytes]:  # type: ignore[override]
        """Streams a job's events, as the bytes that are stored."""
        telemetry.bind(job_id=request.job_id[:64])
        return self._watched(principal.current(), request)

    async def _watched(self, who: Principal, request: service_pb.WatchJobRequest) -> AsyncGenerator[bytes]:
        async with aclosing(self.event_stream.watch(who, request.job_id, request.after_seq)) as events:
            noted = False
            async for event in events:
                if not noted:
                    noted = True
                    await self._note_reading("job.watch", who, request.job_id)
                yield event

    async def _note_reading(self, action: str, who: Principal, job_id: str) -> None:
        try:
            await self.audit.note_reading(action, tenant=who.tenant, key_id=who.key_id, job_id=job_id)
        except SayItError as error:  # on a full disk texts can still be read
            telemetry.logger().error("audit_missed", action=action, key_id=who.key_id, cause=error.cause)

    async def CancelJob(self, request: service_pb.CancelJobRequest, context: Context) -> pb.Job:
        """Cancels a job."""
        telemetry.bind(job_id=request.job_id[:64])
        return wire.job_to_proto(await self.control.cancel(principal.current(), request.job_id))

    async def DeleteJob(self, request: service_pb.DeleteJobRequest, context: Context) -> Empty:
        """Deletes a job."""
        telemetry.bind(job_id=request.job_id[:64])
        await self.control.delete(principal.current(), request.job_id)
        return Empty()

    async def GetTranscript(
        self, request: service_pb.GetTranscriptRequest, context: Context
    ) -> AsyncIterator[service_pb.GetTranscriptResponse]:
        """Streams a transcript in parts."""
        telemetry.bind(job_id=request.job_id[:64])
        who = principal.current()
        version = request.version if request.HasField("version") else None
        transcript = await self.transcripts.transcript(who, request.job_id, version=version, raw=request.raw)
        await self._note_reading("transcript.read", who, request.job_id)
        for part in await asyncio.to_thread(lambda: list(wire.transcript_parts(transcript))):
            yield part
        await self.control.delivered(who, request.job_id)

    def GetAudio(
        self, request: service_pb.GetAudioRequest, context: Context
    ) -> AsyncIterator[service_pb.GetAudioResponse]:
        """Streams a recording, or bytes of it."""
        return self._audio_of(principal.current(), request.job_id, request)

    async def _audio_of(
        self, who: Principal, job_id: str, asked: service_pb.GetAudioRequest | share_pb.GetSharedAudioRequest
    ) -> AsyncGenerator[service_pb.GetAudioResponse]:
        telemetry.bind(job_id=job_id[:64])
        length = asked.length if asked.HasField("length") else None
        recording = await self.intake.audio(who, job_id, asked.offset, length)
        await self._note_reading("audio.read", who, job_id)
        async with aclosing(recording.data) as parts:
            first = await anext(parts, b"")
            yield service_pb.GetAudioResponse(data=first, size_bytes=recording.size, filename=recording.filename)
            async for data in parts:
                yield service_pb.GetAudioResponse(data=data)

    async def GetAudioAddress(
        self, request: service_pb.GetAudioAddressRequest, context: Context
    ) -> service_pb.GetAudioAddressResponse:
        """Says where a recording can be fetched."""
        telemetry.bind(job_id=request.job_id[:64])
        who = principal.current()
        url, expires_s = await self.intake.audio_address(who, request.job_id)
        await self._note_reading("audio.address", who, request.job_id)
        return service_pb.GetAudioAddressResponse(url=url, expire_time=wire.timestamp_to_proto(expires_s))

    async def UpdateJob(self, request: service_pb.UpdateJobRequest, context: Context) -> pb.Job:
        """Changes whether a job is kept, its name, its labels."""
        telemetry.bind(job_id=request.job_id[:64])
        job = await self.control.update(
            principal.current(),
            request.job_id,
            kept=request.kept if request.HasField("kept") else None,
            filename=request.filename if request.HasField("filename") else None,
            labels=dict(request.labels.labels) if request.HasField("labels") else None,
        )
        return wire.job_to_proto(job)

    async def UpdateTranscript(self, request: service_pb.UpdateTranscriptRequest, context: Context) -> pb.Corrections:
        """Corrects a transcript."""
        telemetry.bind(job_id=request.job_id[:64])
        asked = pb.Corrections(segments=request.segments, names=request.names)
        corrections = await self.transcripts.update(
            principal.current(),
            request.job_id,
            expected=request.expected_version,
            asked=wire.corrections_from_proto(asked),
            restored=request.restored_version if request.HasField("restored_version") else None,
        )
        return wire.corrections_to_proto(corrections)

    async def GetCorrections(self, request: service_pb.GetCorrectionsRequest, context: Context) -> pb.Corrections:
        """Returns what is corrected."""
        telemetry.bind(job_id=request.job_id[:64])
        version = request.version if request.HasField("version") else None
        found = await self.transcripts.corrections(principal.current(), request.job_id, version=version)
        await self._note_reading("transcript.read", principal.current(), request.job_id)
        return wire.corrections_to_proto(found)

    async def ListTranscriptVersions(
        self, request: service_pb.ListTranscriptVersionsRequest, context: Context
    ) -> service_pb.ListTranscriptVersionsResponse:
        """Lists versions."""
        telemetry.bind(job_id=request.job_id[:64])
        versions = await self.transcripts.versions(
            principal.current(), request.job_id, page_size=request.page_size, before=request.before_version
        )
        await self._note_reading("transcript.read", principal.current(), request.job_id)
        return service_pb.ListTranscriptVersionsResponse(versions=map(wire.version_to_proto, versions))

    async def ListModels(
        self, request: service_pb.ListModelsRequest, context: Context
    ) -> service_pb.ListModelsResponse:
        """Lists models."""
        return service_pb.ListModelsResponse(models=[wire.model_to_proto(m) for m in await self.registry.models()])

    async def CreateUpload(self, request: upload_pb.CreateUploadRequest, context: Context) -> upload_pb.Upload:
        """Opens an upload."""
        size = request.size_bytes if request.HasField("size_bytes") else None
        return _upload(await self.intake.open_upload(principal.current(), filename=request.filename, size=size))

    async def AppendUpload(
        self, request_iterator: AsyncIterator[upload_pb.AppendUploadRequest], context: Context
    ) -> upload_pb.Upload:
        """Appends to an upload."""
        requests = aiter(request_iterator)
        first = await anext(requests, None)
        if first is None or not first.HasField("start"):
            raise _out_of_order("start")
        start = first.start
        return _upload(await self.intake.append(principal.current(), start.upload_id, start.offset, _data(requests)))

    async def GetUpload(self, request: upload_pb.GetUploadRequest, context: Context) -> upload_pb.Upload:
        """Returns an upload."""
        return _upload(await self.intake.uploads.get_upload(principal.current().tenant, request.upload_id))

    async def DeleteUpload(self, request: upload_pb.DeleteUploadRequest, context: Context) -> Empty:
        """Deletes an upload."""
        await self.intake.uploads.delete_upload(principal.current().tenant, request.upload_id)
        return Empty()

    async def PutVocabulary(
        self, request: vocabulary_pb.PutVocabularyRequest, context: Context
    ) -> vocabulary_pb.Vocabulary:
        """Stores a vocabulary."""
        stored = await self.vocabularies.put(
            principal.current(), name=request.name, words=request.words, prompt=request.prompt
        )
        return wire.vocabulary_to_proto(stored)

    async def GetVocabulary(
        self, request: vocabulary_pb.GetVocabularyRequest, context: Context
    ) -> vocabulary_pb.Vocabulary:
        """Returns a vocabulary."""
        return wire.vocabulary_to_proto(
            await self.vocabularies.store.get_vocabulary(principal.current().tenant, request.name)
        )

    async def ListVocabularies(
        self, request: vocabulary_pb.ListVocabulariesRequest, context: Context
    ) -> vocabulary_pb.ListVocabulariesResponse:
        """Lists vocabularies."""
        found = await self.vocabularies.store.list_vocabularies(principal.current().tenant)
        return vocabulary_pb.ListVocabulariesResponse(vocabularies=map(wire.vocabulary_to_proto, found))

    async def DeleteVocabulary(self, request: vocabulary_pb.DeleteVocabularyRequest, context: Context) -> Empty:
        """Deletes a vocabulary."""
        await self.vocabularies.store.delete_vocabulary(principal.current().tenant, request.name)
        return Empty()

    async def CreateKey(self, request: key_pb.CreateKeyRequest, context: Context) -> key_pb.CreateKeyResponse:
        """Makes a key."""
        made = await self.keys.create(
            principal.current().tenant,
            name=request.name,
            scopes=request.scopes,
            valid_for_s=wire.seconds_of_duration(request.valid_for) if request.HasField("valid_for") else None,
            requests=request.requests,
            addresses=request.addresses,
            signed=request.signed,
        )
        return key_pb.CreateKeyResponse(key=wire.key_to_proto(made.key), secret=made.secret)

    async def ListKeys(self, request: key_pb.ListKeysRequest, context: Context) -> key_pb.ListKeysResponse:
        """Lists keys."""
        found = await self.keys.store.list_keys(principal.current().tenant)
        return key_pb.ListKeysResponse(keys=map(wire.key_to_proto, found))

    async def RevokeKey(self, request: key_pb.RevokeKeyRequest, context: Context) -> key_pb.ApiKey:
        """Revokes a key."""
        return wire.key_to_proto(await self.keys.store.revoke_key(principal.current().tenant, request.key_id))

    async def RotateKey(self, request: key_pb.RotateKeyRequest, context: Context) -> key_pb.CreateKeyResponse:
        """Makes a key in place of one."""
        overlap_s = wire.seconds_of_duration(request.overlap) if request.HasField("overlap") else None
        made = await self.keys.rotate(principal.current().tenant, request.key_id, overlap_s=overlap_s)
        return key_pb.CreateKeyResponse(key=wire.key_to_proto(made.key), secret=made.secret)

    async def CreateShareLink(
        self, request: share_pb.CreateShareLinkRequest, context: Context
    ) -> share_pb.CreateShareLinkResponse:
        """Makes a link."""
        valid_for_s = wire.seconds_of_duration(request.valid_for) if request.HasField("valid_for") else None
        made = await self.sharing.create(principal.current(), request.job_id, valid_for_s=valid_for_s)
        return share_pb.CreateShareLinkResponse(link=wire.link_to_proto(made.link), token=made.token)

    async def ListShareLinks(
        self, request: share_pb.ListShareLinksRequest, context: Context
    ) -> share_pb.ListShareLinksResponse:
        """Lists links."""
        found = await self.sharing.store.list_links(principal.current().tenant, request.job_id)
        return share_pb.ListShareLinksResponse(links=map(wire.link_to_proto, found))

    async def RevokeShareLink(self, request: share_pb.RevokeShareLinkRequest, context: Context) -> Empty:
        """Revokes a link."""
        await self.sharing.store.revoke_link(principal.current().tenant, request.job_id, request.link_id)
        return Empty()

    async def GetSharedRecording(
        self, request: share_pb.GetSharedRecordingRequest, context: Context
    ) -> share_pb.SharedRecording:
        """Says what a link shows."""
        return wire.shared_to_proto(await self.sharing.recording(principal.current()))

    async def GetSharedTranscript(
        self, request: share_pb.GetSharedTranscriptRequest, context: Context
    ) -> AsyncIterator[service_pb.GetTranscriptResponse]:
        """Streams the transcript that a link shows."""
        who = principal.current()
        job_id = await self.sharing.job_of(who)
        transcript = await self.sharing.transcript(who, job_id)
        await self._note_reading("transcript.read", who, job_id)
        for part in await asyncio.to_thread(lambda: list(wire.transcript_parts(transcript))):
            yield part

    async def GetSharedAudio(
        self, request: share_pb.GetSharedAudioRequest, context: Context
    ) -> AsyncIterator[service_pb.GetAudioResponse]:
        """Streams the recording that a link shows."""
        who = principal.current()
        async for part in self._audio_of(who, await self.sharing.job_of(who), request):
            yield part

    async def StreamingRecognize(  # type: ignore[override] # a coroutine that writes, which grpc.aio takes as well
        self, request_iterator: AsyncIterator[live_pb.StreamingRecognizeRequest], context: Context
    ) -> None:
        """Live speech."""
        await self.live.streaming_recognize(request_iterator, context)

    async def GetStatus(self, request: system_pb.GetStatusRequest, context: Context) -> system_pb.Status:
        """Returns the suite's state."""
        return wire.status_to_proto(await self.overview.status())


async def _audio(requests: AsyncIterator[service_pb.CreateJobRequest]) -> AsyncIterator[bytes]:
    async for request in requests:
        if not request.HasField("audio"):
            raise _out_of_order("audio")
        if not request.audio:
            return
        yield request.audio
    # The stream of a sender that dies ends like that of one that is done. Half a file must not become a job.
    raise SayItError(ErrorKind.UNAVAILABLE, cause="the audio ended without its empty last message")


async def _data(requests: AsyncIterator[upload_pb.AppendUploadRequest]) -> AsyncIterator[bytes]:
    # What arrived of a broken append is kept, so its end needs no mark.
    async for request in requests:
        if not request.HasField("data"):
            raise _out_of_order("data")
        yield request.data


def _out_of_order(expected: str) -> SayItError:
    return SayItError(ErrorKind.INVALID_ARGUMENT, field=expected, reason=f"'{expected}' was expected here")


def _upload(upload: UploadRecord) -> upload_pb.Upload:
    return upload_pb.Upload(
        id=upload.id,
        filename=upload.filename,
        received_bytes=upload.received,
        size_bytes=upload.size,
        create_time=wire.timestamp_to_proto(upload.created_s),
        expire_time=wire.timestamp_to_proto(upload.expires_s),
    )
