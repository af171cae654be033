"""sayit.v1.VocabularyService."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf.empty_pb2 import Empty

from sayit.v1 import vocabulary_service_pb2 as pb
from sayit.v1 import vocabulary_service_pb2_grpc

if TYPE_CHECKING:
    from sayit.internal.v1.job_service_pb2_grpc import JobServiceAsyncStub


class VocabularyServicer(vocabulary_service_pb2_grpc.VocabularyServiceServicer):
    """Passes vocabularies through."""

    def __init__(self, scheduler: JobServiceAsyncStub) -> None:
        self._scheduler = scheduler

    async def PutVocabulary(self, request: pb.PutVocabularyRequest, context: Any) -> pb.Vocabulary:
        """Passed through."""
        return await self._scheduler.PutVocabulary(request, timeout=context.time_remaining())

    async def GetVocabulary(self, request: pb.GetVocabularyRequest, context: Any) -> pb.Vocabulary:
        """Passed through."""
        return await self._scheduler.GetVocabulary(request, timeout=context.time_remaining())

    async def ListVocabularies(self, request: pb.ListVocabulariesRequest, context: Any) -> pb.ListVocabulariesResponse:
        """Passed through."""
        return await self._scheduler.ListVocabularies(request, timeout=context.time_remaining())

    async def DeleteVocabulary(self, request: pb.DeleteVocabularyRequest, context: Any) -> Empty:
        """Passed through."""
        return await self._scheduler.DeleteVocabulary(request, timeout=context.time_remaining())
