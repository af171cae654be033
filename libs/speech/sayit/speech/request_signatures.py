"""Signed requests: HTTP Message Signatures (RFC 9421) by HMAC-SHA256, with one signature and a nonce for each request.

A key that signs reads `sayitsig_ID_SECRET`; what follows the last underscore is the secret of the HMAC. It is made of
the installation's secret and the key's id, so it is stored nowhere. Calls of gRPC are signed in the same form.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from sayit.speech.errors import ErrorKind, SayItError

#: How far a signature's time may be from the clock of the server that checks it, in seconds, both ways.
WINDOW_S = 300
#: The fields of a signed request.
SIGNATURE_INPUT, SIGNATURE, CONTENT_DIGEST = "signature-input", "signature", "content-digest"
#: What every signature of a call of gRPC covers, and every one of a request of HTTP.
CALL, REQUEST = ("@method", "@path"), ("@method", "@path", "@query")

_KEY = re.compile(r"sayitsig_([A-Za-z0-9]{1,64})_([0-9a-f]{64})", re.ASCII)
_LONGEST = 2_000
_NAME = r'"@?[a-z0-9][a-z0-9-]{0,63}"'
_PARAMETER = r';([a-z]{1,16})=(?:(\d{1,12})|"([ !#-\[\]-~]{0,200})")'
_INPUT = re.compile(
    rf"([a-z*][a-z0-9_.*-]{{0,31}})=(\(({_NAME}(?: {_NAME}){{0,31}})\)((?:{_PARAMETER}){{1,8}}))", re.ASCII
)
_EACH = re.compile(_PARAMETER, re.ASCII)
_MAC = re.compile(r"([a-z*][a-z0-9_.*-]{0,31})=:([A-Za-z0-9+/]{43}=):", re.ASCII)
_PARAMETERS = frozenset({"created", "expires", "keyid", "nonce", "alg", "tag"})
_SHORTEST_NONCE, _LONGEST_NONCE = 8, 128


@dataclass(frozen=True, kw_only=True)
class SigningKey:
    """With what a caller signs its requests."""

    #: The public part.
    key_id: str
    #: 64 hexadecimal digits; their ASCII bytes are the key of the HMAC.
    secret: str = field(repr=False)

    @classmethod
    def made(cls, installation_secret: str, key_id: str) -> SigningKey:
        """The key with this id, of an installation's secret."""
        text = b"sayit signed requests\n" + key_id.encode()
        return cls(key_id=key_id, secret=hmac.new(installation_secret.encode(), text, hashlib.sha256).hexdigest())

    @classmethod
    def of_text(cls, text: str) -> SigningKey | None:
        """The key that reads so; None for what is no such key."""
        found = _KEY.fullmatch(text)
        return cls(key_id=found[1], secret=found[2]) if found else None

    @property
    def text(self) -> str:
        """What the key reads."""
        return f"sayitsig_{self.key_id}_{self.secret}"

    def headers(
        self, components: Mapping[str, str], *, nonce: str = "", created_s: int | None = None
    ) -> dict[str, str]:
        """The fields that sign a request.

        Args:
            components: what is covered, by name: "@method" and the like, and names of fields in lower case.
            nonce: one that was never used; by default a random one.
            created_s: seconds since the epoch; by default now.
        """
        created_s = int(time.time()) if created_s is None else created_s
        names = " ".join(f'"{name}"' for name in components)
        nonce = nonce or secrets.token_urlsafe(18)
        parameters = f'({names});created={created_s};keyid="{self.key_id}";nonce="{nonce}";alg="hmac-sha256"'
        mac = base64.b64encode(self.mac(base_of(components, parameters))).decode()
        return {SIGNATURE_INPUT: f"sig={parameters}", SIGNATURE: f"sig=:{mac}:"}

    def mac(self, base: bytes) -> bytes:
        """The HMAC-SHA256 of a signature base."""
        return hmac.new(self.secret.encode(), base, hashlib.sha256).digest()


@dataclass(frozen=True, kw_only=True)
class RequestSignature:
    """A signature as it was sent; nothing of it is checked but its form."""

    key_id: str
    nonce: str
    #: Seconds since the epoch.
    created_s: int
    #: What it covers, in its order.
    components: tuple[str, ...]
    #: The value of "@signature-params".
    parameters: str
    mac: bytes


def digest_of(data: bytes) -> str:
    """The value of Content-Digest (RFC 9530) for a body."""
    return digest_text(hashlib.sha256(data).digest())


def digest_text(sha256: bytes) -> str:
    """The value of Content-Digest for a body with this SHA-256."""
    return f"sha-256=:{base64.b64encode(sha256).decode()}:"


def base_of(components: Mapping[str, str], parameters: str) -> bytes:
    """What is signed (RFC 9421, section 2.5)."""
    lines = [f'"{name}": {value}' for name, value in components.items()]
    return "\n".join([*lines, f'"@signature-params": {parameters}']).encode()


def checked_signature(
    inputs: Sequence[str],
    macs: Sequence[str],
    value_of: Callable[[str], str | None],
    *,
    needed: Collection[str],
    installation_secrets: Sequence[str],
) -> tuple[RequestSignature, SigningKey]:
    """The signature of a request, and the key that made it; whether its nonce was used before is not known here.

    Args:
        inputs: all values of Signature-Input.
        macs: all values of Signature.
        value_of: what the request has for a component; None for one that it lacks.
        needed: components that must be covered.
        installation_secrets: of which keys are made; none: the server takes no signed requests.

    Raises:
        SayItError: INVALID_SIGNATURE, with the reason.
    """
    if not installation_secrets:
        raise refused("this server takes no signed requests")
    signature = _parsed(inputs, macs)
    if missing := [name for name in needed if name not in signature.components]:
        raise refused(f"it does not cover {', '.join(missing)}")
    values: dict[str, str] = {}
    for name in signature.components:
        if (value := value_of(name)) is None:
            raise refused(f"the request has no {name}")
        values[name] = value
    base = base_of(values, signature.parameters)
    for secret in installation_secrets:
        key = SigningKey.made(secret, signature.key_id)
        if hmac.compare_digest(key.mac(base), signature.mac):
            return signature, key
    raise refused("it does not fit the request, or the key is not known")


def refused(reason: str) -> SayItError:
    """INVALID_SIGNATURE, with a reason that the caller is told."""
    return SayItError(ErrorKind.INVALID_SIGNATURE, reason=reason, cause=reason)


def _parsed(inputs: Sequence[str], macs: Sequence[str]) -> RequestSignature:
    """One signature in the strict form of RFC 9421; a second one, and each parameter twice, are refused."""
    if len(inputs) != 1 or len(macs) != 1:
        raise refused("a request has one Signature-Input and one Signature")
    found = _INPUT.fullmatch(inputs[0].strip()) if len(inputs[0]) <= _LONGEST else None
    mac = _MAC.fullmatch(macs[0].strip()) if len(macs[0]) <= _LONGEST else None
    if found is None or mac is None or found[1] != mac[1]:
        raise refused("Signature-Input or Signature cannot be read")
    each = [(name, number or text) for name, number, text in _EACH.findall(found[4])]
    values = dict(each)
    components = tuple(found[3].replace('"', "").split(" "))
    if len(values) != len(each) or len(set(components)) != len(components) or not values.keys() <= _PARAMETERS:
        raise refused("Signature-Input or Signature cannot be read")
    if values.get("alg", "hmac-sha256") != "hmac-sha256":
        raise refused("the algorithm is hmac-sha256, and no other")
    if not _SHORTEST_NONCE <= len(values.get("nonce", "")) <= _LONGEST_NONCE or not values.get("keyid"):
        raise refused(f"it needs keyid, created, and a nonce of {_SHORTEST_NONCE} to {_LONGEST_NONCE} characters")
    return RequestSignature(
        key_id=values["keyid"],
        nonce=values["nonce"],
        created_s=_checked_time(values),
        components=components,
        parameters=found[2],
        mac=base64.b64decode(mac[2]),
    )


def _checked_time(values: Mapping[str, str]) -> int:
    now_s = time.time()
    if not values.get("created", "").isdecimal() or not values.get("expires", "0").isdecimal():
        raise refused(f"it needs keyid, created, and a nonce of {_SHORTEST_NONCE} to {_LONGEST_NONCE} characters")
    created_s = int(values["created"])
    if abs(created_s - now_s) > WINDOW_S or int(values.get("expires", now_s + 1)) <= now_s:
        raise refused(f"its time is over, or more than {WINDOW_S} seconds from this server's")
    return created_s
