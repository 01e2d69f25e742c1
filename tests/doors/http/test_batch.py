"""Many calls in one request, each with its own result."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from graphmem import Settings
from graphmem.access import Administration, Limits
from tests.doors.http.running import RunningServer, serving


async def _prepare(administration: Administration) -> dict[str, str]:
    await administration.add_organisation("acme")
    await administration.add_organisation("globex")
    few = Limits(calls_per_minute=1, burst=3)
    return {
        "writer": (await administration.add_key("acme", "w")).secret,
        "reader": (await administration.add_key("acme", "r", role="reader")).secret,
        "theirs": (await administration.add_key("globex", "w")).secret,
        "limited": (await administration.add_key("acme", "l", limits=few)).secret,
    }


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with serving(prepare=_prepare) as running:
        yield running


def batch(server: RunningServer, who: str, calls: Any) -> list[dict[str, Any]]:
    with server.http(server.prepared[who]) as http:
        answer = http.post("/v1/batch", json={"calls": calls})
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["results"]
    return found


def test_each_call_has_its_own_result_in_its_place(server: RunningServer) -> None:
    ada = {"user_id": "ada"}
    results = batch(
        server,
        "writer",
        [
            {"method": "search", "arguments": {"query": "Rome", **ada}},
            {"method": "add", "arguments": {"content": "I live in Rome.", **ada}},
            {"method": "search", "arguments": {"query": "Rome", **ada}},
            {"method": "get", "arguments": {"fact_id": "nobodys", **ada}},
            {"method": "add", "arguments": {"content": "", **ada}},
            {"method": "add", "arguments": {"content": "x", "project_id": "none", **ada}},
            {"method": "verify"},
            {"method": "drop everything"},
            {"method": "backup", "arguments": {"folder": "/tmp"}},
            "search",
            {"method": "search", "arguments": []},
            {"method": "add", "arguments": {"content": "I work at Acme.", **ada}},
        ],
    )
    statuses = [one["status"] for one in results]
    assert statuses == [200, 200, 200, 404, 400, 404, 403, 400, 400, 400, 400, 200]
    assert results[0]["result"]["hits"] == [], "before it was added"
    assert "Rome" in results[2]["result"]["hits"][0]["text"]
    assert results[3]["problem"]["error"] == "NotFound"
    assert "result" not in results[3]
    assert batch(server, "writer", []) == []


def test_a_thousand_and_no_more(server: RunningServer) -> None:
    calls = [
        {"method": "relate", "arguments": {"subject": "Ada", "type": "knows", "object": f"P{n}",
         "user_id": "many"}}
        for n in range(50)
    ]  # fmt: skip
    calls += [{"method": "stats", "arguments": {"user_id": "many"}}] * 950
    assert {one["status"] for one in batch(server, "writer", calls)} == {200}
    with server.http(server.prepared["writer"]) as http:
        stats = http.post("/v1/stats", json={"user_id": "many"}).json()
        assert stats["episodes"] == 50
        too_many = http.post("/v1/batch", json={"calls": [*calls, calls[0]]})
        assert too_many.status_code == 400
        for body in (b"", b"[]", b"{", b'{"calls": 1}', b'{"calls": [], "x": 1}', b"[" * 10_000):
            assert http.post("/v1/batch", content=body).status_code == 400, body[:20]
        assert http.post("/v1/batch", content=b"", headers={"authorization": ""}).status_code == 401


def test_each_call_is_let_in_by_itself(server: RunningServer) -> None:
    search = {"method": "search", "arguments": {"query": "Rome", "user_id": "ada"}}
    add = {"method": "add", "arguments": {"content": "I live in Oslo.", "user_id": "ada"}}
    assert [one["status"] for one in batch(server, "reader", [search, add])] == [200, 403]
    limited = batch(server, "limited", [search] * 5)
    assert sorted(one["status"] for one in limited) == [200, 200, 200, 429, 429]
    (theirs,) = batch(server, "theirs", [search])
    assert theirs["result"]["hits"] == []


def test_results_are_bounded_however_short_the_questions_are() -> None:
    """Changes are made all the same, and what is left out says so in its place."""
    settings = Settings.load({}, server_max_body_bytes=20_000)
    ada = {"user_id": "ada"}
    search = {"method": "search", "arguments": {"query": "tea", **ada}}
    add = {"method": "add", "arguments": {"content": "I live in Rome.", **ada}}
    with serving(prepare=_prepare, settings=settings) as small:
        told = {"content": "I like tea. " + "It rains. " * 400, **ada}
        batch(small, "writer", [{"method": "add", "arguments": told}])
        results = batch(small, "writer", [*[search] * 40, add])
    statuses = [one["status"] for one in results]
    assert statuses[:4] == [200] * 4
    assert statuses[-2:] == [413, 200]
    assert results[-1]["result"]["status"] == "done"
    assert "another request" in results[-2]["problem"]["detail"]
    assert len(json.dumps(results)) < 100_000
