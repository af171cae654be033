"""How commands reach a suite: the address, the key, and one call on an SDK client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sayit.chassis.start import StartError, split_address
from sayit.cli import interrupt, places
from sayit.cli.exits import Exit, Failure
from sayit.cli.wording import LocalError
from sayit.client import AsyncClient

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Connection:
    """What the user said about the suite to talk to."""

    #: host:port; empty looks for one on this machine.
    server: str = ""
    #: Empty where the suite has no keys.
    api_key: str = ""
    #: PEM file of the certificates to trust; None for a connection without TLS.
    root_certificates: Path | None = None

    def address(self) -> str:
        """The address to connect to.

        Raises:
            LocalError: NO_SUITE, if nobody listens there.
        """
        address = self.server or places.running_suite(places.default_data())
        if address is None:
            raise LocalError("NO_SUITE", address=places.DEFAULT_ADDRESS)
        self.check(address)
        return address

    def check(self, address: str) -> None:
        """Finds out in two seconds what a client with retries would find out in many.

        Raises:
            LocalError: NO_SUITE.
            Failure: it is no address.
        """
        try:
            split_address(address)
        except StartError:
            raise Failure(Exit.USAGE, f"{address!r} is no address: write HOST:PORT, such as 127.0.0.1:50051") from None
        if not places.somebody_listens(address):
            raise LocalError("NO_SUITE", address=address)

    def client(self, address: str) -> AsyncClient:
        """A client for this address; use it as an async context manager.

        Raises:
            Failure: the certificates cannot be read.
        """
        roots = None
        if self.root_certificates is not None:
            try:
                roots = self.root_certificates.read_bytes()
            except OSError as error:
                raise Failure(Exit.USAGE, f"{self.root_certificates}: {error.strerror}") from None
        return AsyncClient(address, api_key=self.api_key, root_certificates=roots)

    def call(self, work: Callable[[AsyncClient], Awaitable[T]]) -> T:
        """Connects, does the work, disconnects."""
        address = self.address()

        async def connected() -> T:
            async with self.client(address) as client:
                return await work(client)

        return interrupt.run(connected)
