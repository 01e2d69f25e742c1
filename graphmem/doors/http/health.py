"""Whether the server lives, whether it can be asked, how its memory is."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from graphmem import __version__
from graphmem.client.calls import CALLS
from graphmem.doors.http.answering import JSON_TYPE, encoded, identified
from graphmem.doors.http.calling import perform
from graphmem.doors.http.state import ServerState
from graphmem.errors import Unavailable
from graphmem.model import DEFAULT_PROJECT


def add_health_routes(app: FastAPI, served: ServerState) -> None:
    """Add the routes. What needs no key tells nothing of what is stored."""

    @app.get("/v1/health/live", tags=["health"], operation_id="live", response_class=Response)
    async def live() -> Response:
        """Whether the process answers. No key is needed."""
        return JSONResponse({"ok": True})

    @app.get("/v1/health/ready", tags=["health"], operation_id="ready", response_class=Response)
    async def ready() -> Response:
        """Whether it can be asked: the memory is open, and it is not about to end. No key is
        needed."""
        if served.draining or served.opened is None:
            raise Unavailable("not ready: starting, or about to end")
        return JSONResponse({"ok": True})

    @app.get("/v1/health", tags=["health"], operation_id="how", response_class=Response)
    async def how(request: Request) -> Response:
        """Whether each part works, and how far graph and vectors lag behind the ledger."""
        return await _health(served, request, deep=False)

    @app.get("/v1/health/deep", tags=["health"], operation_id="deep", response_class=Response)
    async def deep(request: Request) -> Response:
        """The same, and each part is asked something small. For administrators."""
        return await _health(served, request, deep=True)

    @app.get("/v1/ping", tags=["health"], operation_id="ping", response_class=Response)
    async def ping(request: Request) -> Response:
        """Whether the key is good, and whose it is."""
        principal = (await identified(served, request)).principal
        served.access.authorize(principal, "whoami")
        body: dict[str, Any] = {"status": "ok", "version": __version__}
        body |= {"key": principal.key_id, "role": principal.role, "user_email": principal.member}
        # By these names mem0's client asks for them.
        body |= {"org_id": principal.organisation or "graphmem"}
        return JSONResponse({**body, "project_id": principal.project or DEFAULT_PROJECT})


async def _health(served: ServerState, request: Request, *, deep: bool) -> Response:
    call = CALLS["health"]
    caller = await identified(served, request)
    found = await perform(served, caller, call, {"deep": deep})
    return Response(await encoded(found), 200 if found.ok else 503, media_type=JSON_TYPE)
