"""sayit.v1.KeyService, and what the gateway itself asks about keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import grpc

from sayit.chassis.api_keys import StoredKey
from sayit.gateway.api import passed
from sayit.gateway.auth.stored_keys import LookUp
from sayit.internal.v1 import key_service_pb2 as pb
from sayit.speech import wire
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.wire.errors import error_of_call
from sayit.v1 import key_service_pb2_grpc

if TYPE_CHECKING:
    from sayit.internal.v1.job_service_pb2_grpc import JobServiceAsyncStub
    from sayit.internal.v1.key_service_pb2_grpc import KeyServiceAsyncStub

#: Seconds after which a key counts as not checked.
_TIMEOUT_S = 5.0


class KeyServicer(key_service_pb2_grpc.KeyServiceServicer):
    """Passes the administration of keys through."""

    def __init__(self, scheduler: JobServiceAsyncStub) -> None:
        self._scheduler = scheduler

    CreateKey = passed("CreateKey")
    ListKeys = passed("ListKeys")
    RevokeKey = passed("RevokeKey")
    RotateKey = passed("RotateKey")


def looking_up(scheduler: KeyServiceAsyncStub) -> LookUp:
    """Asks the scheduler for keys; UNAVAILABLE with a retry time where it, or its database, does not answer."""

    async def look_up(key_ids: Sequence[str], used: Sequence[str]) -> list[StoredKey]:
        request = pb.LookUpKeysRequest(key_ids=key_ids, used_key_ids=used)
        try:
            found = await scheduler.LookUpKeys(request, timeout=_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            cause = f"keys cannot be checked: {error_of_call(error)}"
            raise SayItError(ErrorKind.UNAVAILABLE, retry_after_s=2.0, cause=cause) from None
        return [StoredKey(key=wire.key_from_proto(one.key), salt=one.salt, hash=one.hash) for one in found.keys]

    return look_up
