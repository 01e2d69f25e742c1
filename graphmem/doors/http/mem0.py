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
from graphmem.doors.http.faces import (
    FACE_IDS,
    Face,
    add_face_route,
    end_of_last_day,
    memory_of,
    read_body,
)
from graphmem.doors.http.mem0_filters import read_filters
from graphmem.doors.http.served import Served
from graphmem.errors import UsageError, shown
from graphmem.model import Change, Receipt, to_json
from graphmem.ports.extraction_options import ExtractionOptions

_LARGEST_PAGE = 1000


def add_mem0_routes(app: FastAPI, served: Served) -> None:
    """Add the routes that mem0's clients ask."""
    route = partial(add_face_route, app, served)
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


async def _add(face: Face, request: Request) -> Any:
    body = await read_body(request)
    scope, rest = read_filters(_with_ids(body))
    if rest is not None:
        raise UsageError("the filters of add name ids only")
    messages = body.get("messages")
    if not messages:
        raise UsageError("messages are missing")
    at, instructions = body.get("timestamp"), body.get("custom_instructions")
    receipt: Receipt = await face.ask(
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


async def _search(face: Face, request: Request) -> Any:
    body = await read_body(request)
    scope, where = read_filters(_with_ids(body))
    found = await face.ask(
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


async def _get_all(face: Face, request: Request) -> Any:
    body = await read_body(request)
    scope, where = read_filters(_with_ids(body))
    page = _number(request.query_params.get("page", body.get("page", 1)), "page")
    size = _number(request.query_params.get("page_size", body.get("page_size", 100)), "page_size")
    size = min(size, _LARGEST_PAGE)
    found = await face.ask(
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


async def _get(face: Face, request: Request) -> Any:
    return memory_of(await face.ask("get", fact_id=request.path_params["id"]))


async def _update(face: Face, request: Request) -> Any:
    return await update_from(face, request.path_params["id"], await read_body(request))


async def update_from(face: Face, id: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Change a memory by what a body gives; an expiration date of null is for ever."""
    given: dict[str, Any] = {"fact_id": id, "text": body.get("text", body.get("memory"))}
    given["metadata"] = body.get("metadata")
    if body.get("timestamp") is not None:
        given["valid_at"] = _moment(body["timestamp"])
    given = {name: value for name, value in given.items() if value is not None}
    if "expiration_date" in body:
        given["expires_at"] = end_of_last_day(body["expiration_date"])
    return memory_of(await face.make("update", given))


async def _delete(face: Face, request: Request) -> Any:
    id = request.path_params["id"]
    linked = request.query_params.get("delete_linked", "").lower() in {"1", "true"}
    following = (await face.ask("get", fact_id=id)).supersedes_id if linked else None
    await face.ask("delete", id=id)
    seen = {id}
    while following is not None and following not in seen:
        seen.add(following)
        before = (await face.ask("get", fact_id=following)).supersedes_id
        await face.ask("delete", id=following)
        following = before
    return {"message": "Memory deleted successfully!"}


async def _delete_all(face: Face, request: Request) -> Any:
    query = dict(request.query_params)
    scope, rest = read_filters(_with_ids({**query, "filters": query.pop("filters", None)}))
    if rest is not None or not scope:
        raise UsageError("delete_all needs a user_id or an agent_id, and nothing else")
    await face.ask("delete_all", **scope)
    return {"message": "Memories deleted successfully!"}


async def _history(face: Face, request: Request) -> Any:
    changes = await face.ask("history", fact_id=request.path_params["id"])
    return [_change(change) for change in changes]


async def _entities(face: Face, request: Request) -> Any:
    results = []
    for kind, method in (("user", "users"), ("agent", "agents"), ("run", "runs")):
        found = await face.ask(method, limit=_LARGEST_PAGE)
        for item in found:
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


async def _delete_entity(face: Face, request: Request) -> Any:
    kind, name = request.path_params["kind"], request.path_params["name"]
    if kind in {"user", "agent"}:
        await face.ask("delete_all", **{f"{kind}_id": name})
    elif kind == "run":
        for run in await face.ask("runs", limit=_LARGEST_PAGE):
            if run.id == name:
                await face.ask("delete_all", user_id=run.owner, run_id=name)
    elif kind == "app":
        for user in await face.ask("users", project_id=name, limit=_LARGEST_PAGE):
            await face.ask("delete_all", project_id=name, user_id=user.id)
    else:
        raise UsageError(f"there are users, agents, apps and runs, not {shown(kind)}")
    return {"message": "Entity deleted successfully!"}


async def _update_batch(face: Face, request: Request) -> Any:
    items = _batch(await read_body(request))
    for item in items:
        await update_from(face, item["memory_id"], item)
    return {"message": f"Successfully updated {len(items)} memories"}


async def _delete_batch(face: Face, request: Request) -> Any:
    items = _batch(await read_body(request))
    for item in items:
        await face.ask("delete", id=item["memory_id"])
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


def _with_ids(body: Mapping[str, Any]) -> object:
    """The filters of a body, and the ids that stand beside them."""
    filters = body.get("filters")
    ids = {name: body[name] for name in (*FACE_IDS, "app_id") if body.get(name) is not None}
    if not ids:
        return filters
    return {"AND": [ids, *([read] if (read := _as_object(filters)) else [])]}


def _as_object(filters: object) -> object:
    if isinstance(filters, str):
        scope, _ = read_filters(filters)
        return {name: value for name, value in scope.items() if name != "project_id"}
    return filters


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
