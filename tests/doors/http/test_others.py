"""Every method of the API with another organisation's, project's and user's ids: as if there were
nothing, and nothing of theirs is changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi.routing import APIRoute

from graphmem import AsyncMemory, Settings
from graphmem.access import METHODS
from graphmem.client.calls import CALLS
from graphmem.doors.http.app import make_app
from tests.doors.http.others import ROLES, SECRET, Theirs, arguments_of, two_organisations


async def _nothing() -> AsyncMemory:
    raise AssertionError("nobody asks it")


@pytest.fixture(scope="module")
def theirs() -> Iterator[Theirs]:
    with two_organisations() as found:
        yield found


@pytest.mark.parametrize("who", ["acme reader", "acme writer", "acme owner", "acme ada"])
def test_every_method_with_what_is_anothers(theirs: Theirs, who: str) -> None:
    server, before = theirs.server, theirs.everything()
    user = "ada" if who == "acme ada" else "eve"
    places = [{}, {"project_id": "lab"}, {"project_id": "globex/default"}, {"user_id": "eve"}]
    with server.http(server.prepared[who]) as http:
        for name in sorted(CALLS.keys() - {"import_"}):
            scoped = "user_id" in CALLS[name].hints
            for place in places if scoped else [{}]:
                body = {**arguments_of(name, theirs.ids), **({"user_id": user} if scoped else {})}
                body |= place
                _check(http.post(f"/v1/{name}", json=body), name, who, body)
    assert theirs.everything() == before


_OTHER = ("access/", "auth/", "memories", "users/", "entities", "batch")
ROUTES = sorted(
    (verb, route.path, route.name)
    for route in make_app(_nothing, Settings.load({})).routes
    if isinstance(route, APIRoute) and re.match(rf"/v\d/({'|'.join(_OTHER)})", route.path)
    for verb in route.methods or ()
)


def _asked(ids: dict[str, Any], keys: dict[str, str]) -> list[dict[str, Any]]:
    """Bodies, and queries, that name what is theirs."""
    whole = {"user_id": "eve", "organisation": "globex", "project_id": "globex/default"}
    whole |= {"role": "owner", "name": "Mallory", "query": "work", "key_id": keys["globex key"]}
    batch = {"memories": [{"memory_id": ids["fact_id"], "text": "Mine"}]}
    fits = {"tags": ["work"], "people": ["Eve"], "limits": {}}
    return [{**whole, **batch, **fits}, {"role": "owner"}, {"user_id": "eve", "text": "Mine"}, {}]


@pytest.mark.parametrize("who", ["acme reader", "acme writer", "acme owner", "acme ada"])
def test_every_other_route_with_what_is_anothers(theirs: Theirs, who: str) -> None:
    """Those of owners, of mem0's clients and the plain ones, by every name that another has."""
    server, before = theirs.server, theirs.everything()
    keys: dict[str, str] = server.prepared
    names = [theirs.ids[name] for name in ("fact_id", "entity_id", "erasure_id")]
    names += ["eve", "Zoe", "lab", "globex/default", keys["globex key"], keys["globex hook"]]
    with server.http(keys[who]) as http:
        for verb, path, name in ROUTES:
            for one in dict.fromkeys(map(str, names)) if "{" in path else [""]:
                at = re.sub(r"{\w+}", quote(one, safe=""), path.replace("{kind}", "user"))
                for given in _asked(theirs.ids, keys):
                    query = {n: v for n, v in given.items() if isinstance(v, str)}
                    answer = http.request(verb, at, json=given, params=query)
                    assert answer.status_code < 500, (verb, at, answer.text)
                    assert SECRET not in answer.text, (verb, at)
                    assert "Zuleika" not in answer.text, (verb, at)
                    if "%2F" in at:
                        assert answer.status_code == 404
                    elif name.startswith("access ") and who in {"acme reader", "acme writer"}:
                        needs = METHODS[name.removeprefix("access ")].role
                        assert answer.status_code == 403 or needs in {"reader", "writer"}
    assert theirs.everything() == before


def _check(answer: httpx.Response, name: str, who: str, body: dict[str, Any]) -> None:
    assert answer.status_code < 500, answer.text
    assert SECRET not in answer.text
    needs = ["reader", "writer", "owner", "administrator"].index(METHODS[name].role)
    has = 2 if who == "acme ada" else [f"acme {role}" for role in ROLES].index(who)
    if has < needs:
        assert answer.status_code == 403
    elif "globex" in str(body.get("project_id")) or (
        who == "acme ada" and body.get("user_id") == "eve"
    ):
        assert answer.status_code in {404, 403}, answer.text
        assert answer.json()["error"] in {"NotFound", "Forbidden"}
    elif answer.status_code == 404:
        assert answer.json()["error"] == "NotFound"
