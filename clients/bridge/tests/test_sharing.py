"""Share links over HTTP, on a real suite."""

from __future__ import annotations

import httpx

from .helper import RECORDINGS

SHORT = (RECORDINGS / "en-8s.flac").read_bytes()


def test_a_link_shows_text_and_audio_until_it_is_revoked(bridge_url: str) -> None:
    """To people without a key: name, corrected text without what was removed, files, audio; the job's words find it."""
    with httpx.Client(base_url=bridge_url, timeout=60.0, trust_env=False) as client:
        made = client.post("/v1/jobs?language=en&word_timestamps=true&wait=30&filename=talk.flac", content=SHORT).json()
        path = f"/v1/jobs/{made['id']}"
        shared = client.post(f"{path}/links", json={"valid_for_s": 600})
        assert shared.status_code == 201
        link, token = shared.json()["link"], shared.json()["token"]
        assert shared.json()["path"] == f"/shared#{token}"
        assert [one["id"] for one in client.get(f"{path}/links").json()["links"]] == [link["id"]]
        with httpx.Client(base_url=bridge_url, headers={"Authorization": f"Bearer {token}"}, trust_env=False) as guest:
            assert guest.get("/v1/shared").json() == {"filename": "talk.flac", "created_at": made["created_at"]}
            transcript = guest.get("/v1/shared/transcript").json()
            assert (transcript["text"], transcript["suppressed"]) == (made["transcript"]["text"], [])
            correction = {"segment": made["transcript"]["segments"][0]["id"], "text": "Rhubarb compote."}
            client.patch(f"{path}/transcript", json={"expected_version": 0, "segments": [correction]})
            assert "Rhubarb" in guest.get("/v1/shared/transcript?format=srt").text
            document = guest.get("/v1/shared/transcript?format=docx")
            assert document.content[:2] == b"PK"
            assert "talk.docx" in document.headers["Content-Disposition"]
            assert guest.get("/v1/shared/audio").content == SHORT == client.get(f"{path}/audio").content
            address = client.get(f"{path}/audio?presigned=true")  # of a bucket; here the audio lies in a folder
            assert (address.status_code, "SAYIT_AUDIO_ADDRESS_S" in address.json()["detail"]) == (400, True)
            assert [job["id"] for job in client.get("/v1/jobs?text=RHUBARB").json()["jobs"]] == [made["id"]]
            assert client.delete(f"{path}/links/{link['id']}").status_code == 204
            for what in ("", "/transcript", "/audio"):
                assert guest.get(f"/v1/shared{what}").status_code in {401, 404}  # soon the gateway knows by itself
        assert client.get("/v1/shared").status_code == 401
        client.delete(path)
