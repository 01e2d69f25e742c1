"""The plain addresses: memories as a resource, searches by time, tag and people, users, keys. Each
is a method of the API with a filter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from graphmem.access import Administration
from graphmem.doors.http.answering import identified
from graphmem.doors.http.organisations import Asked, Work, add_key, answer_access
from graphmem.doors.http.state import ServerState
from graphmem.doors.http.translated import (
    TranslatedRequest,
    add_translated_route,
    memory_of,
    read_body,
)
from graphmem.errors import UsageError, shown
from graphmem.model import SearchResult, to_json

_IDS = ("user_id", "agent_id", "run_id", "project_id")
_SEARCH = (*_IDS, "query", "limit", "threshold", "min_score", "current", "valid_at", "known_at")
_ADD = (
    *(*_IDS, "metadata", "tags", "memory_type", "importance", "occurred_at", "expires_at"),
    *("infer", "idempotency_key"),
)
_LISTED = (*_IDS, "limit", "offset", "after", "org_id")
_TIMES = {"since": ("start_date", "start", "since"), "until": ("end_date", "end", "until")}


def add_rest_routes(app: FastAPI, served: ServerState) -> None:
    """Add the routes of the plain addresses."""

    def route(
        method: str, path: str, answer: Callable[[TranslatedRequest, Mapping[str, Any]], Any]
    ) -> None:
        async def answered(translated: TranslatedRequest, request: Request) -> Any:
            body = await read_body(request) if method == "POST" else dict(request.query_params)
            return await answer(translated, {**body, **request.path_params})

        add_translated_route(app, served, method, path, answered)

    route("POST", "/v1/memories", _add)
    route("GET", "/v1/memories", _list)
    route("POST", "/v1/memories/search", _search)
    route("POST", "/v1/memories/temporal-search", _temporal)
    route("POST", "/v1/memories/tag-search", _by_tags)
    route("POST", "/v1/memories/people-search", _by_people)
    route("GET", "/v1/users/current", _current)
    route("GET", "/v1/users/{user_id}/stats", _stats)
    _add_key_routes(app, served)


def _add_key_routes(app: FastAPI, served: ServerState) -> None:
    def add(path: str, method: str, work: Work) -> None:
        async def endpoint(request: Request) -> Response:
            caller = await identified(served, request)
            return await answer_access(served, caller, method, work, request)

        app.add_api_route(
            f"/v1/auth/{path}", endpoint, methods=["POST"], name=path, include_in_schema=False
        )

    add("generate-key", "add_key", add_key)
    add("revoke-key", "revoke_key", _revoked)


async def _revoked(over: Administration, ours: str | None, asked: Asked) -> Any:
    id = asked.body.get("key_id")
    if not isinstance(id, str):
        raise UsageError("key_id is missing: the id of the key, not the key itself")
    return (await over.revoke_key(ours, id)).shown()


def _of(body: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: body[name] for name in names if body.get(name) is not None}


async def _add(translated: TranslatedRequest, body: Mapping[str, Any]) -> Any:
    names = ("content", "messages", "text", "memory")
    content = next((body[name] for name in names if body.get(name) is not None), None)
    if not isinstance(content, str | dict | list):
        raise UsageError(f"content is missing: a text or messages, got {shown(content)}")
    return to_json(await translated.ask("add", content=content, **_of(body, _ADD)))


async def _list(translated: TranslatedRequest, query: Mapping[str, Any]) -> Any:
    if unknown := sorted(query.keys() - _LISTED):
        raise UsageError(
            f"a list takes no {unknown[0]}: it takes {', '.join(_LISTED)}; what else narrows it "
            "is a where of POST /v1/memories/search"
        )
    numbers = {name: _whole(query[name], name) for name in ("limit", "offset") if name in query}
    found = await translated.ask("get_all", count=True, **numbers, **_of(query, (*_IDS, "after")))
    memories = [memory_of(fact) for fact in found.items]
    return {"memories": memories, "total": found.total, "next": found.next}


async def _search(translated: TranslatedRequest, body: Mapping[str, Any]) -> Any:
    where, given = body.get("where", body.get("filters")), _of(body, _SEARCH)
    if "query" in given:
        return _found(await translated.ask("search", where=where, kinds=["fact"], **given), given)
    listed = await translated.ask("get_all", where=where, **_of(body, (*_IDS, "limit", "offset")))
    return {"results": [memory_of(fact) for fact in listed.items]}


async def _temporal(translated: TranslatedRequest, body: Mapping[str, Any]) -> Any:
    ends = {
        end: next((body[name] for name in names if body.get(name) is not None), None)
        for end, names in _TIMES.items()
    }
    return await _narrowed(translated, "temporal_search", {**body, **ends}, *ends)


async def _by_tags(translated: TranslatedRequest, body: Mapping[str, Any]) -> Any:
    return await _narrowed(translated, "search_by_tags", body, "tags", "match_all")


async def _by_people(translated: TranslatedRequest, body: Mapping[str, Any]) -> Any:
    return await _narrowed(translated, "search_by_people", body, "people", "match_all")


async def _narrowed(
    translated: TranslatedRequest, method: str, body: Mapping[str, Any], *names: str
) -> Any:
    if body.get("offset"):
        raise UsageError("offset pages /v1/memories/search with a where; here raise limit instead")
    given = _of(body, (*_SEARCH, *names))
    return _found(await translated.ask(method, **given), given)


def _found(hits: SearchResult, given: Mapping[str, Any]) -> Any:
    """Hits as memories, with a score where a question was asked."""
    scored = "query" in given
    return {
        "results": [
            {**memory_of(hit.fact), **({"score": hit.score} if scored else {})}
            for hit in hits
            if hit.fact
        ]
    }


async def _stats(translated: TranslatedRequest, given: Mapping[str, Any]) -> Any:
    return to_json(await translated.ask("get_user_stats", **_of(given, ("user_id", "project_id"))))


async def _current(translated: TranslatedRequest, _: Mapping[str, Any]) -> Any:
    principal = translated.principal
    return {
        "key_id": principal.key_id,
        "name": principal.member or principal.key_name,
        "organisation": principal.organisation or None,
        "role": principal.role,
        "read_only": principal.read_only,
        "project": principal.project,
        "user_id": principal.user_id,
    }


def _whole(given: Any, name: str) -> int:
    try:
        return int(given if isinstance(given, str | int) else "")
    except ValueError:
        raise UsageError(f"{name} is a whole number, got {shown(given)}") from None
