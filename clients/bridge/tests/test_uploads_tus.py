"""Resumable uploads with a tus client that nobody here wrote, on a real suite; the protocol's small print by hand."""

from __future__ import annotations

import asyncio
import base64
import io
import subprocess
import sys

import httpx
from tusclient.client import TusClient

from .helper import RECORDINGS

SHORT = (RECORDINGS / "en-8s.flac").read_bytes()
TUS = {"Tus-Resumable": "1.0.0"}
CHUNK = {**TUS, "Content-Type": "application/offset+octet-stream"}

#: Uploads a file in small chunks, says its URL, and is killed under way.
KILLED = """
import io, os, signal, sys
from tusclient.client import TusClient
uploader = TusClient(sys.argv[1] + "/v1/uploads").uploader(
    file_stream=io.BytesIO(sys.stdin.buffer.read()), chunk_size=20_000, metadata={"filename": "killed.flac"}
)
for _ in range(3):
    uploader.upload_chunk()
print(uploader.url, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def opened(service: httpx.Client, length: int, **headers: str) -> str:
    """Opens an upload and returns its path."""
    answer = service.post("/v1/uploads", headers={**TUS, "Upload-Length": str(length), **headers})
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"]


def test_a_client_that_was_killed_resumes(bridge_url: str, service: httpx.Client) -> None:
    """Kill -9 after three chunks: another process goes on where the first was, and the job has the whole file."""
    first = subprocess.run(
        [sys.executable, "-c", KILLED, bridge_url], input=SHORT, capture_output=True, timeout=60, check=False
    )
    assert first.returncode == -9, first.stderr
    url = first.stdout.decode().strip()
    second = TusClient(f"{bridge_url}/v1/uploads").uploader(file_stream=io.BytesIO(SHORT), url=url, chunk_size=50_000)
    assert second.offset == 60_000
    second.upload()
    answer = service.post("/v1/jobs?wait=30", json={"upload_id": url.rpartition("/")[2], "options": {"language": "en"}})
    assert answer.status_code == 200
    job = answer.json()
    assert (job["state"], job["filename"]) == ("completed", "killed.flac")
    assert job["transcript"]["duration"] > 7


def test_what_arrived_of_a_broken_chunk_stays(service: httpx.Client) -> None:
    """A PATCH of which only a part arrives: the rest goes on after it, not from its beginning."""
    path = opened(service, len(SHORT))

    async def broken() -> None:
        _, writer = await asyncio.open_connection(service.base_url.host, service.base_url.port)
        head = [f"PATCH {path} HTTP/1.1", f"Host: {service.base_url.host}", f"Content-Length: {len(SHORT)}"]
        head += [f"{name}: {value}" for name, value in {**CHUNK, "Upload-Offset": "0"}.items()]
        writer.write("\r\n".join([*head, "", ""]).encode() + SHORT[:70_000])
        await writer.drain()
        await asyncio.sleep(0.3)
        writer.transport.abort()

    asyncio.run(broken())
    for _ in range(100):
        offset = int(service.head(path, headers=TUS).headers["Upload-Offset"])
        if offset:
            break
    assert offset == 70_000
    answer = service.patch(path, content=SHORT[offset:], headers={**CHUNK, "Upload-Offset": str(offset)})
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, str(len(SHORT)))


def test_offsets_lengths_and_metadata(service: httpx.Client) -> None:
    """HEAD tells what tus wants; a wrong offset is 409, an unfinished upload no job, a finished one is sealed."""
    name = base64.b64encode("회의.flac".encode()).decode()
    path = opened(
        service,
        len(SHORT),
        **{"Upload-Metadata": f"filename {name},filetype {base64.b64encode(b'audio/flac').decode()}"},
    )
    upload_id = path.rpartition("/")[2]
    answer = service.head(path, headers=TUS)
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (200, "0")
    assert answer.headers["Upload-Length"] == str(len(SHORT))
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Upload-Expires"].endswith("GMT")
    assert answer.headers["Tus-Resumable"] == "1.0.0"
    wrong = service.patch(path, content=b"x", headers={**CHUNK, "Upload-Offset": "5"})
    assert (wrong.status_code, wrong.json()["code"]) == (409, "UPLOAD_OFFSET_MISMATCH")
    assert wrong.headers["Tus-Resumable"] == "1.0.0"
    early = service.post("/v1/jobs", json={"upload_id": upload_id})
    assert (early.status_code, early.json()["code"]) == (409, "UPLOAD_INCOMPLETE")
    assert service.patch(path, content=SHORT, headers={**CHUNK, "Upload-Offset": "0"}).status_code == 204
    job = service.post("/v1/jobs", json={"upload_id": upload_id}).json()
    assert job["filename"] == "회의.flac"
    more = service.patch(path, content=b"x", headers={**CHUNK, "Upload-Offset": str(len(SHORT))})
    assert more.status_code == 400
    assert service.delete(path, headers=TUS).status_code == 404, "a job uses it"


def test_creation_with_upload_and_termination(service: httpx.Client) -> None:
    """The first bytes may come with the POST; a deleted upload is gone."""
    answer = service.post("/v1/uploads", content=SHORT[:1000], headers={**CHUNK, "Upload-Length": str(len(SHORT))})
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, "1000")
    path = answer.headers["Location"]
    assert service.delete(path, headers=TUS).status_code == 204
    assert service.head(path, headers=TUS).status_code == 404


def test_what_is_supported_and_what_is_refused(service: httpx.Client) -> None:
    """OPTIONS tells; other versions, lengths beyond the limit, files that say they are none are refused."""
    told = service.options("/v1/uploads").headers
    assert told["Tus-Version"] == "1.0.0"
    assert "termination" in told["Tus-Extension"]
    assert told["Tus-Max-Size"] == "100000000"
    other = service.post("/v1/uploads", headers={"Tus-Resumable": "0.2.2", "Upload-Length": "10"})
    assert (other.status_code, other.headers["Tus-Version"]) == (412, "1.0.0")
    large = service.post("/v1/uploads", headers={**TUS, "Upload-Length": "100000001"})
    assert (large.status_code, large.json()["code"]) == (413, "FILE_TOO_LARGE")
    for headers in ({}, {"Upload-Length": "-1"}, {"Upload-Length": "10", "Upload-Metadata": "filename %%%"}):
        assert service.post("/v1/uploads", headers={**TUS, **headers}).status_code == 400
    assert service.patch("/v1/uploads/none", content=b"x", headers={**CHUNK, "Upload-Offset": "0"}).status_code == 404
    assert service.patch("/v1/uploads/none", content=b"x", headers={**TUS, "Upload-Offset": "0"}).status_code == 415
