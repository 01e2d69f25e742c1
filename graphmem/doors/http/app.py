"""The application: routes made from the methods of the API, and what stands around them."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from graphmem import __version__
from graphmem.client.calls import CALLS, FILES, Call, plain_doc
from graphmem.client.problems import title_of
from graphmem.doors.http import (
    batch,
    explorer,
    health,
    mem0,
    openapi,
    organisations,
    rest,
    transfer,
)
from graphmem.doors.http.answering import answer
from graphmem.doors.http.middleware import Middleware, problem_response
from graphmem.doors.http.state import ServerState
from graphmem.doors.http.tracing import Tracing
from graphmem.engine import AsyncMemory
from graphmem.errors import (
    Forbidden,
    GraphmemError,
    NotFound,
    Unauthenticated,
    UsageError,
    WrongMethod,
)
from graphmem.settings import Settings

OpenMemory = Callable[[], Awaitable[AsyncMemory]]


def make_app(open_: OpenMemory, settings: Settings) -> FastAPI:
    """A server over the memory that ``open_`` opens when it starts; it is closed at the end."""
    served = ServerState(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        served.begin(await open_())
        try:
            yield
        finally:
            await served.end()

    app = FastAPI(
        title="graphmem",
        version=__version__,
        summary="A memory of facts, entities and relations.",
        lifespan=lifespan,
        redirect_slashes=False,
        openapi_url="/openapi.json" if settings.server_docs else None,
        docs_url="/docs" if settings.server_docs else None,
        redoc_url=None,
        # What FastAPI would tell has addresses as they were written: there may be names in them.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.served = served
    for call in CALLS.values():
        _add_route(app, served, call)
    health.add_health_routes(app, served)
    rest.add_rest_routes(app, served)
    mem0.add_mem0_routes(app, served)
    organisations.add_access_routes(app, served)
    batch.add_batch_route(app, served)
    if settings.server_explorer:
        explorer.add_explorer_routes(app, served)
    openapi.describe(app)
    for kind in (GraphmemError, HTTPException):
        app.add_exception_handler(kind, _problem)
    named = [one for one in app.routes if isinstance(one, APIRoute) and one.name in CALLS]
    app.add_middleware(_Methods, routes={one.path: one for one in named})
    if settings.server_cors:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.server_cors),
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["authorization", "content-type", "idempotency-key", "x-request-id"],
            expose_headers=["x-request-id", "retry-after"],
        )
    app.add_middleware(Middleware, settings=settings)
    if settings.telemetry:
        app.add_middleware(Tracing)
    return app


class _Methods:
    """An ASGI application that knows the addresses of the API's methods by name: the router around
    which it stands tries one route after the other."""

    def __init__(self, app: ASGIApp, routes: Mapping[str, APIRoute]) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._routes.get(scope["path"]) if scope.get("method") == "POST" else None
        if route is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = route
        request = Request(scope, receive)
        try:
            answered = await route.endpoint(request)
        except GraphmemError as error:
            answered = await _problem(request, error)
        await answered(scope, receive, send)


def _add_route(app: FastAPI, served: ServerState, call: Call) -> None:
    async def endpoint(request: Request) -> Response:
        if call.name == "import_":
            return await transfer.import_(served, call, request)
        if call.name in FILES:
            return await transfer.download(served, call, request)
        return await answer(served, call, request)

    doc = inspect.getdoc(call.promised) or ""
    app.add_api_route(
        f"/v1/{call.path}",
        endpoint,
        methods=["POST"],
        name=call.name,
        operation_id=call.name,
        summary=doc.partition("\n")[0],
        description=plain_doc(doc),
        tags=["read" if call.read else "memory"],
        response_class=Response,
        response_model=None,
    )


async def _problem(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        return problem_response(error, request.url.path)
    answer = problem_response(_known(error, request), request.url.path)
    answer.headers.update(error.headers or {})
    return answer


def _known(error: HTTPException, request: Request) -> GraphmemError:
    """What the framework says, as an error of ours."""
    if error.status_code == 404:
        return NotFound("there is nothing at this address; /openapi.json says what there is")
    if error.status_code == 405:
        takes = (error.headers or {}).get("Allow", "another method")
        return WrongMethod(f"{request.method} is not possible here: this address takes {takes}")
    kinds = {401: Unauthenticated, 403: Forbidden}
    kind = kinds.get(error.status_code, UsageError)
    return kind(str(error.detail) or title_of(error.status_code))
