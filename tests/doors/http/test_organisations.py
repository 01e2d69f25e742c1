"""What owners look after through the server, and whose things a key never reaches."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from graphmem import Memory, Settings
from graphmem.access import METHODS, Administration, Limits
from graphmem.adapters import disk_space
from graphmem.doors.http.organisations import _ROUTES
from graphmem.errors import LimitExceeded, UsageError
from tests.doors.http.running import RunningServer, serving
from tests.servers import PostgresServer
from tests.servers.base import running

PATHS = [
    (r.method, r.verb, r.path.format(key="abc", name="Grace", webhook="w-1"), r.body)
    for r in _ROUTES
]


async def _prepare(administration: Administration) -> dict[str, str]:
    keys = {}
    for name in ("acme", "globex"):
        await administration.add_organisation(name)
        for role in ("reader", "writer", "owner"):
            made = await administration.add_key(name, role, role=role)
            keys[f"{name} {role}"] = made.secret
    return keys


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with serving(prepare=_prepare) as running:
        yield running


def ask(
    server: RunningServer, who: str, verb: str, path: str, body: Any = None, **query: str
) -> httpx.Response:
    with server.http(server.prepared.get(who, who)) as http:
        return http.request(verb, f"/v1/access/{path}", json=body, params=query)


def test_an_owner_takes_people_in_and_gives_them_keys(server: RunningServer) -> None:
    made = ask(server, "acme owner", "POST", "members", {"name": "Grace", "role": "reader"})
    assert made.status_code == 200, made.text
    assert ask(server, "acme owner", "POST", "members", {"name": "Grace"}).status_code == 400
    key = ask(server, "acme owner", "POST", "keys", {"name": "hers", "member": "Grace"}).json()
    mine = ask(server, key["key"], "GET", "whoami").json()
    assert (mine["organisation"], mine["role"], mine["member"]) == ("acme", "reader", "Grace")
    with server.http(key["key"]) as http:
        body = {"content": "I live in Rome.", "user_id": "ada"}
        assert http.post("/v1/add", json=body).status_code == 403
        assert ask(server, "acme owner", "PUT", "members/Grace", {"role": "writer"}).is_success
        assert http.post("/v1/add", json=body).status_code == 200
        listed = ask(server, "acme owner", "GET", "keys")
        assert key["key"] not in listed.text
        assert "digest" not in listed.text
        assert ask(server, "acme owner", "DELETE", f"keys/{key['id']}").is_success
        assert http.post("/v1/add", json=body).status_code == 401
    assert ask(server, "acme owner", "DELETE", "members/Grace").is_success
    assert ask(server, "acme owner", "DELETE", "members/Grace").status_code == 404


@pytest.mark.parametrize("role", ["reader", "writer", "owner"])
def test_each_route_is_for_whom_the_table_names(server: RunningServer, role: str) -> None:
    for method, verb, path, body in PATHS:
        answer = ask(server, f"acme {role}", verb, path, {} if body else None)
        needed = METHODS[method].role
        allowed = needed == "reader" or (role == "owner" and needed != "administrator")
        assert (answer.status_code != 403) is allowed, (method, answer.text)
        assert answer.status_code < 500, (method, answer.text)


def test_administrators_look_after_organisations(server: RunningServer) -> None:
    made = ask(server, "", "POST", "organisations", {"name": "hooli", "limits": {"memories": 9}})
    assert (made.json()["name"], made.json()["limits"]) == ("hooli", {"memories": 9})
    key = ask(server, "", "POST", "keys", {"name": "k", "role": "owner"}, organisation="hooli")
    assert ask(server, key.json()["key"], "GET", "whoami").json()["organisation"] == "hooli"
    changed = ask(server, "", "PUT", "organisations/hooli", {"limits": {"burst": 2}})
    assert changed.json()["limits"] == {"burst": 2}
    for verb, path, body, status in (
        ("POST", "organisations", {"name": "hooli"}, 400),
        ("POST", "organisations", {"name": "Not So"}, 400),
        ("POST", "organisations", {"name": "x", "limits": 3}, 400),
        ("PUT", "organisations/hooli", {"limits": {"calls": 3}}, 400),
        ("PUT", "organisations/nobody", {"limits": {}}, 404),
        ("DELETE", "organisations/nobody", None, 404),
    ):
        assert ask(server, "", verb, path, body).status_code == status, (verb, path, body)
        assert ask(server, "acme owner", verb, path, body).status_code == 403
    assert ask(server, "", "DELETE", "organisations/hooli").json()["closed_at"]
    assert ask(server, key.json()["key"], "GET", "whoami").status_code == 401
    listed = ask(server, "", "GET", "organisations").json()
    assert [one["name"] for one in listed if one["closed_at"]] == ["hooli"]


def test_anothers_things_do_not_exist(server: RunningServer) -> None:
    theirs = ask(server, "globex owner", "POST", "keys", {"name": "theirs"}).json()
    ask(server, "globex owner", "POST", "members", {"name": "Ida"})
    ask(server, "globex owner", "POST", "projects", {"name": "secret"})
    for verb, path, body, nobodys in (
        ("DELETE", f"keys/{theirs['id']}", None, "keys/nobodys"),
        ("DELETE", "members/Ida", None, "members/nobodys"),
        ("PUT", "members/Ida", {"role": "owner"}, "members/nobodys"),
    ):
        # That of another organisation may be named, too: the key says which one it is.
        found = ask(server, "acme owner", verb, path, body, organisation="globex")
        unknown = ask(server, "acme owner", verb, nobodys, body)
        assert found.status_code == unknown.status_code == 404
        name = path.rpartition("/")[2]
        assert found.json()["detail"].replace(name, "nobodys") == unknown.json()["detail"]
    for project in ("secret", "nobodys", "globex/secret"):
        made = ask(server, "acme owner", "POST", "keys", {"project": project})
        assert made.status_code == 404
        with server.http(server.prepared["acme owner"]) as http:
            body = {"query": "Rome", "user_id": "ada", "project_id": project}
            assert http.post("/v1/search", json=body).status_code == 404
    listed = [ask(server, "acme owner", "GET", path) for path in ("keys", "members", "projects")]
    assert not [one for one in listed if theirs["id"] in one.text or "Ida" in one.text]
    assert not [one for one in listed if "secret" in one.text]
    assert ask(server, theirs["key"], "GET", "whoami").is_success


def test_usage_and_audit_are_read_back(server: RunningServer) -> None:
    with server.http(server.prepared["globex writer"]) as http:
        body = {"content": "My cat is called Zerberus.", "user_id": "zoe"}
        added = http.post("/v1/add", json=body).json()
        http.post("/v1/search", json={"query": "Zerberus", "user_id": "zoe"})
    changed = ask(server, "globex owner", "GET", "audit", method="add", changes="true", limit="1")
    (entry,) = changed.json()
    assert (entry["user_id"], entry["outcome"]) == ("zoe", "done")
    assert (entry["address"], entry["target"]) == ("127.0.0.1", added["episode_id"])
    assert "Zerberus" not in ask(server, "globex owner", "GET", "audit").text
    older = ask(server, "globex owner", "GET", "audit", method="add", before=str(entry["n"]))
    assert older.json() == []
    uses = ask(server, "globex owner", "GET", "usage").json()
    assert "add" in {one["method"] for one in uses}
    text = ask(server, "globex owner", "GET", "usage", format="csv")
    assert text.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(text.text)))
    assert {row["organisation"] for row in rows} == {"globex"}
    ours = ask(server, "acme owner", "GET", "audit").text
    assert "zoe" not in ours
    assert str(added["episode_id"]) not in ours


def test_what_is_wrong_is_said(server: RunningServer) -> None:
    for verb, path, body, query in (
        ("POST", "keys", {"role": "administrator"}, {}),
        ("POST", "keys", {"role": 7}, {}),
        ("POST", "keys", {"nme": "x"}, {}),
        ("POST", "keys", {"limits": {"calls": 1}}, {}),
        ("POST", "keys", {"read_only": "no"}, {}),
        ("POST", "keys", {"expires_at": "soon"}, {}),
        ("POST", "keys", {"expires_at": "2020-01-01"}, {}),
        ("POST", "keys", [], {}),
        ("POST", "members", {}, {}),
        ("POST", "members", {"name": "x" * 10_000}, {}),
        ("POST", "projects", {"name": "\u0000"}, {}),
        ("GET", "audit", None, {"before": "x"}),
        ("GET", "audit", None, {"since": "yesterday-ish"}),
        ("GET", "audit", None, {"limit": "0"}),
        ("GET", "audit", None, {"limit": "1001"}),
        ("GET", "audit", None, {"before": "9" * 19}),
        ("GET", "audit", None, {"since": "2026-02-01", "until": "2026-01-01"}),
        ("GET", "usage", None, {"format": "xml"}),
        ("PUT", "members/Grace", {"role": "a\u0000b"}, {}),
    ):
        answer = ask(server, "acme owner", verb, path, body, **query)
        assert answer.status_code == 400, (path, body, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
    assert ask(server, "", "GET", "members").status_code == 400, "an administrator names it"
    assert ask(server, "", "GET", "members", organisation="nobody").status_code == 404
    assert ask(server, "", "GET", "members", organisation="acme").is_success


async def _two_memories(administration: Administration) -> list[str]:
    keys = []
    for name, limits in (("free", Limits()), ("small", Limits(memories=2))):
        await administration.add_organisation(name, limits=limits)
        keys.append((await administration.add_key(name, "owner", role="owner")).secret)
    return keys


def test_an_import_counts_as_what_it_brings(tmp_path: Path) -> None:
    """Three memories are not let into where there is room for two."""
    with serving(prepare=_two_memories) as server:
        free, small = server.prepared
        with server.memory(api_key=free, user_id="ada") as memory:
            memory.add_many(["I live in Rome.", "I like tea.", "I work at Acme."])
            memory.export(tmp_path / "ada.jsonl")
            memory.forget()
        text = (tmp_path / "ada.jsonl").read_text().replace("free/default", "small/default")
        (tmp_path / "ada.jsonl").write_text(text)
        with server.memory(api_key=small, user_id="ada") as memory:
            with pytest.raises(LimitExceeded, match="may store 2 memories, and has 0"):
                memory.import_(tmp_path / "ada.jsonl")
            assert memory.stats().episodes == 0


def test_an_import_of_whoever_comes_first_sets_no_rule_for_others(tmp_path: Path) -> None:
    """A whole export has the rules for everybody in it, which only an administrator sets."""
    with Memory("memory://") as memory:
        memory.add("I live in Rome.", user_id="ada", project_id="acme/default")
        memory.set_retention(timedelta(days=1), all_scopes=True)
        memory.export(tmp_path / "kept.jsonl", all_scopes=True)
        memory.declare_type("lives_in", single_valued=False, all_scopes=True)
        memory.export(tmp_path / "declared.jsonl", all_scopes=True)
    with serving(prepare=_prepare) as fresh:
        with fresh.memory(api_key=fresh.prepared["acme owner"], user_id="ada") as memory:
            with pytest.raises(UsageError, match="declared or learned otherwise here"):
                memory.import_(tmp_path / "declared.jsonl")
            memory.import_(tmp_path / "kept.jsonl")
            assert memory.get_all().items[0].text == "ada lives in Rome"
        with fresh.memory(api_key=fresh.prepared["globex owner"], user_id="zoe") as memory:
            assert memory.retention() == []


def test_where_a_store_is_only_an_administrator_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A disk that fills while the server runs, as far as its stores can see."""
    problems = []
    with serving(tmp_path / "m", prepare=_prepare) as server:
        monkeypatch.setattr(disk_space, "_left", lambda folder: 1)
        for key in (server.prepared["acme writer"], server.key):
            with server.http(key) as http:
                assert http.post("/v1/add", json={"content": "Tea.", "user_id": "ada"}).is_success
                answer = http.post("/v1/search", json={"query": "Tea", "user_id": "ada"})
                problems.append((answer.status_code, answer.json()))
        monkeypatch.undo()
    (status, told), (same, in_full) = problems
    assert (status, told["error"]) == (same, in_full["error"])
    assert "disk is nearly full" in in_full["detail"]
    assert "disk" not in str(told)
    assert told["request_id"] in told["detail"]
    assert any(told["request_id"] in one.getMessage() for one in caplog.records)


def test_where_a_database_is_that_went_away_nobody_is_told_without_a_good_key(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whether a key is good is read there."""
    with running(PostgresServer) as database:
        parts = {"graph": "memory://", "vectors": "memory://"}
        settings = Settings.load({}, ledger=f"{database.uri}?patience_s=1", **parts)
        with serving(settings=settings, prepare=_prepare) as server:
            database.stop()
            for key in (None, "gm_of-nobody", server.prepared["acme owner"]):
                with server.http(key) as http:
                    add = http.post("/v1/add", json={"content": "Tea.", "user_id": "ada"})
                    keys = http.get("/v1/access/keys")
                for answer in (add, keys):
                    told = answer.json()
                    assert (answer.status_code, told["error"]) == (503, "Unavailable")
                    assert "postgres" not in answer.text
                    assert told["request_id"] in told["detail"]
    assert "postgresql://" in caplog.text


def test_work_under_way_ends_with_the_key_that_began_it(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphmem.doors.http.answering._BEAT_S", 0.1)
    made = ask(server, "acme owner", "POST", "keys", {"name": "leaked", "role": "writer"}).json()
    contents = [f"My friend Bob{n} works at Co{n}." for n in range(5000)]
    body = {"contents": contents, "user_id": "revoked"}
    last = ""
    with (
        server.http(made["key"], accept="text/event-stream") as http,
        http.stream("POST", "/v1/add_many", json=body) as answer,
    ):
        for line in answer.iter_lines():
            if not last:
                assert ask(server, "acme owner", "DELETE", f"keys/{made['id']}").status_code == 200
            last = line or last
    assert '"error": "Unauthenticated"' in last
    with server.http(server.prepared["acme reader"]) as http:
        stored = [http.post("/v1/stats", json={"user_id": "revoked"}).json() for _ in range(2)]
    assert stored[0]["episodes"] < len(contents)
    assert stored[0] == stored[1]
