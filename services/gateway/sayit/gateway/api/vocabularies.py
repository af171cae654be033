"""sayit.v1.VocabularyService."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sayit.gateway.api import passed
from sayit.v1 import vocabulary_service_pb2_grpc

if TYPE_CHECKING:
    from sayit.internal.v1.job_service_pb2_grpc import JobServiceAsyncStub


class VocabularyServicer(vocabulary_service_pb2_grpc.VocabularyServiceServicer):
    """Passes vocabularies through."""

    def __init__(self, scheduler: JobServiceAsyncStub) -> None:
        self._scheduler = scheduler

    PutVocabulary = passed("PutVocabulary")
    GetVocabulary = passed("GetVocabulary")
    ListVocabularies = passed("ListVocabularies")
    DeleteVocabulary = passed("DeleteVocabulary")
