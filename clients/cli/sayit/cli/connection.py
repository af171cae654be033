"""How commands reach a suite: the user's options for it, and calls on an SDK client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from sayit.chassis.start import StartError, split_address
from sayit.cli import paths
from sayit.cli.commands.arguments import ApiKey, ModelName, Roots, Server, Threads, Transcribers
from sayit.cli.exit_codes import Exit, Failure
from sayit.cli.messages import LocalError

if TYPE_CHECKING:
    from sayit.client import AsyncClient

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class SuiteConnection:
    """The user's options for the suite to connect to."""

    server: Server = ""
    api_key: ApiKey = ""
    root_certificates: Roots = None

    def address(self) -> str:
        """The address to connect to.

        A check of two seconds finds an address without a server, for which a client with retries needs much longer.

        Raises:
            LocalError: NO_SUITE, if no server listens there.
            Failure: it is no address.
        """
        address = self.server or paths.running_suite(paths.default_data())
        if address is None:
            raise LocalError("NO_SUITE", address=paths.DEFAULT_ADDRESS)
        try:
            split_address(address)
        except StartError:
            raise Failure(Exit.USAGE, f"{address!r} is no address: write HOST:PORT, such as 127.0.0.1:50051") from None
        if not paths.is_listening(address):
            raise LocalError("NO_SUITE", address=address)
        return address

    def client(self, address: str) -> AsyncClient:
        """A client for this address; use it as an async context manager.

        Raises:
            Failure: the certificates cannot be read.
        """
        from sayit.client import AsyncClient  # noqa: PLC0415 - gRPC takes a while to import

        roots = None
        if self.root_certificates is not None:
            try:
                roots = self.root_certificates.read_bytes()
            except OSError as error:
                raise Failure(Exit.USAGE, f"{self.root_certificates}: {error.strerror}") from None
        return AsyncClient(address, api_key=self.api_key, root_certificates=roots)

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
