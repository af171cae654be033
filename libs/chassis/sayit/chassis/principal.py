"""The caller of a request: a key and its tenant, carried in a context variable through one call."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from sayit.internal.v1 import principal_pb2
from sayit.speech.errors import ErrorKind, SayItError

#: Binary metadata of every internal call; holds a serialized sayit.internal.v1.Principal.
PRINCIPAL_METADATA_KEY = "sayit-principal-bin"


@dataclass(frozen=True)
class Principal:
    """A caller, as the gateway identified it."""

    #: Id of the key that was used; "local" without keys.
    key_id: str
    #: Whose data it may see.
    tenant: str
    #: When what identified it is over, seconds since the epoch; known where it was identified, and not sent on.
    expires_s: float = math.inf

    def to_metadata(self) -> bytes:
        """The value of `PRINCIPAL_METADATA_KEY`."""
        return principal_pb2.Principal(key_id=self.key_id, tenant=self.tenant).SerializeToString()

    @classmethod
    def from_metadata(cls, value: bytes) -> Principal:
        """Reads a value of `PRINCIPAL_METADATA_KEY`.

        Raises:
            SayItError: UNAUTHENTICATED where the value is no principal or names no tenant.
        """
        try:
            message = principal_pb2.Principal.FromString(value)
        except DecodeError as error:
            raise SayItError(ErrorKind.UNAUTHENTICATED, cause=f"unreadable principal: {error}") from None
        if not message.key_id or not message.tenant:
            raise SayItError(ErrorKind.UNAUTHENTICATED, cause="principal without key id or tenant")
        return cls(key_id=message.key_id, tenant=message.tenant)


#: The one principal of an installation without keys.
LOCAL = Principal(key_id="local", tenant="local")

_current: ContextVar[Principal | None] = ContextVar("sayit_principal", default=None)


def current() -> Principal:
    """The principal of the running call.

    Raises:
        SayItError: UNAUTHENTICATED where none is set.
    """
    principal = _current.get()
    if principal is None:
        raise SayItError(ErrorKind.UNAUTHENTICATED, cause="no principal in this context")
    return principal


def current_or_none() -> Principal | None:
    """The principal of the running call, or None outside of one."""
    return _current.get()


def bind(principal: Principal | None) -> None:
    """Sets the principal for the rest of this task; for interceptors, whose task serves one call and ends with it.

    None removes the principal that the task inherited from the code that started the server.
    """
    _current.set(principal)


@contextmanager
def use(principal: Principal) -> Iterator[None]:
    """Sets the principal for a block, such as background work on behalf of a caller."""
    token = _current.set(principal)
    try:
        yield
    finally:
        _current.reset(token)
