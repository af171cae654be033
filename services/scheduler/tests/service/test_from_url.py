"""Jobs on audio that the scheduler fetches itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import pytest

from sayit.chassis import principal
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.wire.errors import error_of_call
from sayit.v1 import resources_pb2 as pb
from sayit.v1 import transcription_service_pb2 as service_pb
from tests.receiver import NEVER, Receiver, answer, receiver

from .helper import ALICE, SHORT, Suite, Transcriber, suite

#: What an operator sets who allows it, and has audio on this machine.
ALLOWED: dict[str, Any] = {"fetch_audio": True, "outbound_trusted": "localhost", "max_upload_mb": 1}


async def created(s: Suite, url: str, *, key: str = "") -> pb.Job:
    """A job on what is there."""
    config = service_pb.JobConfig(idempotency_key=key)
    request = service_pb.CreateJobRequest(from_url=service_pb.JobFromUrl(config=config, url=url))
    with principal.use(ALICE):
        return await s.jobs.CreateJob(iter([request]))


async def refused(s: Suite, url: str) -> SayItError:
    """Why there is no job on it."""
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await created(s, url)
    return error_of_call(error.value)


def at(server: Receiver, path: str = "/a.flac") -> str:
    """A URL of a server on this machine."""
    return f"http://localhost:{server.port}{path}"


async def test_a_job_is_made_of_what_is_at_an_address(tmp_path: Path, redis_url: str) -> None:
    """It has the address's name and is transcribed as any other; the same key fetches nothing again."""
    async with receiver(answer(200, body=SHORT)) as server, suite(tmp_path, redis_url, **ALLOWED) as s:
        worker = Transcriber(s)
        await worker.report()
        job = await created(s, at(server, "/talks/%EB%A7%90.flac?token=secret"), key="once")
        assert job.filename == "말.flac"
        attempt = await worker.claim(*await worker.take())
        await attempt.finish("said")
        assert (await s.events(job.id))[-1].HasField("completed")
        assert (await created(s, at(server), key="once")).id == job.id
        [request] = server.requests
        assert request.line == "GET /talks/%EB%A7%90.flac?token=secret"


async def test_what_cannot_be_fetched_makes_no_job(tmp_path: Path, redis_url: str) -> None:
    """Other answers than 200, redirects, half a file, none at all, a file that is too large, addresses inside."""
    half = b"HTTP/1.1 200 X\r\nContent-Length: 999999\r\n\r\n" + SHORT
    elsewhere = answer(302, "Location: http://169.254.169.254/")
    answers = [answer(404), elsewhere, half, answer(200), answer(200, body=bytes(1_000_001))]
    async with receiver(*answers) as server, suite(tmp_path, redis_url, **ALLOWED) as s:
        await Transcriber(s).report()
        for status in (404, 302):
            error = await refused(s, at(server))
            assert (error.kind, error.details["field"]) == (ErrorKind.INVALID_OPTION, "url")
            assert f"the status {status}" in error.message("en")
        assert (await refused(s, at(server))).kind is ErrorKind.INVALID_OPTION
        assert (await refused(s, at(server))).kind is ErrorKind.FILE_REQUIRED
        assert (await refused(s, at(server))).kind is ErrorKind.FILE_TOO_LARGE
        for url in ("https://127.0.0.1/a.wav", "http://example.com/a.wav", "https://name.invalid/a.wav"):
            assert (await refused(s, url)).kind is ErrorKind.INVALID_OPTION
        with principal.use(ALICE):
            assert not (await s.jobs.ListJobs(service_pb.ListJobsRequest())).jobs


async def test_a_sender_has_its_time(tmp_path: Path, redis_url: str) -> None:
    """One that does not answer holds nothing up for longer."""
    async with receiver(NEVER) as server, suite(tmp_path, redis_url, fetch_s=0.2, **ALLOWED) as s:
        await Transcriber(s).report()
        assert "too slow" in (await refused(s, at(server))).message("en")


async def test_it_is_off_unless_an_operator_allows_it(tmp_path: Path, redis_url: str) -> None:
    """Then nothing is asked, whatever hosts are trusted."""
    async with receiver(answer(200)) as server, suite(tmp_path, redis_url, outbound_trusted="localhost") as s:
        await Transcriber(s).report()
        assert "fetches no audio" in (await refused(s, at(server))).message("en")
        assert server.requests == []
