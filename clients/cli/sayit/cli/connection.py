"""How commands reach a suite: the user's options for it, and calls on an SDK client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sayit.chassis.start import StartError, split_address
from sayit.cli import paths
from sayit.cli.commands.arguments import (
    ApiKey,
    ApiKeyFile,
    ClientCertificate,
    ModelName,
    Roots,
    Server,
    Threads,
    Tls,
    Transcribers,
)
from sayit.cli.exit_codes import Exit, Failure
from sayit.cli.messages import LocalError
from sayit.speech.errors import ErrorKind, SayItError

if TYPE_CHECKING:
    from sayit.client import AsyncClient

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class SuiteConnection:
    """The user's options for the suite to connect to."""

    server: Server = ""
    api_key: ApiKey = ""
    api_key_file: ApiKeyFile = None
    tls: Tls = False
    root_certificates: Roots = None
    client_certificate: ClientCertificate = None

    def address(self) -> str:
        """The address to connect to.

        It is checked first, for two seconds at most: that tells what is wrong sooner than a client with retries.

        Raises:
            LocalError: NO_SUITE, if no server listens there.
            SayItError: UNAVAILABLE with the reason, if another one does, or one that cannot be reached so.
            Failure: it is no address.
        """
        address = self.server or paths.running_suite(paths.default_data())
        if address is None:
            raise LocalError("NO_SUITE", address=paths.DEFAULT_ADDRESS)
        try:
            split_address(address)
        except StartError:
            raise Failure(Exit.USAGE, f"{address!r} is no address: write HOST:PORT, such as 127.0.0.1:50051") from None
        from sayit.client.diagnosis import Cause, diagnose  # noqa: PLC0415 - `sayit --help` needs none

        roots = self._read(self.root_certificates)
        shows = self.client_certificate is not None
        found = diagnose(address, secure=self.tls or shows or roots is not None, roots=roots, shows=shows)
        if found is not None and found.cause is Cause.REFUSED:
            raise LocalError("NO_SUITE", address=address)
        if found is not None:
            raise SayItError(ErrorKind.UNAVAILABLE, sentences=found.sentences)
        return address

    def client(self, address: str) -> AsyncClient:
        """A client for this address; use it as an async context manager.

        Raises:
            Failure: the certificates or the key cannot be read.
        """
        from sayit.client import AsyncClient  # noqa: PLC0415 - gRPC takes a while to import

        key = self.api_key or (self._read(self.api_key_file) or b"").decode("latin-1").strip()
        if not (key.isascii() and key.isprintable()):
            raise Failure(Exit.USAGE, f"{self.api_key_file or 'SAYIT_API_KEY'}: a key is one line of ASCII characters")
        return AsyncClient(
            address,
            api_key=key,
            tls=self.tls,
            root_certificates=self._read(self.root_certificates),
            client_certificate=self._read(self.client_certificate),
        )

    @staticmethod
    def _read(file: Path | None) -> bytes | None:
        try:
            return file.read_bytes() if file else None
        except OSError as error:
            raise Failure(Exit.USAGE, f"{file}: {error.strerror}") from None

    def call(self, work: Callable[[AsyncClient], Awaitable[T]], address: str = "") -> T:
        """Connects, does the work, disconnects; without an address to the suite that the user means."""
        from sayit.cli import interrupt  # noqa: PLC0415 - as above

        where = address or self.address()

        async def connected() -> T:
            async with self.client(where) as client:
                return await work(client)

        return interrupt.run(connected)


@dataclass(frozen=True, kw_only=True)
class SuiteChoice:
    """The user's options for a suite that may have to be started for the call."""

    connection: SuiteConnection = SuiteConnection()
    model: ModelName = ""
    #: For a suite that this call starts.
    transcribers: Transcribers = None
    threads: Threads = None
