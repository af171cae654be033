"""sayit.v1.UploadService and VocabularyService."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sayit.gateway.api import check_ids, passed
from sayit.gateway.api.upload_relay import Pace, UploadMessages, relay_upload
from sayit.gateway.limits.slots import Slots
from sayit.v1 import upload_service_pb2, upload_service_pb2_grpc, vocabulary_service_pb2_grpc

if TYPE_CHECKING:
    from sayit.internal.v1.job_service_pb2_grpc import JobServiceAsyncStub


class UploadServicer(upload_service_pb2_grpc.UploadServiceServicer):
    """Passes resumable uploads through."""

    def __init__(self, scheduler: JobServiceAsyncStub, slots: Slots, pace: Pace) -> None:
        self._scheduler = scheduler
        self._slots = slots
        self._pace = pace

    CreateUpload = passed("CreateUpload")
    GetUpload = passed("GetUpload")
    DeleteUpload = passed("DeleteUpload")

    async def AppendUpload(self, request_iterator: Any, context: Any) -> upload_service_pb2.Upload:
        """Passed through while the bytes arrive."""

        def checked(message: upload_service_pb2.AppendUploadRequest) -> upload_service_pb2.AppendUploadRequest:
            if message.HasField("start"):
                check_ids(message.start)
            return message

        messages = UploadMessages(request_iterator, head="start", data="data", convert=checked, pace=self._pace)
        end = upload_service_pb2.AppendUploadRequest(data=b"")
        with self._slots.taken():
            return await relay_upload(self._scheduler.AppendUpload(), messages, end=end)


class VocabularyServicer(vocabulary_service_pb2_grpc.VocabularyServiceServicer):
    """Passes vocabularies through."""

    def __init__(self, scheduler: JobServiceAsyncStub) -> None:
        self._scheduler = scheduler

    PutVocabulary = passed("PutVocabulary")
    GetVocabulary = passed("GetVocabulary")
    ListVocabularies = passed("ListVocabularies")
    DeleteVocabulary = passed("DeleteVocabulary")
