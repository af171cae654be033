"""sayit.v1.UploadService."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sayit.gateway.api import passed
from sayit.gateway.api.upload_relay import UploadMessages, relay_upload
from sayit.gateway.limits.slots import Slots
from sayit.v1 import upload_service_pb2, upload_service_pb2_grpc

if TYPE_CHECKING:
    from sayit.internal.v1.job_service_pb2_grpc import JobServiceAsyncStub


class UploadServicer(upload_service_pb2_grpc.UploadServiceServicer):
    """Passes resumable uploads through."""

    def __init__(self, scheduler: JobServiceAsyncStub, slots: Slots) -> None:
        self._scheduler = scheduler
        self._slots = slots

    CreateUpload = passed("CreateUpload")
    GetUpload = passed("GetUpload")
    DeleteUpload = passed("DeleteUpload")

    async def AppendUpload(self, request_iterator: Any, context: Any) -> upload_service_pb2.Upload:
        """Passed through while the bytes arrive."""
        messages = UploadMessages[upload_service_pb2.AppendUploadRequest](request_iterator, head="start", data="data")
        end = upload_service_pb2.AppendUploadRequest(data=b"")
        with self._slots.taken():
            return await relay_upload(self._scheduler.AppendUpload(), messages, end=end)
