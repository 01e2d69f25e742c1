"""The addresses that mem0's clients ask, answered in their form: a memory there is a fact here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI
from starlette.requests import Request

from graphmem.clock import stamp
from graphmem.doors.http.mem0_filters import filters_of_text, read_filters
from graphmem.doors.http.state import ServerState
from graphmem.doors.http.translated import (
    MEMORY_IDS,
    TranslatedRequest,
    add_translated_route,
    end_of_last_day,
    memory_of,
    read_body,
)
from graphmem.errors import UsageError, shown
from graphmem.model import Change, Receipt, to_json
from graphmem.ports.extraction_options import ExtractionOptions

_LARGEST_PAGE = 1000
_OWNERS = {"user_id": "users", "agent_id": "agents"}
_OF_DELETE_ALL = (*MEMORY_IDS, "app_id", "project_id", "org_id", "filters")


def add_mem0_routes(app: FastAPI, served: ServerState) -> None:
    """Add the routes that mem0's clients ask."""
    route = partial(add_translated_route, app, served)
    route("POST", "/v3/memories/add", _add)
    route("POST", "/v3/memories/search", _search)
    route("POST", "/v3/memories", _get_all)
    route("GET", "/v1/memories/{id}/history", _history)
    route("GET", "/v1/memories/{id}", _get)
    route("PUT", "/v1/memories/{id}", _update)
    route("DELETE", "/v1/memories/{id}", _delete)
    route("DELETE", "/v1/memories", _delete_all)
    route("GET", "/v1/entities", _entities)
    route("DELETE", "/v2/entities/{kind}/{name}", _delete_entity)
    route("PUT", "/v1/batch", _update_batch)
    route("DELETE", "/v1/batch", _delete_batch)


async def _add(translated: TranslatedRequest, request: Request) -> Any:
    body = await read_body(request)
    scope, rest = _narrowed(body)
    if rest is not None:
        raise UsageError("the filters of add name ids only")
    messages = body.get("messages")
    if not messages:
        raise UsageError("messages are missing")
    at, instructions = body.get("timestamp"), body.get("custom_instructions")
    receipt: Receipt = await translated.ask(
        "add",
        content=messages,
        metadata=body.get("metadata"),
        infer=body.get("infer"),
        occurred_at=None if at is None else _moment(at),
        expires_at=end_of_last_day(body.get("expiration_date")),
        tags=_words(body.get("categories")),
        extraction=ExtractionOptions(instructions=instructions) if instructions else None,
        **scope,
    )
    results = [
        {"id": fact.id, "memory": fact.text, "event": one.action}
        for one in receipt.decisions
        if one.action != "NONE" and (fact := one.after or one.before) is not None
    ]
    state = {"done": "SUCCEEDED", "duplicate": "SUCCEEDED", "failed": "FAILED"}
    status = state.get(receipt.status, "PENDING")
    return {"results": results, "status": status, "event_id": receipt.episode_id}


async def _search(translated: TranslatedRequest, request: Request) -> Any:
    body = await read_body(request)
    scope, where = _narrowed(body)
    found = await translated.ask(
        "search",
        query=body.get("query"),
        limit=body.get("top_k", body.get("limit")),
        threshold=body.get("threshold"),
        where=_both(where, body),
        kinds=["fact"],
        current=False if body.get("show_expired") else None,
        **scope,
    )
    return {"results": [{**memory_of(hit.fact), "score": hit.score} for hit in found if hit.fact]}


async def _get_all(translated: TranslatedRequest, request: Request) -> Any:
    body = await read_body(request)
    scope, where = _narrowed(body)
    page = _number(request.query_params.get("page", body.get("page", 1)), "page")
    size = _number(request.query_params.get("page_size", body.get("page_size", 100)), "page_size")
    size = min(size, _LARGEST_PAGE)
    found = await translated.ask(
        "get_all",
        limit=size,
        offset=(page - 1) * size,
        count=True,
        where=_both(where, body),
        current=False if body.get("show_expired") else None,
        **scope,
    )

    def at(number: int) -> str:
        query = urlencode({"page": number, "page_size": size})
        return f"{request.url.replace(query=query)}"

    return {
        "count": found.total,
        "next": at(page + 1) if page * size < found.total else None,
        "previous": at(page - 1) if page > 1 else None,
        "results": [memory_of(fact) for fact in found.items],
    }


async def _get(translated: TranslatedRequest, request: Request) -> Any:
    scope, _ = _narrowed(request.query_params)
    return memory_of(await translated.ask("get", fact_id=request.path_params["id"], **scope))


async def _update(translated: TranslatedRequest, request: Request) -> Any:
    body = await read_body(request)
    return await update_from(
        translated, request.path_params["id"], {**request.query_params, **body}
    )


async def update_from(
    translated: TranslatedRequest, id: str, body: Mapping[str, Any]
) -> dict[str, Any]:
    """Change a memory by what a body gives; an expiration date of null is for ever."""
    scope, _ = _narrowed(body)
    given: dict[str, Any] = {"fact_id": id, "text": body.get("text", body.get("memory")), **scope}
    given["metadata"] = body.get("metadata")
    if body.get("timestamp") is not None:
        given["valid_at"] = _moment(body["timestamp"])
    given = {name: value for name, value in given.items() if value is not None}
    if "expiration_date" in body:
        given["expires_at"] = end_of_last_day(body["expiration_date"])
    return memory_of(await translated.make("update", given))


async def _delete(translated: TranslatedRequest, request: Request) -> Any:
    id = request.path_params["id"]
    linked = request.query_params.get("delete_linked", "").lower() in {"1", "true"}
    scope, _ = _narrowed(request.query_params)
    following = (await translated.ask("get", fact_id=id, **scope)).supersedes_id if linked else None
    await translated.ask("delete", id=id, **scope)
    seen = {id}
    while following is not None and following not in seen:
        seen.add(following)
        before = (await translated.ask("get", fact_id=following, **scope)).supersedes_id
        await translated.ask("delete", id=following, **scope)
        following = before
    return {"message": "Memory deleted successfully!"}


async def _delete_all(translated: TranslatedRequest, request: Request) -> Any:
    query = request.query_params
    scope, rest = _narrowed(query)
    # Of what would narrow it, nothing is passed over: it would delete more than was asked for.
    if rest is not None or not scope or query.keys() - _OF_DELETE_ALL:
        raise UsageError(
            "delete_all needs a user_id or an agent_id, and takes nothing beside "
            f"{', '.join(_OF_DELETE_ALL)}"
        )
    await translated.ask("delete_all", **scope)
    return {"message": "Memories deleted successfully!"}


async def _history(translated: TranslatedRequest, request: Request) -> Any:
    scope, _ = _narrowed(request.query_params)
    changes = await translated.ask("history", fact_id=request.path_params["id"], **scope)
    return [_change(change) for change in changes]


async def _entities(translated: TranslatedRequest, request: Request) -> Any:
    scope, _ = _narrowed(request.query_params)
    results = []
    for kind, method in (("user", "users"), ("agent", "agents"), ("run", "runs")):
        for item in await _whole_list(translated, method, **scope):
            results.append(
                {
                    "id": item.id,
                    "name": item.id,
                    "type": kind,
                    "total_memories": item.facts,
                    "created_at": stamp(item.first_at),
                    "updated_at": stamp(item.last_at),
                    "metadata": {},
                }
            )
    return {"count": len(results), "next": None, "previous": None, "results": results}


async def _whole_list(translated: TranslatedRequest, method: str, **scope: Any) -> list[Any]:
    found: list[Any] = []
    while True:
        page = await translated.ask(method, limit=_LARGEST_PAGE, offset=len(found), **scope)
        found += page
        if not len(page) or len(found) >= page.total:
            return found


async def _delete_entity(translated: TranslatedRequest, request: Request) -> Any:
    kind, name = request.path_params["kind"], request.path_params["name"]
    scope, rest = _narrowed(request.query_params)
    if rest is not None or scope.keys() - {"project_id"}:
        raise UsageError("an entity goes as a whole: beside it only project_id is taken")
    where = {"project_id": name if kind == "app" else scope.get("project_id")}
    if kind in {"user", "agent"}:
        gone = [{f"{kind}_id": name}]
    elif kind == "run":
        runs = [one for one in await _whole_list(translated, "runs", **where) if one.id == name]
        # Whether its owner is a user or an agent, a run does not say.
        gone = [{whose: one.owner, "run_id": name} for one in runs for whose in _OWNERS]
    elif kind == "app":
        gone = [
            {whose: one.id}
            for whose, method in _OWNERS.items()
            for one in await _whole_list(translated, method, **where)
        ]
    else:
        raise UsageError(f"there are users, agents, apps and runs, not {shown(kind)}")
    for owner in gone:
        await translated.ask("delete_all", **owner, **where)
    return {"message": "Entity deleted successfully!"}


async def _update_batch(translated: TranslatedRequest, request: Request) -> Any:
    items = _batch(await read_body(request))
    for item in items:
        await update_from(translated, item["memory_id"], {**request.query_params, **item})
    return {"message": f"Successfully updated {len(items)} memories"}


async def _delete_batch(translated: TranslatedRequest, request: Request) -> Any:
    items = _batch(await read_body(request))
    for item in items:
        scope, _ = _narrowed({**request.query_params, **item})
        await translated.ask("delete", id=item["memory_id"], **scope)
    return {"message": f"Successfully deleted {len(items)} memories"}


def _batch(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    items = body.get("memories")
    if not isinstance(items, list) or len(items) > _LARGEST_PAGE:
        raise UsageError(f"memories are a list of up to {_LARGEST_PAGE:,}")
    if any(
        not isinstance(item, dict) or not isinstance(item.get("memory_id"), str) for item in items
    ):
        raise UsageError("each of the memories has a memory_id")
    return items


def _change(change: Change) -> dict[str, Any]:
    fact = change.after or change.before
    return {
        "id": f"{change.fact_id}:{change.seq}",
        "memory_id": change.fact_id,
        "old_memory": change.before.text if change.before else None,
        "new_memory": change.after.text if change.after else None,
        "event": change.action,
        "user_id": fact.scope.user_id if fact else None,
        "metadata": to_json(fact.metadata) if fact else None,
        "categories": list(fact.tags) if fact else [],
        "input": [],
        "created_at": stamp(change.at),
        "updated_at": stamp(change.at),
    }


def _narrowed(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The scope and the filter of a body or a query: its filters, and the ids beside them. Their
    clients send the ``project_id`` that they were told of; an ``app_id`` is a project, too, and
    goes before it."""
    filters = given.get("filters")
    if isinstance(filters, str):
        filters = filters_of_text(filters)
    ids = {name: given[name] for name in (*MEMORY_IDS, "app_id") if given.get(name) is not None}
    scope, rest = read_filters({"AND": [ids, *([filters] if filters else [])]})
    project = given.get("project_id")
    return ({"project_id": project} if project is not None else {}) | scope, rest


def _both(where: dict[str, Any] | None, body: Mapping[str, Any]) -> dict[str, Any] | None:
    """A filter, and what else of a body narrows a listing."""
    tests = [where] if where else []
    if isinstance(body.get("metadata"), Mapping) and body["metadata"]:
        _, metadata = read_filters({"metadata": body["metadata"]})
        tests.append(metadata or {})
    if words := _words(body.get("categories")):
        tests.append({"tag": words})
    for name, sign in (("start_date", "gte"), ("end_date", "lte")):
        if body.get(name) is not None:
            tests.append({"occurred_at": {sign: body[name]}})
    return tests[0] if len(tests) == 1 else ({"and": tests} if tests else None)


def _words(given: object) -> list[str] | None:
    if given is None:
        return None
    if not isinstance(given, list) or not all(isinstance(word, str) for word in given):
        raise UsageError(f"categories are a list of words, got {shown(given)}")
    return list(given)


def _moment(given: object) -> str:
    """A time as they write it: text, or seconds since 1970."""
    if isinstance(given, str):
        return given
    try:
        return stamp(datetime.fromtimestamp(float(given), UTC))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError, OSError):
        raise UsageError(f"a timestamp is seconds since 1970, got {shown(given)}") from None


def _number(given: object, name: str) -> int:
    try:
        found = int(given if isinstance(given, str | int) else "")
    except ValueError:
        found = 0
    if not 1 <= found <= 10_000:
        raise UsageError(f"{name} is a whole number from 1 to 10,000, got {shown(given)}")
    return found
