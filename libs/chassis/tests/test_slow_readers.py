"""Callers that ask for a stream and do not read it."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest

from sayit.chassis.interceptors import CallInterceptor
from sayit.speech.errors import ErrorKind
from sayit.speech.wire.errors import error_of_call


class Endless(grpc.GenericRpcHandler):
    """Sends for ever; notes when it ended."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()

    def service(self, _details: Any) -> Any:
        """The same for every method."""
        return grpc.unary_stream_rpc_method_handler(self._send)

    async def _send(self, _request: bytes, _context: Any) -> Any:
        try:
            while True:
                yield b"x" * 100_000
        finally:
            self.ended.set()


@pytest.mark.parametrize("probe", [0, 1], ids=["first message too large", "window full"])
async def test_a_stream_that_nobody_reads_ends_and_says_so(probe: int) -> None:
    """The handler ends; whoever reads after all finds what was on its way, then UNAVAILABLE with a retry time."""
    endless = Endless()
    server = grpc.aio.server(handlers=[endless], interceptors=[CallInterceptor(slow_reader_s=0.3)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    # Without the probe a client's window is 64 KiB, and not even one message fits.
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", [("grpc.http2.bdp_probe", probe)]) as channel:
        call = channel.unary_stream("/sayit.Test/Endless")(b"")
        await asyncio.wait_for(endless.ended.wait(), 20)
        with pytest.raises(grpc.aio.AioRpcError) as error:
            [message async for message in call]
    known = error_of_call(error.value)
    assert (known.kind, known.retry_after_s) == (ErrorKind.UNAVAILABLE, 1.0)
    await server.stop(0)
