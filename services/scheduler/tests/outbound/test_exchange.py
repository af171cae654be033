"""Requests to a real server."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path

import pytest

from sayit.scheduler.outbound.destinations import Destinations, RefusedError
from sayit.scheduler.outbound.exchange import Exchange, NoAnswerError
from tests.receiver import answer, certificate, receiver

HOST = "hooks.internal"


class Names:
    """A name server whose answers follow each other."""

    def __init__(self, *answers: str) -> None:
        self.asked = 0
        self._answers = answers

    async def resolve(self, _host: str, _port: int) -> Sequence[str]:
        """The next one."""
        self.asked += 1
        return [self._answers[min(self.asked, len(self._answers)) - 1]]


def exchange(names: Names, *, trusted: bool = True, tls: ssl.SSLContext | None = None) -> Exchange:
    """Requests to the host of these tests."""
    destinations = Destinations(trusted=[HOST] if trusted else [], resolve=names.resolve)
    return Exchange(destinations=destinations, tls=tls)


async def body_of(requests: Exchange, url: str) -> bytes:
    """What an address answers."""
    async with requests.request("GET", url) as got:
        return b"".join([piece async for piece in got.pieces()])


async def test_a_request_over_tls_names_the_host(tmp_path: Path) -> None:
    """The certificate is the host's, not the address's; the body of the answer comes in pieces."""
    made = certificate(tmp_path, HOST)
    head = b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\nContent-Type: audio/wav\r\n\r\n"
    chunked = head + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    async with receiver(chunked, tls=made) as server:
        requests = exchange(Names("127.0.0.1"), tls=ssl.create_default_context(cafile=made[0]))
        url = f"https://{HOST}:{server.port}/hook?a=b"
        async with requests.request("POST", url, [("X-Own", "1")], b"body") as got:
            assert (got.status, got.headers["content-type"]) == (200, "audio/wav")
            assert b"".join([piece async for piece in got.pieces()]) == b"abcde"
        [seen] = server.requests
        assert (seen.line, seen.body, seen.headers["x-own"]) == ("POST /hook?a=b", b"body", "1")
        assert seen.headers["host"] == f"{HOST}:{server.port}"


async def test_a_certificate_of_another_host_is_refused(tmp_path: Path) -> None:
    """As one that no authority signed."""
    made = certificate(tmp_path, "other.internal")
    async with receiver(answer(200), tls=made) as server:
        for trusts in (ssl.create_default_context(cafile=made[0]), None):
            with pytest.raises(NoAnswerError, match="certificate verify failed"):
                async with exchange(Names("127.0.0.1"), tls=trusts).request("GET", f"https://{HOST}:{server.port}/"):
                    pass
        assert server.requests == []


async def test_a_name_is_resolved_once() -> None:
    """The connection goes to the address that was checked; one that means something else afterwards changes nothing."""
    async with receiver(answer(200)) as server:
        names = Names("127.0.0.1", "169.254.169.254")
        async with exchange(names).request("GET", f"http://{HOST}:{server.port}/") as got:
            assert (got.status, names.asked) == (200, 1)
        with pytest.raises(RefusedError):  # the name means the link's address now
            async with exchange(names).request("GET", f"http://{HOST}:{server.port}/"):
                pass
        assert len(server.requests) == 1


async def test_redirects_are_not_followed() -> None:
    """An answer that sends elsewhere is an answer."""
    elsewhere = answer(302, "Location: http://169.254.169.254/latest/meta-data/")
    async with receiver(elsewhere) as server:
        names = Names("127.0.0.1")
        async with exchange(names).request("GET", f"http://{HOST}:{server.port}/") as got:
            assert got.status == 302
        assert (len(server.requests), names.asked) == (1, 1)


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 X\r\nA: " + b"a" * 100_000,
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 X\r\nContent-Le",
        b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\nabc",
    ],
    ids=["endless head", "another protocol", "half a head", "half a body"],
)
async def test_what_is_no_answer_is_an_error(said: bytes) -> None:
    """Nothing of it is taken for an answer, and no head grows beyond its bound."""
    async with receiver(said) as server:
        with pytest.raises(NoAnswerError):
            await body_of(exchange(Names("127.0.0.1")), f"http://{HOST}:{server.port}/")


async def test_a_host_without_a_server_is_an_error() -> None:
    """So is a name that no name server knows."""
    async with receiver(answer(200)) as server:
        port = server.port
    with pytest.raises(NoAnswerError, match="no connection"):
        async with exchange(Names("127.0.0.1")).request("GET", f"http://{HOST}:{port}/"):
            pass
    with pytest.raises(NoAnswerError, match="no connection"):
        async with Exchange(destinations=Destinations()).request("GET", "https://name.invalid/"):
            pass
