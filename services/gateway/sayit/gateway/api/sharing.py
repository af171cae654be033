"""sayit.v1.ShareService."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from sayit.gateway.api import passed, streamed
from sayit.gateway.api.transcription import TranscriptionServicer, forms_of
from sayit.speech import wire
from sayit.v1 import share_service_pb2, share_service_pb2_grpc, transcription_service_pb2

if TYPE_CHECKING:
    from sayit.internal.v1.job_service_pb2_grpc import JobServiceAsyncStub


class ShareServicer(share_service_pb2_grpc.ShareServiceServicer):
    """Passes links through; what they show is written here as other transcripts are."""

    def __init__(self, scheduler: JobServiceAsyncStub, transcription: TranscriptionServicer) -> None:
        self._scheduler = scheduler
        self._transcription = transcription

    CreateShareLink = passed("CreateShareLink")
    ListShareLinks = passed("ListShareLinks")
    RevokeShareLink = passed("RevokeShareLink")
    GetSharedRecording = passed("GetSharedRecording")
    GetSharedAudio = streamed("GetSharedAudio")

    async def GetSharedTranscript(
        self, request: share_service_pb2.GetSharedTranscriptRequest, context: Any
    ) -> AsyncIterator[transcription_service_pb2.GetTranscriptResponse]:
        """The parts as the scheduler sends them, or the text in pieces."""
        forms = forms_of([request.format] if request.format else [])
        style = wire.style_from_proto(request.subtitles).checked()
        asked = share_service_pb2.GetSharedRecordingRequest()
        parts = self._transcription.written(
            self._scheduler.GetSharedTranscript(request, timeout=context.time_remaining()),
            forms,
            style,
            recording=lambda: self._scheduler.GetSharedRecording(asked, timeout=context.time_remaining()),
        )
        async with aclosing(parts):
            async for part in parts:
                yield part
