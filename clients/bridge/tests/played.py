"""A job that a test plays to the page in place of the service."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import Page, Route


def job_document(state: str, last_seq: int) -> dict[str, Any]:
    """A job of a service that a test plays."""
    return {
        "id": "played", "state": state, "filename": "a.wav", "model": "m", "options": {"language": "en"},
        "progress": {"audio_done_s": 1.0, "audio_total_s": 3.0, "queue_position": 2, "eta_s": 40.0},
        "last_seq": last_seq, "created_at": "2026-01-01T00:00:00Z", "expires_at": None, "warnings": ["TRUNCATED_AUDIO"],
    }  # fmt: skip


def segment(text: str, start: float) -> dict[str, Any]:
    """A segment of one second without words."""
    return {"id": 0, "start": start, "end": start + 1.0, "text": text, "language": "en", "speaker": "", "words": []}


def event(kind: str, seq: int | None, **values: object) -> str:
    """A server-sent event as the bridge writes it."""
    number = f"id: {seq}\n" if seq else ""
    return f"{number}event: {kind}\ndata: {json.dumps({'type': kind, 'job_id': 'played', 'seq': seq, **values})}\n\n"


def plain(correction: dict[str, Any]) -> dict[str, Any]:
    """A correction as the service tells it."""
    return {"text": None, "words": {}, "joined": False, "speaker": "", **correction}


def played(
    page: Page,
    job: dict[str, Any],
    *,
    events: list[str] | None = None,
    transcript: list[dict[str, Any]] | None = None,
    suppressed: list[dict[str, Any]] | None = None,
) -> list[str]:
    """Answers for the job `played`: each stream of events once, then none can be reached.

    Returns the number that each request for events resumes after, as they are made.
    """
    answers = events if events is not None else []
    resumed: list[str] = []

    def stream(route: Route) -> None:
        resumed.append(route.request.headers.get("last-event-id", ""))
        if answers:
            route.fulfill(content_type="text/event-stream", body=answers.pop(0))
        else:
            route.abort("connectionrefused")

    text = " ".join(each["text"] for each in transcript or [])
    document = {"text": text, "language": "en", "duration": 3.0, "segments": transcript, "suppressed": suppressed or []}
    corrected: dict[str, Any] = {"version": 0, "segments": [], "names": {}}

    def correct(route: Route) -> None:
        asked = route.request.post_data_json
        changed = {one["segment"]: one for one in [*corrected["segments"], *map(plain, asked["segments"])]}
        names = {**corrected["names"], **asked["names"]}
        corrected.update(
            version=corrected["version"] + 1,
            segments=[one for number, one in sorted(changed.items()) if one != plain({"segment": number})],
            names={channel: name for channel, name in names.items() if name},
        )
        route.fulfill(json=corrected)

    page.route("**/v1/jobs/played/corrections", lambda route: route.fulfill(json=corrected))
    page.route("**/v1/jobs/played/transcript", correct)
    page.route("**/v1/jobs/played", lambda route: route.fulfill(json=job))
    page.route("**/v1/jobs/played/events", stream)
    page.route("**/v1/jobs/played/transcript?*", lambda route: route.fulfill(json=document))
    return resumed
