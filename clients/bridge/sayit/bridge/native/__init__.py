"""SayIt's own REST API, `/v1`: jobs, their events and transcripts, uploads, vocabularies, the state of the suite."""

from __future__ import annotations

from fastapi import APIRouter

from sayit.bridge.deps import Deps
from sayit.bridge.native import creating, events, jobs, status, uploads, vocabularies


def router(deps: Deps) -> APIRouter:
    """Its routes."""
    routes = APIRouter(prefix="/v1")
    for part in (creating, jobs, events, uploads, vocabularies, status):
        routes.include_router(part.router(deps))
    return routes
