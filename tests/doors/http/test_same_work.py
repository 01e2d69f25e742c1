"""How long an answer takes does not tell whether another organisation has a thing: the server runs
the same statements for what is another's and for what nobody has, and SQLite takes as many steps
for them, however much there is of it. No clock is asked; GRAPHMEM_FUZZ=10 measures thousands of
requests as well."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from graphmem.client.calls import CALLS
from graphmem.doors.http.middleware import request_id
from tests.counted_statements import TO_SEE_WHOSE, CountedStatements
from tests.doors.http.others import Theirs, arguments_of, two_organisations
from tests.doors.http.test_others import ROUTES

_OWN = frozenset({"add_document", "set_retention"})
"""Calls that make something of their own of that name."""
_now: set[str] = set()
"""The id of the request that is being answered: what others left to be done goes on beside it."""
_Asked = tuple[str, str, Any]


@pytest.fixture(scope="module")
def theirs() -> Iterator[Theirs]:
    """Each thing that is looked for by its id is large, so that to read it would be seen."""
    with two_organisations() as found:
        owner = found.server.prepared["globex owner"]
        with found.server.memory(api_key=owner, user_id="eve") as memory:
            for n in range(40):
                memory.update(found.ids["fact_id"], text=f"I work at Zanzibar, room {n}.")
                memory.relate("Zanzibar", "owns", f"Ship {n}")
                memory.add("Ann lives in Oslo.", occurred_at=f"20{n + 10}-01-01")
            turns = [{"role": "user", "content": f"Line {n}."} for n in range(100)]
            found.ids["episode_id"] = memory.add(turns, infer=False).episode_id
            often = memory.search("Ann lives in Oslo").hits[0]
            found.ids["cited"] = found.ids["id"] = often.id
            memory.add_document("secret.md", "\n\n".join(f"Line {n}." for n in range(100)))
        yield found


def _nobodys(one: str) -> str:
    """What nobody has, as near to it as can be: it would stand in the same page."""
    return one[:-1] + (
        "b" if one[-1] == "a" else "a" if not one[-1].isdigit() else str(9 - int(one[-1]))
    )


def _methods(ids: dict[str, Any], place: dict[str, str]) -> dict[str, _Asked]:
    asked: dict[str, _Asked] = {}
    for name in CALLS.keys() - _OWN - {"import_"}:
        scope = {"user_id": "eve", **place} if "user_id" in CALLS[name].hints else {}
        asked[name] = "POST", f"/v1/{CALLS[name].path}", {**arguments_of(name, ids), **scope}
    return asked


def _routes(names: list[str]) -> Iterator[tuple[str, _Asked]]:
    """The other addresses that have a name in them, and those that take one."""
    for verb, path, name in ROUTES:
        for one in names if "{" in path else []:
            at = re.sub(r"{\w+}", quote(one, safe=""), path.replace("{kind}", "user"))
            yield f"{name} {names.index(one)}", (verb, at, {"role": "owner", "text": "Mine"})
    for n, one in enumerate(names):
        yield f"revoke {n}", ("POST", "/v1/auth/revoke-key", {"key_id": one})
        yield f"batch {n}", ("DELETE", "/v1/batch", {"memories": [{"memory_id": one}]})


def _answered(http: httpx.Client, asked: _Asked) -> tuple[int, str]:
    """The answer, without what is of this request alone."""
    verb, at, body = asked
    id = uuid.uuid4().hex
    _now.add(id)
    answer = http.request(verb, at, json=body, headers={"x-request-id": id})
    _now.clear()
    given = [*re.findall(r"[^/]+", at), *(v for v in body.values() if isinstance(v, str))]
    given += [one["memory_id"] for one in body.get("memories", ())]
    text = re.sub(r'"(request_id|instance)": ?"[^"]*"', "", answer.text)
    for one in sorted(given, key=len, reverse=True):
        text = text.replace(json.dumps(one)[1:-1], "…")
    return answer.status_code, re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z?|[0-9a-f-]{36}", "…", text)


def _compare(
    theirs: Theirs, counted: CountedStatements, who: str, pairs: dict[str, tuple[_Asked, _Asked]]
) -> None:
    other = {}
    with theirs.server.http(theirs.server.prepared[who]) as http:
        for name, pair in pairs.items():
            for asked in pair:  # what is looked up once is known from then on
                _answered(http, asked)
            counted.taken()
            nobodys, anothers = ((_answered(http, one), counted.taken()) for one in pair)
            assert nobodys[0] == anothers[0], name
            names = [[statement for statement, _ in one[1]] for one in (nobodys, anothers)]
            more = [b[1] - a[1] for a, b in zip(nobodys[1], anothers[1], strict=False)]
            if names[0] != names[1] or any(abs(one) > TO_SEE_WHOSE for one in more):
                other[name] = (nobodys[1], anothers[1])
    assert not other


@pytest.mark.parametrize("who", ["acme owner", "acme ada"])
def test_every_method_does_the_same(
    theirs: Theirs, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    counted = CountedStatements(monkeypatch, lambda: request_id.get() in _now)
    nobodys = {name: _nobodys(one) for name, one in theirs.ids.items()}
    user = {"user_id": "ada"} if who == "acme ada" else {}
    asked = [_methods(ids, user) for ids in (nobodys, theirs.ids)]
    pairs = {name: (one, asked[1][name]) for name, one in asked[0].items()}
    pairs = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    assert len(pairs) > 20
    _compare(theirs, counted, who, pairs)


def test_every_other_address_does_the_same(theirs: Theirs, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = CountedStatements(monkeypatch, lambda: request_id.get() in _now)
    keys: dict[str, str] = theirs.server.prepared
    names = [theirs.ids[name] for name in ("fact_id", "entity_id", "erasure_id", "episode_id")]
    names += ["Zuleika", "theirs", keys["globex key"], keys["globex hook"]]
    others = dict(_routes([_nobodys(one) for one in names]))
    _compare(theirs, counted, "acme owner", {n: (others[n], one) for n, one in _routes(names)})


@pytest.mark.parametrize("who", ["acme owner", "acme ada"])
def test_a_project_and_a_user_of_anothers_take_the_same(
    theirs: Theirs, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    """In every method: a project that another has is refused as one that nobody has."""
    counted = CountedStatements(monkeypatch, lambda: request_id.get() in _now)
    for name in ("project_id", "user_id"):
        places = ({"project_id": "theirt"}, {"project_id": "theirs"})
        if name == "user_id":
            places = ({"user_id": "evf"}, {"user_id": "eve"})
        asked = [_methods(theirs.ids, place) for place in places]
        pairs = {n: (one, asked[1][n]) for n, one in asked[0].items() if one != asked[1][n]}
        assert len(pairs) > 20
        if name == "user_id" and who == "acme owner":
            continue  # a user of one's own, whom any name makes
        _compare(theirs, counted, who, pairs)
