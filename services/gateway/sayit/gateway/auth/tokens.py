"""Tokens (JWT) of an identity provider: checked with its public keys, and mapped to a tenant and scopes.

The algorithms are pinned by a setting, which knows only such with pairs of keys: a token's own word for its algorithm
chooses among these, and never makes a public key a shared secret. A token cannot be revoked; its calls end when it is
over.
"""

from __future__ import annotations

import hashlib
import math
from typing import Any

import jwt

from sayit.chassis import telemetry
from sayit.chassis.principal import Principal
from sayit.chassis.start import StartError
from sayit.gateway.auth.identity import TOKEN_ID, Identity
from sayit.gateway.auth.jwks import Jwks
from sayit.gateway.settings import GatewaySettings, listed, scopes_of
from sayit.speech.api_keys import checked_tenant
from sayit.speech.errors import ErrorKind, SayItError, Sentence

#: Longest subject that is a part of an id as it is; and longest token, in characters.
_SUBJECT_CHARS, _TOKEN_CHARS = 60, 8_192
#: How far the clocks of provider and gateway may be apart, in seconds.
_LEEWAY_S = 30.0
_REQUIRED = ("exp", "iss", "aud", "sub")
_NO_TENANT = Sentence(en="The token names no tenant.", ko="토큰에 테넌트가 없습니다.")


class Tokens:
    """Checks tokens of one issuer.

    Args:
        settings: those that begin with `jwt_`.

    Raises:
        StartError: something is missing, or the file of keys cannot be read.
    """

    def __init__(self, settings: GatewaySettings) -> None:
        if not settings.jwt_audience or not settings.jwt_jwks:
            raise StartError("SAYIT_JWT_ISSUER needs SAYIT_JWT_AUDIENCE and SAYIT_JWT_JWKS")
        self._issuer, self._audience = settings.jwt_issuer, settings.jwt_audience
        self._algorithms = listed(settings.jwt_algorithms)
        self._tenant, self._tenant_claim = settings.jwt_tenant, settings.jwt_tenant_claim
        self._scopes, self._scopes_claim = scopes_of(settings.jwt_scopes), settings.jwt_scopes_claim
        self._jwks = Jwks(settings.jwt_jwks)

    def refresh(self) -> None:
        """Lets the issuer's keys be read again when it is time."""
        self._jwks.refresh()

    async def identify(self, token: str) -> Identity | None:
        """Who has this token; None for one that is not the issuer's, not for us, over, or not valid yet.

        Raises:
            SayItError: UNAVAILABLE while the issuer's keys cannot be had, PERMISSION_DENIED for one without a tenant.
        """
        try:
            claims = await self._claims(token)
        except (jwt.PyJWTError, OverflowError) as error:  # the latter of a time that is no float's
            telemetry.bind(cause=f"token: {type(error).__name__}")
            return None
        given = claims["sub"]
        return Identity(
            principal=Principal(
                key_id=_id_of(given), tenant=self._tenant_of(claims), expires_s=float(claims["exp"]) + _LEEWAY_S
            ),
            scopes=self._scopes_of(claims),
        )

    async def _claims(self, token: str) -> dict[str, Any]:
        if len(token) > _TOKEN_CHARS:
            raise jwt.InvalidTokenError
        header = jwt.get_unverified_header(token)
        algorithm = header.get("alg")
        if algorithm not in self._algorithms:
            raise jwt.InvalidAlgorithmError
        key = await self._jwks.key(header.get("kid"), algorithm)
        if key is None:
            raise jwt.InvalidKeyError
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=self._audience,
            issuer=self._issuer,
            leeway=_LEEWAY_S,
            options={"require": list(_REQUIRED)},
        )
        if not claims["sub"] or not math.isfinite(float(claims["exp"])):
            raise jwt.InvalidTokenError
        return claims

    def _tenant_of(self, claims: dict[str, Any]) -> str:
        tenant = self._tenant or _claim(claims, self._tenant_claim)
        try:
            return checked_tenant(tenant if isinstance(tenant, str) else "")
        except SayItError:
            raise SayItError(ErrorKind.PERMISSION_DENIED, sentences=_NO_TENANT, cause="token without tenant") from None

    def _scopes_of(self, claims: dict[str, Any]) -> frozenset[str]:
        given = _claim(claims, self._scopes_claim)
        words = given.split() if isinstance(given, str) else given if isinstance(given, list) else []
        return frozenset(self._scopes[one] for one in words if isinstance(one, str) and one in self._scopes)


def _claim(claims: dict[str, Any], name: str) -> Any:
    """The claim of this name, or at this path; None where there is none."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _id_of(subject: str) -> str:
    """What names the caller in logs and on rows."""
    if len(subject) <= _SUBJECT_CHARS and subject.isprintable():
        return TOKEN_ID + subject
    return TOKEN_ID + hashlib.sha256(subject.encode("utf-8", "surrogatepass")).hexdigest()[:32]
