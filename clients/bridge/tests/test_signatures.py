"""Signed requests to a bridge with a real gateway: which are taken, which jobs they make, and what cannot be signed."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from pydantic import SecretStr
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from sayit.speech.request_signatures import CONTENT_DIGEST, SigningKey, digest_of
from services.gateway.tests.fake_keys import SIGNING_SECRET, FakeKeys
from services.gateway.tests.helper import FakeScheduler, suite

from .helper import RECORDINGS, ROOT, bridge_on

SECRETS = SecretStr(SIGNING_SECRET)
AUDIO = (RECORDINGS / "ko-8s.flac").read_bytes()
JOBS = "/v1/jobs?language=ko"


@asynccontextmanager
async def served(**values: Any) -> AsyncIterator[tuple[httpx.AsyncClient, FakeScheduler, FakeKeys]]:
    """A bridge and its gateway, which take signed requests; what the scheduler was told, and its keys."""
    async with (
        suite(require_keys=True, signing_secrets=SECRETS) as s,
        bridge_on(s.address, **{"signing_secrets": SECRETS, **values}) as client,
    ):
        yield client, s.fake, s.stored


def signed(key: SigningKey, method: str, target: str, body: bytes = b"", **fields: str) -> dict[str, str]:
    """The headers of a signed request; `fields` are signed, too."""
    path, _, query = target.partition("?")
    covered = {name.replace("_", "-"): value for name, value in fields.items()}
    if body:
        covered[CONTENT_DIGEST] = digest_of(body)
    components = {"@method": method, "@path": path, "@query": f"?{query}", **covered}
    return {**covered, **key.headers(components)}


def form(audio: bytes = AUDIO) -> tuple[bytes, dict[str, str]]:
    """A form with a file, and its content type."""
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.flac"\r\n\r\n'
    return head + audio + b"\r\n--b--\r\n", {"content-type": "multipart/form-data; boundary=b"}


async def test_a_signed_request_makes_a_job() -> None:
    """As the body, as a form whose type is signed, too, and in pieces; the job is the key's. It is taken once."""
    async with served() as (client, scheduler, keys):
        key = keys.create_signing(tenant="acme")
        headers = signed(key, "POST", JOBS, AUDIO)
        answer = await client.post(JOBS, content=AUDIO, headers=headers)
        assert (answer.status_code, answer.json()["id"]) == (202, "job-1")
        who = scheduler.principals["CreateJob"]
        assert (who.tenant, who.key_id) == ("acme", key.key_id)
        again = await client.post(JOBS, content=AUDIO, headers={**headers, "accept-language": "ko"})
        assert (again.status_code, again.json()["code"]) == (401, "INVALID_SIGNATURE")
        assert "이미 사용된 서명" in again.json()["detail"]
        body, content = form()
        headers = {**content, **signed(key, "POST", "/v1/jobs", body, content_type=content["content-type"])}
        assert (await client.post("/v1/jobs", content=body, headers=headers)).status_code == 202

        async def pieces() -> AsyncIterator[bytes]:
            for start in range(0, len(AUDIO), 10_000):
                yield AUDIO[start : start + 10_000]

        sent = await client.post(JOBS, content=pieces(), headers=signed(key, "POST", JOBS, AUDIO))
        assert sent.status_code == 202
        assert (await client.get("/v1/models", headers=signed(key, "GET", "/v1/models"))).status_code == 200


async def refusal(client: httpx.AsyncClient, method: str, target: str, headers: Mapping[str, str], **body: Any) -> str:
    """What a refused request is told."""
    answer = await client.request(method, target, headers=headers, **body)
    assert (answer.status_code, answer.json()["code"]) == (401, "INVALID_SIGNATURE")
    return str(answer.json()["detail"])


async def test_what_was_changed_makes_no_job() -> None:
    """The body, also its last byte, in a form or behind it, or one not signed; path, query, method, a field."""
    async with served() as (client, scheduler, keys):
        key = keys.create_signing()
        changed = AUDIO[:-1] + bytes([AUDIO[-1] ^ 1])
        body, content = form()
        for other in (form(changed)[0], body + b"--b--", body[:-1]):
            told = await refusal(client, "POST", JOBS, {**content, **signed(key, "POST", JOBS, body)}, content=other)
            assert "the body is not the one that was signed" in told
        for other in (changed, AUDIO + b"x"):
            assert "the body" in await refusal(client, "POST", JOBS, signed(key, "POST", JOBS, AUDIO), content=other)
        bare = signed(key, "POST", JOBS)
        assert "does not cover content-digest" in await refusal(client, "POST", JOBS, bare, content=AUDIO)
        added = {**bare, CONTENT_DIGEST: digest_of(AUDIO)}
        assert "does not cover content-digest" in await refusal(client, "POST", JOBS, added, content=AUDIO)
        headers = signed(key, "POST", JOBS, AUDIO)
        for target in ("/v1/jobs?language=en", "/v1/jobs", f"{JOBS}&", "/v1/job%73?language=ko"):
            assert "does not fit" in await refusal(client, "POST", target, headers, content=AUDIO)
        for method in ("PUT", "GET"):
            answer = await client.request(method, JOBS, headers=headers)
            assert answer.status_code in {401, 405}
        typed = signed(key, "POST", JOBS, AUDIO, content_type="audio/flac")
        told = await refusal(client, "POST", JOBS, {**typed, "content-type": "audio/wav"}, content=AUDIO)
        assert "does not fit" in told
        twice = [*headers.items(), (CONTENT_DIGEST, digest_of(AUDIO))]
        assert "does not fit" in await refusal(client, "POST", JOBS, httpx.Headers(twice), content=AUDIO)
        assert "CreateJob" not in scheduler.principals
        # None of them was taken, so the request as it was signed still is.
        assert (await client.post(JOBS, content=AUDIO, headers=headers)).status_code == 202


async def test_json_is_signed_as_well() -> None:
    """Another document than the one that was signed is not read."""
    async with served() as (client, scheduler, keys):
        key = keys.create_signing(scopes=("admin",))
        body, other = b'{"name":"phone"}', b'{"name":"thief"}'
        assert "the body" in await refusal(
            client, "POST", "/v1/keys", signed(key, "POST", "/v1/keys", body), content=other
        )
        assert "CreateKey" not in scheduler.principals
        made = await client.post("/v1/keys", content=body, headers=signed(key, "POST", "/v1/keys", body))
        assert made.status_code == 201


async def test_what_cannot_be_signed() -> None:
    """Pieces of a tus upload are refused, and the key itself; a bridge without the secret takes no signature."""
    async with served() as (client, _scheduler, keys):
        key = keys.create_signing()
        target = "/v1/uploads/upload-1"
        piece = {"tus-resumable": "1.0.0", "upload-offset": "0", "content-type": "application/offset+octet-stream"}
        headers = {**piece, **signed(key, "PATCH", target, AUDIO)}
        assert "pieces of an upload" in await refusal(client, "PATCH", target, headers, content=AUDIO)
        assert "make another one" in await refusal(client, "GET", "/v1/jobs", {"x-api-key": key.text})
    async with served(signing_secrets=SecretStr("")) as (client, _scheduler, keys):
        headers = signed(keys.create_signing(), "GET", "/v1/jobs")
        assert "takes no signed requests" in await refusal(client, "GET", "/v1/jobs", headers)


async def test_a_websocket_is_opened_by_a_signature() -> None:
    """By clients that can set headers, once."""
    async with served() as (client, _scheduler, keys):
        key = keys.create_signing()
        target = "/v1/realtime?intent=transcription"
        url = f"ws://{client.base_url.netloc.decode()}{target}"
        headers = signed(key, "GET", target)
        async with connect(url, additional_headers=headers):
            pass
        with pytest.raises(InvalidStatus) as caught:
            async with connect(url, additional_headers=headers):
                pass
        assert caught.value.response.status_code == 401


@pytest.mark.skipif(shutil.which("openssl") is None or shutil.which("curl") is None, reason="needs openssl and curl")
async def test_the_documented_command_line_signs(tmp_path: Path) -> None:
    """As docs/operations.md writes it with curl and openssl, from the first line to the last."""
    page = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    script = next(block for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) if "openssl dgst" in block)
    async with served() as (client, scheduler, keys):
        key = keys.create_signing(tenant="acme")
        url = urlsplit(str(client.base_url))
        script = script.replace("http://localhost:3000", f"http://{url.netloc}")
        (tmp_path / "meeting.m4a").write_bytes(AUDIO)
        shell = await asyncio.create_subprocess_exec(
            *("bash", "-euc", script),
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin:/usr/local/bin", "KEY": key.text},
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await shell.communicate()
        assert b'"id":"job-1"' in out.replace(b": ", b":")
        assert scheduler.principals["CreateJob"].key_id == key.key_id
