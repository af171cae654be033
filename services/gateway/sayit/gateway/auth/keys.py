"""A file of API keys: salted hashes, made and revoked by the command line, read by the gateway.

The file is replaced atomically and readable by its owner only.
"""

from __future__ import annotations

import base64
import dataclasses
import fcntl
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sayit.chassis.api_keys import new_secret, parts_of, same_secret
from sayit.chassis.start import StartError
from sayit.speech.api_keys import DEFAULT_SCOPES, OVERLAP_S, SCOPES, checked_addresses
from sayit.speech.errors import SayItError

_FORMAT = 1


class KeysFileError(StartError):
    """The file of keys cannot be read, or holds no such key; the text is one line for the operator."""


@dataclass(frozen=True, kw_only=True)
class FileKey:
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
    #: How many requests it may send, such as "600/minute"; empty: as the settings say.
    requests: str = ""
    #: Networks from which it may be used; none: from anywhere.
    addresses: tuple[str, ...] = ()

    @property
    def valid(self) -> bool:
        """Whether it is neither revoked nor over."""
        return not self.revoked and not (self.expires and datetime.fromisoformat(self.expires) <= datetime.now(UTC))

    def admits(self, secret: str) -> bool:
        """Whether the secret is this key's and the key is still valid."""
        return same_secret(base64.b64decode(self.salt), base64.b64decode(self.hash), secret) and self.valid


def create_key(
    path: Path,
    *,
    tenant: str,
    name: str = "",
    scopes: Sequence[str] = DEFAULT_SCOPES,
    valid_for: timedelta | None = None,
    requests: str = "",
    addresses: Sequence[str] = (),
) -> tuple[FileKey, str]:
    """Adds a key to the file, which is made where there is none.

    Args:
        path: the file.
        tenant: whose data the key may see.
        name: for people.
        scopes: some of `SCOPES`.
        valid_for: how long; None: until it is revoked.
        requests: how many requests it may send; empty: as the settings say.
        addresses: networks from which it may be used; none: from anywhere.

    Returns:
        The stored key, and the key itself: it cannot be read again.

    Raises:
        KeysFileError: the file cannot be read or written, the tenant is empty, or a scope, limit or network is none.
    """
    if not tenant:
        raise KeysFileError("a key needs a tenant")
    if not scopes or not set(scopes) <= set(SCOPES):
        raise KeysFileError(f"a key's scopes are some of {', '.join(SCOPES)}")
    from sayit.chassis.quotas import limits_of  # noqa: PLC0415 - takes a while, and a gateway need not

    try:
        limits_of(requests)
        networks = checked_addresses(addresses)
    except (ValueError, SayItError) as error:
        raise KeysFileError(str(error)) from None
    key, text = _with_secret(
        FileKey(
            id="",
            tenant=tenant,
            name=name,
            salt="",
            hash="",
            created=_after(),
            expires="" if valid_for is None else _after(valid_for),
            scopes=tuple(scopes),
            requests=requests,
            addresses=networks,
        )
    )
    with _locked(path):
        _write(path, (*(list_keys(path) if path.exists() else ()), key))
    return key, text


def rotate_key(path: Path, key_id: str, overlap: timedelta = timedelta(seconds=OVERLAP_S)) -> tuple[FileKey, str]:
    """Adds a key that may do what an old one may, for as long; the old one ends after the overlap, if not before.

    Raises:
        KeysFileError: the file cannot be read or written, or holds no such key that is valid.
    """
    with _locked(path):
        keys = {key.id: key for key in list_keys(path)}
        old = keys.get(key_id)
        if old is None or not old.valid:
            raise KeysFileError(f"{path} holds no valid key {key_id}")
        until = _after(overlap)
        length = datetime.fromisoformat(old.expires) - datetime.fromisoformat(old.created) if old.expires else None
        expires = "" if length is None else _after(length)
        new, text = _with_secret(dataclasses.replace(old, created=_after(), expires=expires))
        if not old.expires or datetime.fromisoformat(until) < datetime.fromisoformat(old.expires):
            keys[key_id] = dataclasses.replace(old, expires=until)
        _write(path, (*keys.values(), new))
    return new, text


def revoke_key(path: Path, key_id: str) -> FileKey:
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

    def find(self, key: str) -> FileKey | None:
        """What is stored of a key; None for one that was never issued, was revoked, or is over."""
        self.refresh()
        key_id, secret = parts_of(key) or ("", "")
        stored = self._keys.get(key_id)
        return stored if stored is not None and stored.admits(secret) else None

    def holds(self, key_id: str) -> bool:
        """Whether the key with this id is one of the file's."""
        return key_id in self._keys

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


def _with_secret(key: FileKey) -> tuple[FileKey, str]:
    """The key with an id and a new secret's hash, and what it reads."""
    secret = new_secret()
    salt, hashed = base64.b64encode(secret.salt).decode(), base64.b64encode(secret.hash).decode()
    return dataclasses.replace(key, id=secret.key_id, salt=salt, hash=hashed), secret.text


def _after(time: timedelta = timedelta()) -> str:
    """The time of day then, or now."""
    return (datetime.now(UTC) + time).isoformat(timespec="seconds")


def list_keys(path: Path) -> tuple[FileKey, ...]:
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
            FileKey(
                **{
                    **entry,
                    "scopes": tuple(entry.get("scopes", DEFAULT_SCOPES)),
                    "addresses": tuple(entry.get("addresses", ())),
                }
            )
            for entry in document["keys"]
        )
    except (KeyError, TypeError):
        raise KeysFileError(f"{path} is no file of keys") from None


def _write(path: Path, keys: tuple[FileKey, ...]) -> None:
    # A key without what is new is written as ever, so that older gateways read it.
    plain = {field.name: field.default for field in dataclasses.fields(FileKey)}
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
