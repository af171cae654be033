"""An identity provider's keys, and tokens that it signed or that were forged."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from sayit.gateway.auth.tokens import Tokens
from sayit.v1.transcription_service_pb2 import GetJobRequest

from .helper import settings

ISSUER, AUDIENCE = "https://id.example.com/", "sayit"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
REQUEST = GetJobRequest(job_id="job-1")


def public(key: Any, kid: str, **more: Any) -> dict[str, Any]:
    """A key's public half as a JWK."""
    kind: Any = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    return {**kind.to_jwk(key.public_key(), as_dict=True), "kid": kid, **more}


def pem(key: Any) -> bytes:
    """A key's public half as PEM."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return bytes(key.public_key().public_bytes(serialization.Encoding.PEM, form))


def document(*keys: dict[str, Any]) -> str:
    """A JWKS."""
    return json.dumps({"keys": keys})


def issuers_keys(folder: Path) -> Path:
    """A file with the issuer's keys, in this folder."""
    path = folder / "jwks.json"
    path.write_text(document(public(RSA_KEY, "r1"), public(EC_KEY, "e1", use="sig", alg="ES256")))
    return path


def claims(**more: Any) -> dict[str, Any]:
    """What a good token says; None leaves a claim out."""
    now = int(time.time())
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": now + 300, "tenant": "acme", "scope": "read other"}
    return {name: value for name, value in {**good, **more}.items() if value is not None}


def token(key: Any = RSA_KEY, kid: str | None = "r1", algorithm: str = "RS256", **more: Any) -> str:
    """A signed token."""
    return jwt.encode(claims(**more), key, algorithm=algorithm, headers={"kid": kid} if kid else None)


def encoded(part: Any) -> str:
    """A part of a token."""
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forged(header: dict[str, Any], secret: bytes | None = None) -> str:
    """A token that is not signed, or signed as a shared secret would."""
    told = f"{encoded(header)}.{encoded(claims())}"
    return f"{told}.{encoded(hmac.new(secret, told.encode(), hashlib.sha256).digest()) if secret is not None else ''}"


def options(source: object, **more: Any) -> dict[str, Any]:
    """A gateway's settings for tokens."""
    return {"jwt_issuer": ISSUER, "jwt_audience": AUDIENCE, "jwt_jwks": str(source), **more}


def checker(source: object, **more: Any) -> Tokens:
    """What a gateway with such settings checks tokens with."""
    return Tokens(settings(**options(source, **more)))
