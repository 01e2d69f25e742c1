"""The addresses that are not the API's own, in an organisation with more than one project."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from graphmem import Settings
from graphmem.access import Administration
from tests.doors.http.running import RunningServer, serving


async def _prepare(administration: Administration) -> tuple[str, str]:
    await administration.add_organisation("acme")
    await administration.add_project("acme", "research")
    owner = await administration.add_key("acme", "owner", role="owner")
    return owner.secret, (await administration.add_key("acme", "jo", user_id="jo")).secret


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with serving(prepare=_prepare) as running:
        yield running


@pytest.fixture(scope="module")
def http(server: RunningServer) -> Iterator[httpx.Client]:
    with server.http(server.prepared[0]) as client:
        yield client


def texts(http: httpx.Client, **query: str) -> list[str]:
    found = http.get("/v1/memories", params=query)
    assert found.status_code == 200, found.text
    return [one["memory"] for one in found.json()["memories"]]


def said(http: httpx.Client, **body: Any) -> str:
    """The id of a memory that is stored so."""
    answer = http.post("/v1/memories", json={"content": "Tea is good.", "infer": False, **body})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["decisions"][0]["after"]["id"])


def test_a_memory_of_another_project_is_found_changed_and_deleted_there(http: httpx.Client) -> None:
    there = {"project_id": "research"}
    id = said(http, user_id="ada", **there)
    assert http.get(f"/v1/memories/{id}").status_code == 404
    for query in (there, {"app_id": "research"}, {**there, "user_id": "ada"}):
        assert http.get(f"/v1/memories/{id}", params=query).json()["memory"] == "Tea is good."
    other = {**there, "user_id": "bob"}
    assert http.get(f"/v1/memories/{id}", params=other).status_code == 404
    assert http.delete(f"/v1/memories/{id}", params=other).status_code == 404
    changed = http.put(f"/v1/memories/{id}", json={"text": "Tea is bad.", **there})
    assert changed.json()["memory"] == "Tea is bad."
    history = http.get(f"/v1/memories/{id}/history", params=there).json()
    assert [one["event"] for one in history] == ["ADD", "UPDATE"]
    whole = {"memories": [{"memory_id": id, "text": "Tea is hot."}]}
    assert http.put("/v1/batch", json=whole, params=there).status_code == 200
    assert http.delete(f"/v1/memories/{id}", params=there).status_code == 200
    assert texts(http, user_id="ada", **there) == []


def test_nothing_is_deleted_beside_what_was_named(http: httpx.Client) -> None:
    said(http, user_id="eve")
    said(http, user_id="eve", project_id="research")
    narrow = json.dumps({"metadata": {"kept": False}})
    for more in ({"filters": narrow}, {"tags": "old"}, {"metadata": "{}"}, {"run": "r1"}):
        refused = http.delete("/v1/memories", params={"user_id": "eve", **more})
        assert refused.status_code == 400, refused.text
    assert texts(http, user_id="eve") == ["Tea is good."]
    elsewhere = {"user_id": "eve", "filters": json.dumps({"app_id": "research"})}
    assert http.delete("/v1/memories", params=elsewhere).status_code == 200
    assert texts(http, user_id="eve", project_id="research") == []
    assert texts(http, user_id="eve") == ["Tea is good."]
    said(http, user_id="eve", project_id="research")
    for path in ("/v1/memories?user_id=eve&", "/v2/entities/user/eve?"):
        assert http.delete(f"{path}project_id=research").status_code == 200
        assert texts(http, user_id="eve", project_id="research") == []
    assert texts(http, user_id="eve") == ["Tea is good."]
    # Their client sends the project that it was told of at the beginning.
    told = http.get("/v1/ping").json()["project_id"]
    ours = {"user_id": "eve", "project_id": told, "org_id": "acme"}
    assert http.delete("/v1/memories", params=ours).status_code == 200
    assert texts(http, user_id="eve") == []


def test_filters_as_text_hold_beside_ids(http: httpx.Client) -> None:
    said(http, user_id="flo", metadata={"n": 1})
    said(http, user_id="flo", metadata={"n": 2}, content="Rum is good.")
    body = {"user_id": "flo", "filters": json.dumps({"metadata": {"n": 2}})}
    found = http.post("/v3/memories", json=body).json()["results"]
    assert [one["memory"] for one in found] == ["Rum is good."]


def test_a_run_and_an_app_go_with_what_agents_remember_alone(http: httpx.Client) -> None:
    said(http, agent_id="bot", run_id="r1")
    said(http, agent_id="bot", run_id="r2", content="Rum is good.")
    assert http.delete("/v2/entities/run/r1").status_code == 200
    assert texts(http, agent_id="bot") == ["Rum is good."]
    said(http, agent_id="bot", project_id="research")
    said(http, user_id="gil", project_id="research")
    assert http.delete("/v2/entities/app/research").status_code == 200
    for whose in ({"agent_id": "bot"}, {"user_id": "gil"}):
        assert texts(http, project_id="research", **whose) == []
    assert texts(http, agent_id="bot") == ["Rum is good."]


def test_projects_have_the_names_that_their_organisation_has_for_them(http: httpx.Client) -> None:
    body = {"content": "I live in Rome.", "user_id": "hal", "project_id": "research"}
    added = http.post("/v1/memories", json=body)
    read = {"user_id": "hal", "project_id": "research"}
    calls = [{"method": name, "arguments": read} for name in ("get_all", "entities")]
    many = http.post("/v1/batch", json={"calls": calls}, headers={"x-request-id": "b-1"})
    for answer in (added, many):
        assert '"project_id": "research"' in answer.text
        assert "acme" not in answer.text
    failed = http.post("/v1/batch", json={"calls": [{"method": "get", "arguments": read}]})
    (one,) = failed.json()["results"]
    assert one["problem"]["request_id"] == f"{failed.headers['x-request-id']}/0"


def test_somebody_sees_the_projects_in_which_they_are(
    http: httpx.Client, server: RunningServer
) -> None:
    for whose in ({"user_id": "jo"}, {"user_id": "kim"}, {"agent_id": "ann"}):
        said(http, project_id="research", **whose)
    said(http, user_id="jo")

    def seen(of: httpx.Client, **asked: Any) -> list[tuple[str, int]]:
        items = of.post("/v1/projects", json=asked).json()["items"]
        return [(one["id"], one["episodes"]) for one in items]

    with server.http(server.prepared[1]) as jo:
        assert seen(jo) == seen(http, user_id="jo") == [("default", 1), ("research", 1)]
        assert seen(jo, limit=1, offset=1) == [("research", 1)]
    assert seen(http, user_id="kim") == seen(http, agent_id="ann") == [("research", 1)]
    assert dict(seen(http))["research"] >= 3


@pytest.mark.parametrize("name", ["project_id", "user_id", "agent_id", "run_id"])
def test_an_id_that_is_no_text_is_told(http: httpx.Client, name: str) -> None:
    for path, rest in (
        ("/v1/memories", {"content": "Tea."}),
        ("/v1/memories/search", {"query": "Tea?"}),
        ("/v3/memories/add", {"messages": "Tea."}),
    ):
        for wrong in (["a", "b"], {"a": 1}, 7, "a\0b"):
            answer = http.post(path, json={"user_id": "ida", **rest, name: wrong})
            assert answer.status_code == 400, (path, wrong, answer.text)
            assert name.removesuffix("_id") in answer.json()["detail"]


def test_a_nul_in_an_address_is_told_before_a_database_tells_of_itself(http: httpx.Client) -> None:
    for verb, path in (("DELETE", "access/members/%00"), ("GET", "users/a%00/stats")):
        answer = http.request(verb, f"/v1/{path}")
        assert answer.status_code == 400, answer.text
        assert "NUL has no place" in answer.json()["detail"]
    for call in ({"user_id": "ada", "project_id": "a\0"}, {"user_id": "a\0"}):
        answer = http.post("/v1/stats", json=call)
        assert (answer.status_code, answer.json()["error"]) == (400, "UsageError")


@pytest.mark.parametrize("name", ["X-User-Context", "X-Signature", "Authorization"])
def test_whom_a_request_is_for_is_said_once(http: httpx.Client, name: str) -> None:
    twice = [("X-Request-Id", "a"), (name, "ada"), (name, "bob")]
    answer = http.post("/v1/stats", json={}, headers=twice)
    assert answer.status_code == 400, answer.text
    assert f"one {name}" in answer.json()["detail"]


def test_no_address_lets_a_call_take_longer_than_it_may() -> None:
    settings = Settings.load({}, server_timeout_s=1e-6)
    read = {"query": "Tea?", "user_id": "ada"}
    with serving(settings=settings) as server, server.http() as http:
        for path in ("/v1/search", "/v1/memories/search", "/v3/memories/search"):
            late = http.post(path, json=read)
            assert late.status_code == 503, late.text
            assert "search took longer" in late.json()["detail"]
        calls = [{"method": "search", "arguments": read}]
        (one,) = http.post("/v1/batch", json={"calls": calls}).json()["results"]
        assert one["status"] == 503
