"""API keys: a file of salted hashes, made and revoked by the command line, read by the gateway.

A key reads `sayit_<id>_<secret>`; the secret has 256 random bits, so that one round of SHA-256 is as good as any slow
hash. The file is replaced atomically and readable by its owner only; a key cannot be recovered from it.
"""

from __future__ import annotations

import base64
import dataclasses
import fcntl
import hashlib
import hmac
import json
import os
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sayit.chassis.start import StartError

#: What a key may be for: to send audio and change what one has; to read it; all, and what an operator does.
SCOPES = TRANSCRIBE, READ, ADMIN = "transcribe", "read", "admin"
#: Those of a key that was made without any, as all were before there were scopes.
DEFAULT_SCOPES = (TRANSCRIBE, READ)

_PREFIX = "sayit"
_FORMAT = 1


class KeysFileError(StartError):
    """The file of keys cannot be read, or holds no such key; the text is one line for the operator."""


@dataclass(frozen=True, kw_only=True)
class StoredKey:
    """One key as the file holds it."""

    #: Public part of the key; names it in logs and on rows.
    id: str
    #: Whose data it may see.
    tenant: str
    #: For people.
    name: str
    #: Random bytes, base64.
    salt: str
    #: SHA-256 of salt and secret, base64.
    hash: str
    #: ISO 8601, UTC.
    created: str
    #: ISO 8601, UTC; empty while the key is valid.
    revoked: str = ""
    #: ISO 8601, UTC; empty for a key without an end.
    expires: str = ""
    #: What it may do, see `SCOPES`.
    scopes: tuple[str, ...] = DEFAULT_SCOPES

    @property
    def valid(self) -> bool:
        """Whether it is neither revoked nor over."""
        return not self.revoked and not (self.expires and datetime.fromisoformat(self.expires) <= datetime.now(UTC))

    def admits(self, secret: str) -> bool:
        """Whether the secret is this key's and the key is still valid."""
        same = hmac.compare_digest(_hash(base64.b64decode(self.salt), secret), base64.b64decode(self.hash))
        return same and self.valid


def create_key(
    path: Path,
    *,
    tenant: str,
    name: str = "",
    scopes: Sequence[str] = DEFAULT_SCOPES,
    valid_for: timedelta | None = None,
) -> tuple[StoredKey, str]:
    """Adds a key to the file, which is made where there is none.

    Args:
        path: the file.
        tenant: whose data the key may see.
        name: for people.
        scopes: some of `SCOPES`.
        valid_for: how long; None: until it is revoked.

    Returns:
        The stored key, and the key itself: it cannot be read again.

    Raises:
        KeysFileError: the file cannot be read or written, the tenant is empty, or there is no such scope.
    """
    if not tenant:
        raise KeysFileError("a key needs a tenant")
    if not scopes or not set(scopes) <= set(SCOPES):
        raise KeysFileError(f"a key's scopes are some of {', '.join(SCOPES)}")
    key_id, secret, salt = secrets.token_hex(6), secrets.token_urlsafe(32), secrets.token_bytes(16)
    key = StoredKey(
        id=key_id,
        tenant=tenant,
        name=name,
        salt=base64.b64encode(salt).decode(),
        hash=base64.b64encode(_hash(salt, secret)).decode(),
        created=_after(),
        expires="" if valid_for is None else _after(valid_for),
        scopes=tuple(scopes),
    )
    with _locked(path):
        _write(path, (*(list_keys(path) if path.exists() else ()), key))
    return key, f"{_PREFIX}_{key_id}_{secret}"


def revoke_key(path: Path, key_id: str) -> StoredKey:
    """Revokes a key; gateways notice with the next call. A revoked key stays as it is.

    Raises:
        KeysFileError: the file cannot be read or written, or holds no such key.
    """
    with _locked(path):
        keys = {key.id: key for key in list_keys(path)}
        if key_id not in keys:
            raise KeysFileError(f"{path} holds no key {key_id}")
        if not keys[key_id].revoked:
            keys[key_id] = dataclasses.replace(keys[key_id], revoked=_after())
            _write(path, tuple(keys.values()))
    return keys[key_id]


class KeyRing:
    """The keys of a file, read again whenever the file changes.

    A file that becomes unreadable while the gateway runs leaves the keys as they were: an operator's mistake locks no
    client out. `problem` says so, for the log.
    """

    def __init__(self, path: Path) -> None:
        """Reads the file.

        Raises:
            KeysFileError: it cannot be read.
        """
        self._path = path
        #: What is wrong with the file now; empty if nothing is.
        self.problem = ""
        self._version = self._stat()
        self._keys = {key.id: key for key in list_keys(path)}

    def find(self, key: str) -> StoredKey | None:
        """What is stored of a key; None for one that was never issued, was revoked, or is over."""
        self.refresh()
        prefix, _, rest = key.partition("_")
        key_id, _, secret = rest.partition("_")
        stored = self._keys.get(key_id)
        return stored if prefix == _PREFIX and stored is not None and stored.admits(secret) else None

    def is_valid(self, key_id: str) -> bool:
        """Whether the key with this id still admits its holder."""
        return key_id in self._keys and self._keys[key_id].valid

    def refresh(self) -> None:
        """Reads the file again if it has changed."""
        version = self._stat()
        if version == self._version:
            return
        self._version = version
        try:
            self._keys = {key.id: key for key in list_keys(self._path)}
            self.problem = ""
        except KeysFileError as error:
            self.problem = str(error)

    def _stat(self) -> tuple[int, int, int] | None:
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_ino, stat.st_size


def _hash(salt: bytes, secret: str) -> bytes:
    return hashlib.sha256(salt + secret.encode()).digest()


def _after(time: timedelta = timedelta()) -> str:
    """The time of day then, or now."""
    return (datetime.now(UTC) + time).isoformat(timespec="seconds")


def list_keys(path: Path) -> tuple[StoredKey, ...]:
    """All keys, revoked ones included, oldest first.

    Raises:
        KeysFileError: the file cannot be read.
    """
    try:
        with _told(path, "read"):
            document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise KeysFileError(f"{path} is no file of keys: it is not JSON") from None
    try:
        if document["format"] != _FORMAT:
            raise KeysFileError(
                f"{path} is a file of keys in format {document['format']}; this version reads {_FORMAT}"
            )
        return tuple(
            StoredKey(**{**entry, "scopes": tuple(entry.get("scopes", DEFAULT_SCOPES))}) for entry in document["keys"]
        )
    except (KeyError, TypeError):
        raise KeysFileError(f"{path} is no file of keys") from None


def _write(path: Path, keys: tuple[StoredKey, ...]) -> None:
    # A key without what is new is written as ever, so that older gateways read it.
    plain = {field.name: field.default for field in dataclasses.fields(StoredKey)}
    entries = [{name: v for name, v in dataclasses.asdict(key).items() if v != plain[name]} for key in keys]
    document = {"format": _FORMAT, "keys": entries}
    with _told(path, "written"):
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made with mode 0600
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(document, file, indent=2, ensure_ascii=False)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keeps two commands from losing each other's change; the lock is beside the file, which itself is replaced."""
    with _told(path, "written"):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _told(path: Path, what: str) -> Iterator[None]:
    """Says in one line what cannot be done with the file."""
    try:
        yield
    except FileNotFoundError:
        raise KeysFileError(f"there is no file of keys at {path}: make one with `sayit keys create`") from None
    except OSError as error:
        raise KeysFileError(f"the file of keys {path} cannot be {what}: {(error.strerror or '').lower()}") from None
