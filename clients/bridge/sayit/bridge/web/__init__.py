"""The web page at `/`, the operator's at `/admin`, a share link's at `/shared`: plain modules and style sheets.

The assets' address holds a digest of all of them, so that browsers cache them without end and never mix two versions;
only the page itself is requested again. Only the files that were read at the start are served, whatever the path.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

from fastapi import APIRouter, HTTPException, Request, Response

from sayit.bridge.http.dependencies import kept

#: The page loads from its own origin only; recordings also from memory (`blob:`).
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; media-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
_MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
#: Where the pages are.
_PAGES = {"/": "index.html", "/admin": "admin.html", "/shared": "shared.html"}
#: The service worker sees what the page asks for, which is outside of its own folder.
_WORKER, _ALLOWED = "streamworker.js", "Service-Worker-Allowed"
_FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, kw_only=True)
class Assets:
    """The page's files, read once."""

    #: Their content by their path below the folder.
    files: dict[str, bytes]
    #: Digest of all of them; part of their address.
    digest: str
    #: The pages, which name that address, by their path.
    pages: dict[str, bytes]


@functools.cache
def read_assets() -> Assets:
    """The files that come with this package."""
    files = dict(sorted(_files(resources.files(__package__) / "assets", "")))
    digest = hashlib.sha256()
    for path, content in files.items():
        digest.update(f"{path}\0{len(content)}\0".encode() + content)
    short = digest.hexdigest()[:16]
    pages = {path: files.pop(name).replace(b"{assets}", f"/page/{short}".encode()) for path, name in _PAGES.items()}
    return Assets(files=files, digest=short, pages=pages)


routes = APIRouter(include_in_schema=False)


@routes.get("/")
@routes.head("/")
@routes.get("/admin")
@routes.head("/admin")
@routes.get("/shared")
@routes.head("/shared")
async def page(request: Request) -> Response:
    """The page, the operator's, a share link's; what they show, they ask for with the caller's key or token."""
    headers = {"Cache-Control": "no-cache", "Content-Security-Policy": CONTENT_SECURITY_POLICY}
    return kept(request, read_assets().pages[request.url.path], _MEDIA_TYPES["html"], headers)


@routes.get("/page/{digest}/{path:path}")
@routes.head("/page/{digest}/{path:path}")
async def asset(request: Request, digest: str, path: str) -> Response:
    """A file of the page."""
    assets = read_assets()
    content = assets.files.get(path)
    if content is None:
        raise HTTPException(404)
    # A page of another version, while this one replaces it: it gets the current file, but may not cache it.
    caching = _FOR_EVER if digest == assets.digest else "no-store"
    headers = {"Cache-Control": caching, **({_ALLOWED: "/"} if path == _WORKER else {})}
    return kept(request, content, _MEDIA_TYPES[path.rpartition(".")[2]], headers)


def _files(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _files(entry, f"{prefix}{entry.name}/")
        elif entry.name.rpartition(".")[2] in _MEDIA_TYPES:
            found.append((prefix + entry.name, entry.read_bytes()))
    return found
