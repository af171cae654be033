"""The public keys of an identity provider (JWKS, RFC 7517), from a file or an address, as they are now."""

from __future__ import annotations

import asyncio
import http.client
import json
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jwt

from sayit.chassis import telemetry
from sayit.chassis.start import StartError
from sayit.speech.errors import ErrorKind, SayItError

#: How old keys may be before they are read again, in seconds, and how often that is tried, an unknown key's id too.
_MAX_AGE_S, _TRY_S = 600.0, 10.0
#: For how long keys are taken whose provider is away, in seconds.
KEPT_S = 86_400.0
#: How long the provider may take for everything, and how large its answer may be.
_FETCH_S, _MAX_BYTES = 5.0, 262_144
#: Most keys that are read.
_MAX_KEYS = 100
#: Kinds of keys that have a public half; a shared secret among them is no key of ours.
_PAIRS = frozenset({"RSA", "EC", "OKP"})


class Jwks:
    """Keys by id.

    Args:
        source: a file, or an https:// address.
        clock: for tests.

    Raises:
        StartError: the file cannot be read, or the address is none.
    """

    def __init__(self, source: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._clock = clock
        self._keys: tuple[dict[str, Any], ...] = ()
        #: When they were read, and when that was last tried.
        self._read_s = self._tried_s = float("-inf")
        self._reading: asyncio.Task[None] | None = None
        self._is_address = "://" in source
        if self._is_address:
            self._check_address()
        else:
            try:
                self._take(_of_file(source))
            except (OSError, ValueError) as error:
                raise StartError(f"the keys of SAYIT_JWT_JWKS cannot be read: {error}") from None

    def _check_address(self) -> None:
        parts = urlsplit(self._source)
        if parts.scheme != "https" or not parts.hostname:
            raise StartError(f"SAYIT_JWT_JWKS: {self._source} is neither a file nor an https:// address")

    def refresh(self) -> None:
        """Begins to read the keys again if they are old, and are not being read."""
        if self._read_s < self._clock() - (_MAX_AGE_S if self._is_address else 0.0):
            self._begin()

    async def key(self, key_id: object, algorithm: str) -> jwt.PyJWK | None:
        """The key with this id, for this algorithm; without an id the only one there is. None for no such key.

        Keys are read again for an id that is not known, now and then.

        Raises:
            SayItError: UNAVAILABLE while there are none that may be used.
        """
        found = self._find(key_id)
        if found is None or self._outdated():
            self._begin()
            if self._reading is not None:
                await asyncio.wait({self._reading})
            found = self._find(key_id)
        if self._outdated():
            raise SayItError(ErrorKind.UNAVAILABLE, retry_after_s=_TRY_S, cause="the issuer's keys cannot be had")
        if found is None or found.get("alg", algorithm) != algorithm:
            return None
        return jwt.PyJWK(found, algorithm=algorithm)

    def _outdated(self) -> bool:
        return self._read_s < self._clock() - KEPT_S

    def _find(self, key_id: object) -> dict[str, Any] | None:
        if key_id is None:
            return self._keys[0] if len(self._keys) == 1 else None
        return next((one for one in self._keys if one.get("kid") == key_id), None)

    def _begin(self) -> None:
        if self._reading is not None and not self._reading.done():
            return
        if self._tried_s > self._clock() - _TRY_S:
            return
        self._tried_s = self._clock()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(2 * _FETCH_S):
                self._take(await asyncio.to_thread(_of_address if self._is_address else _of_file, self._source))
        except (OSError, ValueError, http.client.HTTPException, TimeoutError) as error:
            cause = str(error) or type(error).__name__
            telemetry.logger().warning("jwks_unreadable", source=self._source, cause=cause, keys="as before")

    def _take(self, document: bytes) -> None:
        """Takes the keys of a document that may sign.

        Raises:
            ValueError: it is no JWKS, or has no such key.
        """
        try:
            listed = json.loads(document)["keys"][:_MAX_KEYS]
            keys = tuple(one for one in listed if one.get("kty") in _PAIRS and one.get("use", "sig") == "sig")
        except (KeyError, TypeError, AttributeError):
            raise ValueError("it is no JWKS") from None
        if not keys:
            raise ValueError("it has no key of a pair")
        self._keys, self._read_s = keys, self._clock()


def _of_file(path: str) -> bytes:
    return Path(path).read_bytes()


def _of_address(address: str) -> bytes:
    """What the address answers; redirects are not followed.

    Raises:
        OSError, HTTPException, ValueError: there is no answer, or not a proper one.
    """
    parts = urlsplit(address)
    context = ssl.create_default_context()
    connection = http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=_FETCH_S, context=context)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", path, headers={"Accept": "application/json", "User-Agent": "SayIt"})
        answer = connection.getresponse()
        document = answer.read(_MAX_BYTES + 1)
    finally:
        connection.close()
    if answer.status != 200 or len(document) > _MAX_BYTES:
        raise ValueError(f"{address} answers {answer.status} with {len(document)} bytes")
    return document
