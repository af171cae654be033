"""Audio that the scheduler fetches itself, where its operator allows that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from sayit.chassis import telemetry
from sayit.scheduler.outbound.destinations import RefusedError
from sayit.scheduler.outbound.exchange import Exchange, NoAnswerError
from sayit.speech.errors import ErrorKind, SayItError

#: Seconds without a byte after which a sender is given up.
_IDLE_S = 30.0
_HEADERS = (("Accept", "audio/*, video/*, */*;q=0.5"), ("Accept-Encoding", "identity"))


@dataclass(kw_only=True, eq=False)
class Downloads:
    """Fetches what clients name, from where requests may go."""

    exchange: Exchange
    #: Whether it is allowed at all.
    allowed: bool
    #: Most seconds for one file.
    most_s: float

    async def pieces(self, url: str) -> AsyncGenerator[bytes]:
        """The bytes at a URL as they arrive; the taker bounds their number.

        Raises:
            SayItError: INVALID_OPTION where it is not allowed, does not answer with 200, or takes too long.
        """
        if not self.allowed:
            raise _refused("this installation fetches no audio (SAYIT_FETCH_AUDIO)")
        try:
            self.exchange.destinations.target(url)
        except RefusedError as error:
            raise _refused(str(error)) from None
        end_s = asyncio.get_running_loop().time() + self.most_s
        try:
            async with AsyncExitStack() as stack:
                async with asyncio.timeout_at(min(end_s, _soon())):
                    answer = await stack.enter_async_context(self.exchange.request("GET", url, _HEADERS))
                if answer.status != 200:
                    raise _refused(f"it answered with the status {answer.status}")
                pieces = await stack.enter_async_context(aclosing(answer.pieces()))
                while True:
                    # Bounds the sender's time only: between two pieces the taker may wait for its disk.
                    async with asyncio.timeout_at(min(end_s, _soon())):
                        piece = await anext(pieces, None)
                    if piece is None:
                        return
                    yield piece
        except TimeoutError:
            raise _refused("it is too slow") from None
        except (RefusedError, NoAnswerError) as error:
            # A client is not told which: it must not learn what there is inside.
            telemetry.logger().warning("audio_not_fetched", cause=str(error)[:200])
            raise _refused("it cannot be fetched") from None


def name_in(url: str) -> str:
    """The name of the file that a URL ends with; empty for none."""
    return unquote(urlsplit(url).path.rsplit("/", 1)[-1])


def _soon() -> float:
    return asyncio.get_running_loop().time() + _IDLE_S


def _refused(reason: str) -> SayItError:
    return SayItError(ErrorKind.INVALID_OPTION, field="url", reason=reason)
