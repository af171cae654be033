"""The operator's page in headless Chromium, on a real suite with the bundled model."""

from __future__ import annotations

import httpx
from playwright.sync_api import Browser, Route, expect

from tests.end_to_end.helper import RECORDINGS

from .browser import opened

#: What is wider than the screen, but for what scrolls by itself.
TOO_WIDE = """() => document.documentElement.scrollWidth > document.documentElement.clientWidth"""
#: What can be used but has no name to be read aloud.
NAMELESS = """[...document.querySelectorAll("button, a, input, select, svg[role=img]")]
    .filter((e) => !e.ariaLabel && !e.textContent.trim() && !e.labels?.length).map((e) => e.outerHTML)"""


def _transcribed(service: httpx.Client) -> str:
    audio = (RECORDINGS / "en-8s.flac").read_bytes()
    answer = service.post("/v1/jobs", params={"language": "en", "wait": 30}, content=audio)
    assert answer.json()["state"] == "completed"
    return str(answer.json()["id"])


def test_an_operator_sees_what_is_there_and_has_a_job_done_again(
    browser: Browser, bridge_url: str, service: httpx.Client
) -> None:
    """Figures, charts, transcribers, jobs with a button each; nothing is asked of another host."""
    job = _transcribed(service)
    with opened(browser, "about:blank") as page:
        foreign: list[str] = []
        page.on("request", lambda request: None if request.url.startswith(bridge_url) else foreign.append(request.url))
        page.goto(f"{bridge_url}/admin")
        expect(page.locator("h1")).to_have_text("Administration")
        expect(page.locator(".tile")).to_have_count(6)
        expect(page.locator("#workers tbody tr").first).to_contain_text("micro")
        page.locator("#usage .chart .bar.completed").first.wait_for(state="attached")
        expect(page.locator("#usage .table").last).to_contain_text("local")
        page.get_by_role("button", name="Latency").click()
        expect(page.locator("#usage figcaption")).to_contain_text("seconds")
        page.locator(f"#act-{job}").click()
        expect(page.locator(".toast.done")).to_contain_text("Accepted again")
        for name, text in (("audit", "job.retry"), ("settings", "SAYIT_MAX_ACTIVE_JOBS"), ("webhooks", "No messages")):
            page.locator(f"#{name} > summary").click()
            expect(page.locator(f"#{name}")).to_contain_text(text)
        held = {"job_id": job, "reason": "case 8"}
        service.put("/v1/admin/holds", params=held).raise_for_status()
        page.locator("#holds > summary").click()
        page.locator("#holds tr", has_text="case 8").get_by_role("button").click()
        expect(page.locator("#holds")).not_to_contain_text("case 8")
        page.locator("#settings input[type=search]").fill("audit")
        expect(page.locator("#settings tbody tr")).to_have_count(1)
        assert page.evaluate(NAMELESS) == []
    assert foreign == []


def test_it_speaks_korean_is_dark_and_fits_a_phone(browser: Browser, bridge_url: str, service: httpx.Client) -> None:
    """Both switches write the page anew and are remembered; nothing is wider than a phone's screen."""
    _transcribed(service)
    phone = {"viewport": {"width": 375, "height": 800}, "locale": "ko-KR", "color_scheme": "dark"}
    with opened(browser, f"{bridge_url}/admin", **phone) as page:
        expect(page.locator("h1")).to_have_text("관리")
        page.locator("#usage .chart .bar").first.wait_for(state="attached")
        expect(page.locator("#jobs tbody tr").first).to_be_visible()
        assert not page.evaluate(TOO_WIDE)
        dark = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        page.locator("#theme").click()
        page.wait_for_function(f"getComputedStyle(document.documentElement).backgroundColor !== '{dark}'")
        page.locator("#language").click()
        expect(page.locator("h1")).to_have_text("Administration")
        assert not page.evaluate(TOO_WIDE)


def test_who_may_not_is_told_and_can_use_another_key(browser: Browser, bridge_url: str) -> None:
    """The service's own sentence, and a way on."""

    def refuse(route: Route) -> None:
        key = route.request.headers.get("authorization", "")
        if key == "Bearer operator":
            route.continue_()
        elif key:
            problem = '{"detail": "This key may not administrate.", "code": "PERMISSION_DENIED"}'
            route.fulfill(status=403, content_type="application/problem+json", body=problem)
        else:
            route.fulfill(status=401, content_type="application/problem+json", body='{"code": "UNAUTHENTICATED"}')

    with opened(browser, "about:blank") as page:
        page.route("**/v1/**", refuse)
        page.goto(f"{bridge_url}/admin")
        page.locator("#api-key").fill("reader")
        page.get_by_role("button", name="Continue").click()
        expect(page.locator("main [role=alert]")).to_contain_text("may not administrate")
        page.get_by_role("button", name="Use another key").click()
        page.locator("#api-key").fill("operator")
        page.get_by_role("button", name="Continue").click()
        expect(page.locator(".tile")).to_have_count(6)
