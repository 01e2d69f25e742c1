"""The OpenAPI document, and requests made from it: nothing they find is a fault of the server."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from graphmem import AsyncMemory, Settings
from graphmem.access import Administration
from graphmem.client.calls import CALLS
from graphmem.doors.http.app import make_app
from graphmem.doors.http.openapi import EXAMPLES
from tests.doors.http.running import RunningServer, serving

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what it imports is its own
    import schemathesis

    # All of it now: beside a server's thread Python before 3.11.5 cannot parse what is loaded.
    import schemathesis.specs.openapi.schemas
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

_EXAMPLES = 3 * int(os.environ.get("GRAPHMEM_FUZZ", "1"))
_CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
_TRIED = settings(
    max_examples=_EXAMPLES,
    deadline=None,
    database=None,
    derandomize="GRAPHMEM_SEED" not in os.environ,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


async def _nothing() -> AsyncMemory:
    raise AssertionError("nobody asks it")


OPERATIONS = sorted(
    (path, verb)
    for path, verbs in make_app(_nothing, Settings.load({})).openapi()["paths"].items()
    for verb in verbs
    if path != "/v1/import"  # its body is a file
)


async def _owner(administration: Administration) -> str:
    await administration.add_organisation("acme")
    return (await administration.add_key("acme", "first", role="owner")).secret


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with serving(prepare=_owner) as running:
        with running.memory(user_id="ada") as memory:
            memory.add("Ada works at Acme.", occurred_at="2024-01-01")
            memory.add("Bob Stone works at Acme.")
        yield running


@pytest.fixture(scope="module")
def document(server: RunningServer) -> dict[str, Any]:
    with server.http(None) as http:
        found: dict[str, Any] = http.get("/openapi.json").json()
        return found


def test_every_method_is_described(document: dict[str, Any]) -> None:
    for call in CALLS.values():
        operation = document["paths"][f"/v1/{call.path}"]["post"]
        assert operation["operationId"] == call.name
        assert operation["summary"]
        assert "200" in operation["responses"]
        assert {"400", "401", "403", "404", "429"} <= set(operation["responses"])
    assert document["paths"]["/v1/health/live"]["get"]["security"] == []
    assert document["security"] == [{"key": []}]


def test_every_tool_can_read_its_arrays(document: dict[str, Any]) -> None:
    """With ``prefixItems`` schemathesis refused its own reading of them at the second answer."""
    assert "prefixItems" not in json.dumps(document)
    edges = document["components"]["schemas"]["Nodes"]["properties"]["edges"]
    assert edges["items"] == {
        "type": "array", "minItems": 4, "maxItems": 4,
        "items": {"anyOf": [{"type": "string"}, {"type": "object"}]},
    }  # fmt: skip


def test_the_examples_work(server: RunningServer) -> None:
    assert EXAMPLES.keys() <= CALLS.keys()
    with server.http() as http:
        for name, body in EXAMPLES.items():
            answer = http.post(f"/v1/{name}", json=body)
            assert answer.status_code == 200, (name, answer.text)


def test_the_page_can_be_left_out() -> None:
    with serving(settings=Settings.load({}, server_docs=False)) as server, server.http() as http:
        assert http.get("/openapi.json").status_code == 404
        assert http.get("/docs").status_code == 404


@pytest.mark.parametrize(("path", "verb"), OPERATIONS)
def test_requests_made_from_the_document(
    server: RunningServer, document: dict[str, Any], path: str, verb: str
) -> None:
    schema = schemathesis.openapi.from_dict({**document, "paths": {path: document["paths"][path]}})
    operation = schema[path][verb.upper()]
    # An owner's organisation is their own: an administrator has to name one that there is.
    key = server.prepared if path.startswith("/v1/access/") else server.key
    headers = {"authorization": f"Bearer {key}"}

    @_TRIED
    @given(case=operation.as_strategy())
    def tried(case: Any) -> None:
        answer = case.call(base_url=server.url, headers=headers, timeout=60)
        case.validate_response(answer, checks=_CHECKS)

    tried()
