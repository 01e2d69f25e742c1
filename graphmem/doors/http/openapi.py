"""The OpenAPI document: bodies and results as they are read and written, from their own types."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from fastapi import FastAPI

from graphmem.client.calls import CALLS, FILES, Call
from graphmem.client.problems import PROBLEM_TYPE, title_of
from graphmem.client.transport import EVENTS
from graphmem.errors import HTTP_STATUS

_REF: Final = "#/components/schemas/{name}"
_NO_KEY = frozenset({"live", "ready"})
PROBLEM: Final[dict[str, Any]] = {
    "title": "Problem",
    "description": "An error (RFC 9457); `error` is its class in graphmem.errors.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "error", "retryable", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "error": {"type": "string"},
        "retryable": {"type": "boolean"},
        "request_id": {"type": "string"},
        "retry_after_s": {"type": "integer"},
    },
}
EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "add": {"content": "I moved to Lisbon last month.", "user_id": "ada"},
    "add_many": {"contents": ["I have a dog.", "Its name is Rex."], "user_id": "ada"},
    "search": {"query": "Where do I live?", "user_id": "ada", "limit": 5},
    "context": {"query": "Where do I live?", "user_id": "ada", "budget_tokens": 500},
    "relate": {"subject": "Ada", "type": "works_at", "object": "Acme", "user_id": "ada"},
    "get_all": {"user_id": "ada", "limit": 100, "count": True},
    "relations": {"entity": "Ada", "user_id": "ada"},
    "paths": {"source": "Ada", "target": "Acme", "user_id": "ada"},
    "timeline": {"entity": "Ada", "user_id": "ada"},
    "diff": {"a": "2025-01", "b": "2026-01", "user_id": "ada"},
    "cypher": {"query": "MATCH (e:Entity) RETURN e.name LIMIT 10", "user_id": "ada"},
}


def describe(app: FastAPI) -> None:
    """Let the application give the whole document: the framework knows the routes, and this what
    goes in and comes out."""
    made = app.openapi

    def whole() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(made())
        return app.openapi_schema

    app.openapi = whole  # type: ignore[method-assign]


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    bodies = [call.request for call in CALLS.values()]
    results = [call.result for call in CALLS.values()]
    shapes, named = msgspec.json.schema_components([*bodies, *results], ref_template=_REF)
    shapes = tuple(_without_tuples(shape) for shape in shapes)
    components = document.setdefault("components", {})
    components["schemas"] = {**_without_tuples(named), "Problem": PROBLEM}
    components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    document["security"] = [{"key": []}]
    for (call, body), result in zip(
        zip(CALLS.values(), shapes, strict=False), shapes[len(bodies) :], strict=True
    ):
        _describe_call(document["paths"][f"/v1/{call.path}"]["post"], call, body, result)
    for path in document["paths"].values():
        for operation in path.values():
            _describe_problems(operation)
    return document


def _without_tuples(shape: Any) -> Any:
    """A shape where each place of an array may have what any of its places has: tools for OpenAPI
    read ``prefixItems`` in several ways, or not at all."""
    if isinstance(shape, list):
        return [_without_tuples(one) for one in shape]
    if not isinstance(shape, dict):
        return shape
    found = {name: _without_tuples(its) for name, its in shape.items()}
    if isinstance(places := found.pop("prefixItems", None), list):
        found["items"] = {"anyOf": [one for n, one in enumerate(places) if one not in places[:n]]}
    return found


def _describe_call(operation: dict[str, Any], call: Call, body: Any, result: Any) -> None:
    shown: dict[str, Any] = {"schema": body}
    if call.name in EXAMPLES:
        shown["example"] = EXAMPLES[call.name]
    if call.name == "import_":
        operation["parameters"] = [
            {"name": "arguments", "in": "query", "content": {"application/json": shown}}
        ]
        shown = {"schema": {"type": "string", "format": "binary"}}
        operation["requestBody"] = {"required": True, "content": {"application/x-ndjson": shown}}
    else:
        required = bool(call.required)
        operation["requestBody"] = {"required": required, "content": {"application/json": shown}}
    content: dict[str, Any] = {"application/json": {"schema": result}}
    if call.name in FILES and call.name != "import_":
        kind = "application/x-ndjson" if call.name == "export" else "application/x-tar"
        content = {kind: {"schema": {"type": "string", "format": "binary"}}}
    elif call.name != "import_":
        content[EVENTS] = {"schema": {"type": "string"}}
    operation["responses"] = {
        "200": {"description": "What the method returns.", "content": content}
    }
    if not call.read and call.name not in FILES:
        operation["parameters"] = [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "The same request under the same key is done once.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 256},
            }
        ]


def _describe_problems(operation: dict[str, Any]) -> None:
    shape = {PROBLEM_TYPE: {"schema": {"$ref": _REF.format(name="Problem")}}}
    responses = operation["responses"]
    responses.pop("422", None)
    for status in sorted(set(HTTP_STATUS.values())):
        responses.setdefault(str(status), {"description": title_of(status), "content": shape})
    if operation.get("operationId") in _NO_KEY:
        operation["security"] = []
