"""A channel whose calls are signed where they begin, each attempt with a nonce of its own.

The bytes of a single request are signed with it; messages of a stream follow their call's head, and are not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from sayit.speech.request_signatures import CONTENT_DIGEST, digest_of


class Signer(Protocol):
    """Signs calls."""

    def headers(self, components: Mapping[str, str]) -> dict[str, str]:
        """The metadata that signs a call with these components."""


class SigningChannel:
    """Signs the calls of a channel; all else is the channel's."""

    def __init__(self, channel: Any, signer: Signer) -> None:
        self._channel = channel
        self._signer = signer

    def __getattr__(self, name: str) -> Any:
        """The channel's attribute."""
        return getattr(self._channel, name)

    def unary_unary(self, method: str, *, request_serializer: Any = None, **kwargs: Any) -> Any:
        """A method of a single request, whose bytes are signed."""
        return self._of_one(self._channel.unary_unary(method, **kwargs), method, request_serializer)

    def unary_stream(self, method: str, *, request_serializer: Any = None, **kwargs: Any) -> Any:
        """As `unary_unary`."""
        return self._of_one(self._channel.unary_stream(method, **kwargs), method, request_serializer)

    def stream_unary(self, method: str, **kwargs: Any) -> Any:
        """A method of a stream of requests, of which only the head is signed."""
        return self._of_many(self._channel.stream_unary(method, **kwargs), method)

    def stream_stream(self, method: str, **kwargs: Any) -> Any:
        """As `stream_unary`."""
        return self._of_many(self._channel.stream_stream(method, **kwargs), method)

    def _of_one(self, begin: Callable[..., Any], method: str, serialize: Callable[[Any], bytes]) -> Any:
        def call(request: Any, *, metadata: Any = None, **kwargs: Any) -> Any:
            data = serialize(request)
            return begin(data, metadata=self._signed(method, metadata, {CONTENT_DIGEST: digest_of(data)}), **kwargs)

        return call

    def _of_many(self, begin: Callable[..., Any], method: str) -> Any:
        def call(*args: Any, metadata: Any = None, **kwargs: Any) -> Any:
            return begin(*args, metadata=self._signed(method, metadata, {}), **kwargs)

        return call

    def _signed(self, method: str, metadata: Any, fields: Mapping[str, str]) -> tuple[tuple[str, str | bytes], ...]:
        signature = self._signer.headers({"@method": "POST", "@path": method, **fields})
        return (*(metadata or ()), *fields.items(), *signature.items())
