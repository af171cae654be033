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
            _check_ranges(guest, "/v1/shared/audio")
            assert [job["id"] for job in client.get("/v1/jobs?text=RHUBARB").json()["jobs"]] == [made["id"]]
            assert client.delete(f"{path}/links/{link['id']}").status_code == 204
            for what in ("", "/transcript", "/audio"):
                assert guest.get(f"/v1/shared{what}").status_code in {401, 404}  # soon the gateway knows by itself
        assert client.get("/v1/shared").status_code == 401
        client.delete(path)


def _check_ranges(client: httpx.Client, path: str) -> None:
    """A player takes the bytes that it needs, and knows where they belong and whether the file is still the same."""
    head = client.head(path)
    assert (head.status_code, head.content, head.headers["Content-Length"]) == (200, b"", str(len(SHORT)))
    assert (head.headers["Accept-Ranges"], head.headers["Content-Type"]) == ("bytes", "audio/flac")
    size = len(SHORT)
    for asked, begin, end in [
        ("bytes=0-", 0, size),
        ("bytes=5-9", 5, 10),
        (f"bytes=1000-{size + 99}", 1000, size),
        ("bytes=-7", size - 7, size),
        (f"bytes=-{size + 1}", 0, size),
    ]:
        part = client.get(path, headers={"Range": asked, "If-Range": head.headers["ETag"]})
        assert (part.status_code, part.content) == (206, SHORT[begin:end]), asked
        assert part.headers["Content-Range"] == f"bytes {begin}-{end - 1}/{size}"
    for asked in (f"bytes={size}-", "bytes=-0"):
        outside = client.get(path, headers={"Range": asked})
        assert (outside.status_code, outside.headers["Content-Range"]) == (416, f"bytes */{size}")
    for headers in ({"Range": "bytes=9-5"}, {"Range": "bytes=0-1,3-4"}, {"Range": "bytes=0-1", "If-Range": '"other"'}):
        whole = client.get(path, headers=headers)
        assert (whole.status_code, whole.content) == (200, SHORT), headers
