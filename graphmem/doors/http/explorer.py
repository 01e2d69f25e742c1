"""The explorer's page at the root, and links that let somebody in once without typing a key."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from graphmem.doors.explorer import PageFile, page_files
from graphmem.doors.http.answering import identified
from graphmem.doors.http.middleware import given_key
from graphmem.doors.http.state import ServerState
from graphmem.doors.http.translated import read_body
from graphmem.errors import NotFound, Unauthenticated, UsageError

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "worker-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types graphmem",
    )
)
"""What the page may do: its own files and this server, and no text of it becomes markup."""
_HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-cache",
}


def add_explorer_routes(app: FastAPI, served: ServerState) -> None:
    """Add the routes. The page itself needs no key, and tells nothing of what is stored."""
    files = page_files()

    async def index(request: Request) -> Response:
        return _file_response(files["index.html"], request)

    async def one(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in files:
            raise NotFound("the page has no such file")
        return _file_response(files[name], request)

    async def code(request: Request) -> Response:
        await identified(served, request)
        key = given_key(request)
        if key is None:
            raise Unauthenticated("a code stands for a key: give it")
        return _secret({"code": served.codes.add(key)})

    async def key(request: Request) -> Response:
        given = (await read_body(request)).get("code")
        if not isinstance(given, str):
            raise UsageError("code is a text, and needed")
        return _secret({"key": served.codes.take(given)})

    for path, verb, endpoint in (
        ("/", "GET", index),
        ("/explorer/{name:path}", "GET", one),
        ("/explorer/code", "POST", code),
        ("/explorer/key", "POST", key),
    ):
        app.add_api_route(path, endpoint, methods=[verb], include_in_schema=False)


def _secret(body: dict[str, str]) -> Response:
    return JSONResponse(body, headers={"cache-control": "no-store"})


def _file_response(file: PageFile, request: Request) -> Response:
    tag = f'"{file.tag}"'
    headers = {**_HEADERS, "etag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(file.content, headers=headers, media_type=file.type)
