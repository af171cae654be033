"""`/livez` and `/readyz`, for supervisors and load balancers; no key is asked for."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from sayit.bridge.deps import Deps
from sayit.speech.errors import SayItError


def router(deps: Deps) -> APIRouter:
    """Its routes."""
    routes = APIRouter(tags=["health"])

    @routes.get("/livez", operation_id="live", summary="Whether the bridge answers")
    async def livez() -> dict[str, str]:
        return {"status": "ok"}

    @routes.get(
        "/readyz",
        operation_id="ready",
        summary="Whether work can be done",
        responses={503: {"description": "The gateway does not answer, or the bridge stops."}},
    )
    async def readyz(request: Request) -> Response:
        """The parts are named to whoever may see them: everybody without API keys, else with one."""
        serving = not deps.stopping.is_set() and await deps.gateway.is_serving()
        parts: dict[str, str] = {}
        if serving:
            try:
                status = await deps.gateway_for(request).status()
                parts = {part.name: part.state.value for part in status.parts}
            except SayItError:
                parts = {}
        content = {"status": "ok" if serving else "down", "parts": {"bridge": "ok", **parts}}
        return JSONResponse(content, 200 if serving else 503, headers={"Cache-Control": "no-store"})

    return routes
