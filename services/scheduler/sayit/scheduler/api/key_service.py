"""`KeyService`: what gateways ask about keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import grpc

from sayit.chassis import telemetry
from sayit.internal.v1 import key_service_pb2 as pb
from sayit.internal.v1 import key_service_pb2_grpc
from sayit.scheduler.db.api_keys import KeyStore
from sayit.scheduler.db.share_links import ShareLinkStore
from sayit.speech import wire
from sayit.speech.errors import ErrorKind, SayItError

#: Most keys of one call.
MAX_IDS = 500


@dataclass(frozen=True, eq=False)
class InternalKeyServicer(key_service_pb2_grpc.KeyServiceServicer):
    """Looks keys up, and links, whose tokens are checked as keys are."""

    store: KeyStore
    links: ShareLinkStore

    async def LookUpKeys(
        self, request: pb.LookUpKeysRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.LookUpKeysResponse:
        """What is stored; a use that cannot be noted, as on a full disk, is left out."""
        if len(request.key_ids) > MAX_IDS or len(request.used_key_ids) > MAX_IDS:
            raise SayItError(ErrorKind.INVALID_ARGUMENT, field="key_ids", reason=f"more than {MAX_IDS} ids")
        if request.used_key_ids:
            try:
                await self.store.note_use(request.used_key_ids)
                await self.links.note_use(request.used_key_ids)
            except SayItError as error:
                telemetry.logger().warning("key_use_missed", cause=error.cause)
        found = [*await self.store.look_up(request.key_ids), *await self.links.look_up(request.key_ids)]
        keys = [pb.StoredKey(key=wire.key_to_proto(one.key), salt=one.salt, hash=one.hash) for one in found]
        return pb.LookUpKeysResponse(keys=keys)
