"""`/v1/jobs` on a real suite."""

from __future__ import annotations

import httpx
import pytest

from .helper import RECORDINGS

pytestmark = pytest.mark.xdist_group("bridge")
SHORT = (RECORDINGS / "en-8s.flac").read_bytes()


@pytest.fixture
def client(bridge_url: str):
    """An HTTP client."""
    with httpx.Client(base_url=bridge_url, timeout=60.0, trust_env=False) as client:
        yield client


def test_a_short_file_is_answered_in_the_same_call(client: httpx.Client) -> None:
    """With `wait` the transcript comes with the job."""
    answer = client.post("/v1/jobs?language=en&wait=30", content=SHORT, headers={"content-type": "audio/flac"})
    assert answer.status_code == 200
    job = answer.json()
    assert (job["state"], job["poll_after_ms"]) == ("completed", None)
    assert len(job["transcript"]["text"].split()) > 10
