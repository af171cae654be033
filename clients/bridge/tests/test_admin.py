"""`/v1/admin` on a real suite."""

from __future__ import annotations

import httpx
import pytest

from tests.end_to_end.helper import RECORDINGS


@pytest.fixture
async def client(bridge_url: str):
    """An HTTP client of the bridge."""
    async with httpx.AsyncClient(base_url=bridge_url, timeout=60.0, trust_env=False) as client:
        yield client


async def test_a_job_is_seen_done_again_and_counted(client: httpx.AsyncClient) -> None:
    """All that the page shows of a job comes by REST: its owner, its usage, its trace in the audit log."""
    audio = (RECORDINGS / "ko-8s.flac").read_bytes()
    job = (await client.post("/v1/jobs", params={"language": "ko", "wait": 60}, content=audio)).json()
    assert job["state"] == "completed"
    found = (await client.get("/v1/admin/jobs", params={"state": "completed", "page_size": 1000})).json()
    mine = next(one for one in found["jobs"] if one["job"]["id"] == job["id"])
    assert (mine["tenant"], mine["key_id"]) == ("local", "local")
    again = (await client.post(f"/v1/admin/jobs/{job['id']}:retry")).json()["job"]
    assert again["id"] != job["id"]
    assert (await client.get(f"/v1/jobs/{again['id']}", params={"wait": 60})).json()["state"] == "completed"
    assert (await client.post(f"/v1/admin/jobs/{again['id']}:cancel")).json()["job"]["state"] == "completed"
    usage = (await client.get("/v1/admin/usage", params={"by": ["tenant", "key"]})).json()
    assert usage["kept_days"] > 0
    [row] = [one for one in usage["rows"] if one["tenant"] == "local"]
    assert row["jobs"] >= 2
    assert row["audio_s"] > 15
    audit = (await client.get("/v1/admin/audit", params={"limit": 1000})).json()
    assert ("job.retry", job["id"]) in [(one["action"], one["subject"]) for one in audit]
    held = (await client.put("/v1/admin/holds", params={"job_id": job["id"], "reason": "case 7"})).json()
    assert (held["tenant"], held["reason"]) == ("local", "case 7")
    refused = await client.delete(f"/v1/jobs/{job['id']}")
    assert (refused.status_code, refused.json()["code"]) == (409, "LEGAL_HOLD")
    assert held in (await client.get("/v1/admin/holds")).json()
    assert (await client.delete("/v1/admin/holds", params={"job_id": job["id"]})).json() == {"found": True}
    assert (await client.put("/v1/admin/holds")).status_code == 400
    assert (await client.delete(f"/v1/jobs/{job['id']}")).status_code == 204


async def test_what_is_there_now_is_told(client: httpx.AsyncClient) -> None:
    """The queue, the bounds, the settings of three kinds of process, webhooks; what does not exist is 404."""
    queue = (await client.get("/v1/admin/queue")).json()
    assert "micro" in [one["model"] for one in queue["models"]]
    limits = {one["name"] for one in (await client.get("/v1/admin/limits")).json()}
    assert {"SAYIT_MAX_UPLOADS", "SAYIT_MAX_ACTIVE_JOBS"} <= limits
    settings = (await client.get("/v1/admin/settings")).json()
    assert {one["process"] for one in settings} == {"gateway", "scheduler", "bridge"}
    secrets = [one["value"] for one in settings if one["name"] == "SAYIT_INTERNAL_SECRET"]
    assert set(secrets) == {"***"}
    assert (await client.get("/v1/admin/webhooks")).json() == []
    assert (await client.post("/v1/admin/webhooks/msg_none:replay")).json() == {"found": False}
    missing = await client.post("/v1/admin/jobs/none:cancel")
    assert (missing.status_code, missing.json()["code"]) == (404, "JOB_NOT_FOUND")
    wrong = await client.get("/v1/admin/usage", params={"by": "colour"})
    assert (wrong.status_code, wrong.headers["content-type"]) == (400, "application/problem+json")


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
async def test_without_keys_a_proxy_s_clients_may_not(client: httpx.AsyncClient, header: str) -> None:
    """A proxy on this machine speaks for clients that are elsewhere; a key that is made up changes nothing."""
    for more in ({}, {"Authorization": "Bearer made-up"}):
        answer = await client.get("/v1/admin/queue", headers={header: "for=192.0.2.1", **more})
        assert (answer.status_code, answer.json()["code"]) == (403, "PERMISSION_DENIED")
        assert "own machine" in answer.json()["detail"]
