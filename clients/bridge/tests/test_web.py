"""How the page is served, and that it says everything in both languages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest
from fastapi import FastAPI

from sayit.bridge import web
from sayit.speech.options import LANGUAGES

ASSETS = Path(str(resources.files("sayit.bridge.web"))) / "assets"


def strings(path: str = "strings.js") -> dict[str, dict[str, str]]:
    """A page's sentences by key and language."""
    text = (ASSETS / path).read_text()
    found: dict[str, dict[str, str]] = json.loads(text[text.index("= {") + 2 : text.rindex("};") + 1])
    return found


@pytest.fixture
async def client() -> Any:
    """An HTTP client of an application that has only the page."""
    app = FastAPI(redirect_slashes=False)
    app.include_router(web.routes)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://page") as client:
        yield client


def addresses(html: str) -> list[str]:
    """The assets that the page names."""
    return re.findall(r'(?:src|href)="(/[^"#]+)"', html)


@pytest.mark.parametrize("path", ["/", "/admin"])
async def test_the_page_and_all_that_it_names_are_there(client: httpx.AsyncClient, path: str) -> None:
    """The page is asked for again each time; its assets, whose address changes with them, are kept for ever."""
    index = await client.get(path)
    assert index.headers["content-type"] == "text/html; charset=utf-8"
    assert index.headers["cache-control"] == "no-cache"
    assert "default-src 'self'" in index.headers["content-security-policy"]
    assert len(addresses(index.text)) >= 6
    for address in addresses(index.text):
        answer = await client.get(address)
        assert answer.status_code == 200, address
        assert "immutable" in answer.headers["cache-control"]


async def test_every_module_that_is_imported_is_there(client: httpx.AsyncClient) -> None:
    """Imports are relative, so modules come from the same version as the page."""
    pages = [(await client.get(path)).text for path in ("/", "/admin", "/shared")]
    seen, due = set(), [each for page in pages for each in addresses(page) if each.endswith(("main.js", "shared.js"))]
    while due:
        module = due.pop()
        seen.add(module)
        answer = await client.get(module)
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8", module
        imported = re.findall(r'^(?:import|export) [^;]*?from "(\.\.?/[\w.]+)";', answer.text, re.MULTILINE | re.DOTALL)
        due += [found for name in imported if (found := urljoin(module, name)) not in seen]
    there = {str(path.relative_to(ASSETS)) for path in ASSETS.rglob("*.js")}
    assert {each.split("/", 3)[3] for each in seen} == there - {"theme.js", "microphone.js", "streamworker.js"}


async def test_a_browser_that_has_a_file_gets_304(client: httpx.AsyncClient) -> None:
    """The tag of what the browser has is answered with 304, also where a proxy made it weak."""
    tag = (await client.get("/")).headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}'):
        answer = await client.get("/", headers={"If-None-Match": known})
        assert (answer.status_code, answer.content) == (304, b"")
    assert (await client.get("/", headers={"If-None-Match": '"other"'})).status_code == 200


async def test_another_version_s_address_is_served_but_not_kept(client: httpx.AsyncClient) -> None:
    """While bridges are replaced, a page of the old version may meet the new one."""
    answer = await client.get("/page/0123456789abcdef/main.js")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    [
        "../__init__.py",
        "..%2f__init__.py",
        "%2e%2e/%2e%2e/app.py",
        "/etc/passwd",
        "styles",
        "",
        "index.html",
        "main.js%00",
    ],
)
async def test_nothing_but_the_assets_is_served(client: httpx.AsyncClient, path: str) -> None:
    """No path leads out of the assets, or to one that was not there at the start."""
    assert (await client.get(f"/page/x/{path}")).status_code == 404


@pytest.mark.parametrize("path", ["strings.js", "admin/strings.js"])
def test_every_sentence_is_there_in_english_and_korean(path: str) -> None:
    """Both are written, name the same values, and Korean is Korean unless it is only a name."""
    for key, sentence in strings(path).items():
        assert set(sentence) == {"en", "ko"}, key
        english, korean = sentence["en"], sentence["ko"]
        assert english.strip(), key
        assert korean.strip(), key
        values = [sorted(re.findall(r"\{\w+\}", each)) for each in (english, korean)]
        assert values[0] == values[1], key
        if key != "language.switch":  # which names the other language
            assert not re.search(r"[가-힣]", english), key


def test_every_sentence_is_used_and_none_is_missing() -> None:
    """Keys in the code are keys of the table, and no key is left over."""
    code = "".join(
        path.read_text() for path in [*ASSETS.glob("*.js"), *ASSETS.glob("*.html")] if path.name != "strings.js"
    )
    keys = set(strings())
    asked = set(re.findall(r'\bt\("([\w.]+)"', code)) | set(re.findall(r'data-(?:text|label)="([\w.]+)"', code))
    assert asked <= keys
    built = (
        "state.",
        "warning.",
        "text.download.",
        "progress.queue.",
        "text.edits.",
        "removed.",
        "saving.",
        "versions.changed.",
        "library.chosen.",
        "library.delete.",
        "share.days.",
        "speaker.",
    )
    quoted = set(re.findall(r'"([\w.]+)"', code))
    boxes = re.search(r"const BOXES = \[(.*?)\]", code)
    assert boxes
    quoted |= {f"options.{name}" for name in re.findall(r'"(\w+)"', boxes[1])}
    assert {key for key in keys - quoted if not key.startswith(built)} == set()


def test_every_sentence_of_the_operator_s_page_is_used_and_none_is_missing() -> None:
    """As above; states, and what is used and queued, are put together from their names."""
    code = "".join(path.read_text() for path in (ASSETS / "admin").glob("*.js") if path.name != "strings.js")
    keys = set(strings("admin/strings.js"))
    assert set(re.findall(r'\bsay\("([\w.]+)"', code)) <= keys
    built = {key for key in keys if re.match(r"(state|queue|jobs|usage)\.", key)}
    assert keys - built - set(re.findall(r'"([\w.]+)"', code)) == set()


def modules() -> Iterator[Path]:
    """The page's modules and style sheets."""
    yield from ASSETS.rglob("*.js")
    yield from ASSETS.rglob("*.css")


def test_no_text_becomes_markup_and_nothing_comes_from_elsewhere() -> None:
    """What people say, and what files are called, is only ever set as text; no library, font or picture is loaded."""
    for path in modules():
        text = path.read_text()
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text), path.name
        assert not re.search(r"(?:from|import\(|url\()\s*[\"']?https?:", text), path.name


def test_the_page_offers_every_language_of_the_service() -> None:
    """Its list is the service's, in any order."""
    text = (ASSETS / "languages.js").read_text()
    listed = " ".join(re.findall(r'"([a-z ]+)"', text[text.index("ALL =") : text.index("@typedef")])).split()
    assert sorted(listed) == sorted(LANGUAGES)
