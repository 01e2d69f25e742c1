"""What stands around a call: keys, sizes, times, addresses, forms of answers."""

from __future__ import annotations

import itertools
import logging
import socket
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory, Settings
from graphmem.access import Administration, Limits
from graphmem.client.calls import CALLS
from graphmem.doors.http.head_timeout import HeadTimeoutProtocol
from graphmem.errors import (
    Forbidden,
    LimitExceeded,
    NotFound,
    RequestTooLarge,
    Unavailable,
    UsageError,
)
from tests.doors.http.running import RunningServer, serving


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with serving() as running:
        yield running


def test_a_problem_is_a_document_with_the_status_of_its_class(server: RunningServer) -> None:
    with server.http() as http:
        answer = http.post("/v1/get", json={"fact_id": "nope", "user_id": "ada"})
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
        body = answer.json()
        assert body["error"] == "NotFound"
        assert body["status"] == 404
        assert body["request_id"] == answer.headers["x-request-id"]
        named = http.post("/v1/get", json={"fact_id": 7}, headers={"x-request-id": "abc-1"})
        assert named.status_code == 400
        assert named.headers["x-request-id"] == named.json()["request_id"] == "abc-1"
        assert "fact_id" in named.json()["detail"]


@pytest.mark.parametrize("key", [None, "wrong", "gm_" + "a" * 55, "é", "x" * 10_000])
def test_without_a_good_key_every_method_says_the_same(
    server: RunningServer, key: str | None
) -> None:
    said = set()
    with server.http(None) as http:
        headers = {} if key is None else {"authorization": f"Bearer {key}".encode()}
        for call in CALLS.values():
            answer = http.post(f"/v1/{call.path}", content=b"{}", headers=headers)  # type: ignore[arg-type]
            assert answer.status_code == 401, call.path
            assert answer.headers["www-authenticate"] == "Bearer"
            said.add(answer.json()["detail"])
    assert len(said) == 1


def test_live_and_ready_need_no_key_and_tell_nothing(server: RunningServer) -> None:
    with server.http(None) as http:
        for what in ("live", "ready"):
            assert http.get(f"/v1/health/{what}").json() == {"ok": True}
        assert http.get("/v1/ping").status_code == 401
        assert http.get("/v1/health").status_code == 401
    with server.http() as http:
        assert http.get("/v1/ping/").json()["status"] == "ok"
        assert http.get("/v1/health").json()["ok"] is True
        assert http.get("/v1/health/deep").json()["ok"] is True


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/../etc/passwd", "/v1//search", "/v1/search//", "/v1/%2e%2e/search", "/v1/close"),
        *(
            "/v2",
            "/v1/_ask",
            "/v1/__class__",
            "/v1/search%00",
            "/v1/searc%C3%28",
            "//",
            "/v1/as_of",
        ),
    ],
)
def test_paths_that_are_not_there(server: RunningServer, path: str) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        request = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n"
        connection.sendall(f"{request}Authorization: Bearer {server.key}\r\n\r\n{{}}".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    assert answer.split()[1] in {"404", "400"}, answer
    assert "Traceback" not in answer


def test_another_method_than_an_address_takes(server: RunningServer) -> None:
    with server.http() as http:
        answer = http.get("/v1/search")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json()["error"] == "WrongMethod"
    assert "takes POST" in answer.json()["detail"]


def test_a_name_that_is_none_is_told_with_those_that_are(server: RunningServer) -> None:
    with server.http() as http:
        answer = http.post("/v1/get", json={"id": "x", "user_id": "ada"})
        wrong = http.post("/v1/search", json={"query": "x", "limit": "many"})
    assert answer.status_code == 400
    assert "its arguments are fact_id" in answer.json()["detail"]
    assert wrong.json()["detail"] == "search: limit must be a whole number, got text"


BODIES: dict[str, bytes] = {
    "no JSON": b"{",
    "a list": b"[]",
    "text": b'"x"',
    "NaN": b'{"query": "x", "min_score": NaN, "user_id": "ada"}',
    "half a pair": b'{"query": "\\ud800", "user_id": "ada"}',
    "no UTF-8": b'{"query": "\xff", "user_id": "ada"}',
    "NUL": b'{"query": "a\\u0000b", "user_id": "ada"}',
    "deep": b'{"query": "x", "where": ' + b'{"and": [' * 50_000,
    "deep and whole": b'{"query": "x", "where": ' + b"[" * 900 + b"]" * 900 + b"}",
    "unknown": b'{"query": "x", "user_id": "ada", "nonsense": 1}',
    "missing": b'{"user_id": "ada"}',
    "no scope": b'{"query": "x"}',
    "huge number": b'{"query": "x", "limit": ' + b"9" * 5000 + b', "user_id": "ada"}',
    "moment": b'{"query": "x", "user_id": "ada", "valid_at": "soon"}',
    "a name twice": b'{"query": "x", "user_id": "eve", "user_id": "ada"}',
    "a name twice, once escaped": b'{"query": "x", "user_id": "ada", "user\\u005fid": "ada"}',
    "a name twice, inside": b'{"query": "x", "where": {"type": "a", "type": "b"}, "user_id": "a"}',
}


@pytest.mark.parametrize("case", BODIES)
def test_bad_bodies_are_the_callers_mistake(server: RunningServer, case: str) -> None:
    with server.http() as http:
        answer = http.post("/v1/search", content=BODIES[case])
    assert answer.status_code == 400, answer.text


@pytest.mark.parametrize("path", ["/v1/add", "/v1/batch", "/v1/memories/", "/v1/access/projects"])
def test_a_name_that_is_given_twice_is_refused_wherever_a_body_is_read(
    server: RunningServer, path: str
) -> None:
    """What stands before the server may go by the one, and the server by the other."""
    with server.http() as http:
        answer = http.post(path, content=b'{"user_id": "eve", "user_id": "ada"}')
    assert answer.status_code == 400, answer.text
    assert "'user_id' is given twice" in answer.text
    assert answer.json()["error"] == "UsageError"


def test_bodies_that_are_too_large_or_too_slow() -> None:
    settings = Settings.load({}, server_max_body_bytes=2000, server_body_timeout_s=0.5)
    with serving(settings=settings) as server:
        with server.memory(user_id="ada") as memory, pytest.raises(RequestTooLarge):
            memory.add("x" * 3000)
        with server.http() as http:  # without a length
            answer = http.post("/v1/add", content=(b"x" * 500 for _ in range(10)))
            assert answer.status_code == 413
        host, port = server.url.removeprefix("http://").split(":")
        began = time.monotonic()
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            head = f"POST /v1/add HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.key}\r\n"
            connection.sendall(f"{head}Content-Length: 100\r\n\r\n{{".encode())
            answer_bytes = b"".join(iter(lambda: connection.recv(65536), b""))
        assert answer_bytes.split()[1] == b"408"
        assert time.monotonic() - began < 5
        with server.memory(user_id="ada") as memory:
            assert memory.stats().episodes == 0


class _Hasty(HeadTimeoutProtocol):
    HEAD_S = 0.3


def _sent(server: RunningServer, *parts: bytes, pause_s: float = 0.0) -> bytes:
    """What comes back on a connection until it ends."""
    host, port = server.url.removeprefix("http://").split(":")
    answer = b""
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        try:
            for part in parts:
                connection.sendall(part)
                time.sleep(pause_s)
            while piece := connection.recv(65536):
                answer += piece
        except (BrokenPipeError, ConnectionResetError):
            pass
    return answer


def test_heads_that_do_not_arrive_end_the_connection() -> None:
    with serving(http=_Hasty) as server:
        for parts in ((), (b"POST /v1/search HT",), (b"G", b"E", b"T", b" ") * 5):
            began = time.monotonic()
            assert b"200" not in _sent(server, *parts, pause_s=0.05)
            assert time.monotonic() - began < 3
        head = b"GET /v1/health/live HTTP/1.1\r\nHost: x\r\n"
        slow = _sent(server, head, b"Connection: close\r\n\r\n", pause_s=0.1)
        assert slow.startswith(b"HTTP/1.1 200")
        with server.http(None) as http:  # one that is kept and idle is not late
            assert http.get("/v1/health/live").status_code == 200
            time.sleep(0.6)
            assert http.get("/v1/health/live").status_code == 200


@pytest.mark.parametrize(
    "head",
    [
        b"X-Big: " + b"x" * 100_000,
        b"Content-Length: 2\r\nContent-Length: 3",
        b"Content-Length: 2\r\nTransfer-Encoding: chunked",
        b"Content-Length: -1",
        b"Content-Length: 99999999999999999999",
        b"Transfer-Encoding: gzip",
        b"X-Bad\x00: x",
        b"X-Folded: a\r\n b",
    ],
    ids=lambda head: head[:20].decode(),
)
def test_heads_that_are_tricks(server: RunningServer, head: bytes) -> None:
    own = f"POST /v1/stats HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.key}\r\n".encode()
    answer = _sent(server, own + head + b"\r\nConnection: close\r\n\r\n{}")
    assert answer[9:12] in {b"400", b"413", b"431", b"501", b"200", b""}, answer
    assert not (b"200" in answer[:15] and b"Length" in head), "read in one of two ways"
    with server.http() as http:
        assert http.get("/v1/health/live").status_code == 200


def _half_closed(server: RunningServer, request: bytes) -> bytes:
    """What comes back to who sends this and nothing more, and listens on."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_who_goes_away_fails_nothing(
    server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    head = f"POST /v1/stats HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.key}\r\n".encode()
    with caplog.at_level(logging.INFO):
        for body in (b"{", b"{}" + b" " * 98):
            _half_closed(server, head + b"Content-Length: 100\r\n\r\n" + body)
        with server.http() as http:
            assert http.get("/v1/health/live").status_code == 200
    assert not [one for one in caplog.records if one.levelno >= logging.ERROR]


@pytest.mark.parametrize(
    ("path", "more", "status"),
    [
        ("/v1%2Fstats", b"", b"404"),
        ("/v1/access%2fkeys", b"", b"404"),
        ("/v1/stats?user_id=%00", b"", b"400"),
        ("/v1/stats", b"Authorization: Bearer gm_x\r\n", b"400"),
        ("/v1/stats", b"Idempotency-Key: a\r\nIdempotency-Key: b\r\n", b"400"),
    ],
)
def test_what_could_be_read_in_two_ways_is_not_read(
    server: RunningServer, path: str, more: bytes, status: bytes
) -> None:
    own = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.key}\r\n".encode()
    answer = _sent(server, own + more + b"Content-Length: 2\r\nConnection: close\r\n\r\n{}")
    assert answer[9:12] == status, answer


def test_an_id_of_a_request_is_not_written_as_it_comes(server: RunningServer) -> None:
    with server.http(**{"x-request-id": "a b\tc;d"}) as http:
        given = http.get("/v1/ping").headers["x-request-id"]
    assert len(given) == 32
    assert given.isalnum()


def test_the_same_under_one_idempotency_key_is_done_once(server: RunningServer) -> None:
    body = {"subject": "Ann", "type": "knows", "object": "Ben", "user_id": "once"}
    with server.http(**{"idempotency-key": "k-1"}) as http:
        first = http.post("/v1/relate", json=body)
        again = http.post("/v1/relate", json=body)
        assert first.status_code == again.status_code == 200
        assert first.json() == again.json()
        assert first.json()["status"] == "done"
        assert again.headers["idempotency-replayed"] == "true"
        other = http.post("/v1/relate", json={**body, "object": "Cid"})
        assert other.status_code == 409
        other = http.post("/v1/relate", json={**body, "object": "Ben", "user_id": "elsewhere"})
        assert other.status_code == 409, "of somebody else"
        failed = {**body, "subject": ""}
        http.headers["idempotency-key"] = "k-2"
        assert [http.post("/v1/relate", json=failed).status_code for _ in range(2)] == [400, 400]


def test_progress_is_sent_as_events(tmp_path: Path) -> None:
    with serving(tmp_path / "store") as server, server.memory(user_id="events") as memory:
        memory.add_many([f"Note {n}." for n in range(300)], infer=False)
        steps: list[tuple[int, int]] = []
        assert memory.rebuild(progress=lambda *step: steps.append(step)).ok
        assert steps
        assert steps[-1][0] == steps[-1][1]
        with pytest.raises(UsageError, match="progress must be a function"):
            memory.rebuild(progress=7)  # type: ignore[arg-type]
        line = "one\u2028two\x85three\n four"
        memory.add(line, infer=False)
        found = [fact for fact in memory.get_all(limit=1000).items if "two" in fact.text]
        assert len(found) == 1
        with server.http(accept="text/event-stream") as http:
            answer = http.post("/v1/get", json={"fact_id": "nope", "user_id": "ada"})
        assert answer.status_code == 200
        assert "event: problem" in answer.text
        assert '"error": "NotFound"' in answer.text


async def _organisations(administration: Administration) -> dict[str, str]:
    keys = {}
    for name in ("acme", "bolt"):
        await administration.add_organisation(name)
        for role in ("reader", "writer", "owner"):
            made = await administration.add_key(name, role, role=role)
            keys[f"{name} {role}"] = made.secret
    limits = Limits(calls_per_minute=60, burst=2)
    few = await administration.add_key("acme", "few", limits=limits)
    ada = await administration.add_key("acme", "ada", user_id="ada")
    return {**keys, "few": few.secret, "ada": ada.secret}


async def _two_projects(administration: Administration) -> dict[str, str]:
    keys = await _organisations(administration)
    # Each is stored where the other's name is: neither may be taken for it.
    await administration.add_project("acme", "one", project_id="two")
    await administration.add_project("acme", "two", project_id="one")
    only = await administration.add_key("acme", "only", project="one")
    return {**keys, "only": only.secret}


def test_several_projects_by_the_names_of_their_organisation() -> None:
    with serving(prepare=_two_projects) as server:
        keys: dict[str, str] = server.prepared
        with (
            server.memory(api_key=keys["acme writer"], user_id="ada", project_id="one") as ours,
            server.memory(api_key=keys["only"], user_id="ada") as only,
        ):
            ours.add("Bob Stone works at Acme.")
            ours.add("Bob Stone lives in Oslo.", project_id="two")
            ours.add("Bob Stone likes tea.", project_id="default")
            found = ours.search("Bob Stone", project_ids=["one", "two"])
            where = {(hit.project_id, "Acme" in hit.text) for hit in found}
            assert where == {("one", True), ("two", False)}
            assert {hit.fact.scope.project_id for hit in found if hit.fact} == {"one", "two"}
            assert "tea" not in str(ours.context("Bob Stone", project_ids=["one", "two"]))
            assert len(ours.get_all(project_ids=["two", "one"]).items) == 2
            (oslo,) = (hit for hit in found if hit.fact and "Oslo" in hit.text)
            assert ours.explain(oslo, project_ids=["one", "two"]).text == oslo.text
            assert ours.get(oslo.id, project_id=oslo.project_id).text == oslo.text
            assert len(only.get_all(project_ids=["one"]).items) == 1
            with pytest.raises(NotFound, match="no project"):
                only.get_all(project_ids=["one", "two"])
            in_both: Any = {"project_ids": ["one", "two"]}
            assert len(ours.neighbours("Bob Stone", **in_both).relations) == 2
            assert len(ours.cypher("MATCH (f:Fact) RETURN f.text", **in_both).rows) == 2
            assert ours.communities(min_size=2, **in_both).total == 2
            assert len(ours.paths("Bob Stone", "Oslo", **in_both)) == 1
            walks = (
                lambda: only.neighbours("Bob Stone", **in_both),
                lambda: only.cypher("MATCH (f:Fact) RETURN f.text", **in_both),
                lambda: only.communities(**in_both),
                lambda: only.to_networkx(**in_both),
                lambda: only.paths("Bob Stone", "Oslo", **in_both),
                lambda: only.search_by_people(["Bob Stone"], **in_both),
            )
            for walk in walks:
                with pytest.raises(NotFound, match="no project"):
                    walk()
            for bad in ([], "one", ["one"] * 1 + [3], [f"p{n}" for n in range(21)]):
                with pytest.raises(UsageError):
                    ours.get_all(project_ids=bad)  # type: ignore[arg-type]


def test_organisations_have_nothing_in_common() -> None:
    with serving(prepare=_organisations) as server:
        keys: dict[str, str] = server.prepared
        with (
            server.memory(api_key=keys["acme writer"], user_id="ada") as ours,
            server.memory(api_key=keys["bolt owner"], user_id="ada") as theirs,
            server.memory(api_key=keys["acme reader"], user_id="ada") as reader,
        ):
            receipt = ours.add("Bob Stone works at Acme.")
            fact = receipt.fact_ids[0]
            assert [hit.text for hit in reader.search("Bob")]
            assert reader.history(fact)[0].actor.startswith("key:")
            assert not list(theirs.search("Bob"))
            assert theirs.stats().episodes == 0
            assert theirs.projects().total == 0
            assert [one.id for one in ours.projects()] == ["default"]
            assert ours.get(fact).scope.project_id == "default"
            assert ours.entity("Acme").tenant == "default/user:ada"
            assert ours.search("Bob", project_id=ours.get(fact).scope.project_id)
            for call in (theirs.get, theirs.history, theirs.explain, theirs.delete):
                with pytest.raises(NotFound):
                    call(fact)
            with pytest.raises(NotFound, match="no project"):
                theirs.search("Bob", project_id="acme/default")
            assert [hit.project_id for hit in ours.search("Bob", project_ids=["default"])]
            for names in (["acme/default"], ["default", "acme/default"], ["default", "nobodys"]):
                for read in (theirs.get_all, theirs.entities, theirs.relations, theirs.timeline):
                    with pytest.raises(NotFound, match="no project"):
                        read(project_ids=names)
                for ask in (theirs.search, theirs.context, theirs.get, theirs.explain):
                    with pytest.raises(NotFound, match="no project"):
                        ask(fact, project_ids=names)
            with pytest.raises(NotFound, match="no project"):
                theirs.add_many([{"content": "Mine.", "project_id": "acme/default"}])
            with pytest.raises(NotFound, match="no project"):
                theirs.relate_many(
                    [{"subject": "A", "type": "b", "object": "C", "project_id": "acme/default"}]
                )
            with pytest.raises(Forbidden):
                reader.add("No.")
            with pytest.raises(Forbidden):
                theirs.cypher("MATCH (n) RETURN n", all_scopes=True, user_id=None)
            for wide in (
                theirs.verify,
                theirs.rebuild,
                partial(theirs.learn_types, all_scopes=True),
            ):
                with pytest.raises(Forbidden):
                    wide()
        with server.memory(api_key=keys["ada"]) as only:
            assert only.search("Bob")
            with pytest.raises(NotFound, match="no user"):
                only.search("Bob", user_id="eve")
            with pytest.raises(NotFound, match="no user"):
                only.add_many([{"content": "Hers.", "user_id": "eve"}])


def test_an_item_that_names_nobody_is_of_whom_the_call_is() -> None:
    """Null took the scope of a call away: what one organisation's user added would have been an
    agent's, or of a project that is not theirs."""

    async def prepare(administration: Administration) -> str:
        await administration.add_organisation("acme")
        made = await administration.add_key("acme", "x", role="writer", user_id="ada")
        return made.secret

    nobody = {"user_id": None, "agent_id": "bot", "run_id": None, "project_id": None}
    items = [
        {"content": f"I have {n} dogs.", **dict(given)} for n, given in enumerate(_some(nobody))
    ]
    rows = [
        {"subject": "Al", "type": "knows", "object": f"Bo {n}", **dict(given)}
        for n, given in enumerate(_some(nobody))
    ]
    calls: list[tuple[str, dict[str, Any]]] = [
        ("add_many", {"contents": items}),
        ("relate_many", {"rows": rows}),
        ("add_document", {"id": "note", "contents": items}),
    ]
    with serving(prepare=prepare) as server:
        with server.http(server.prepared) as http:
            for name, body in calls:
                answer = http.post(f"/v1/{name}", json=body)
                assert answer.status_code in {200, 400}, answer.text
                batch = {"calls": [{"method": name, "arguments": body}]}
                assert http.post("/v1/batch", json=batch).status_code == 200
        with server.memory() as memory:
            where: dict[str, Any] = {"project_id": "acme/default"}
            kept = memory.cypher("MATCH (e:Episode) RETURN e.scope", user_id="ada", **where).rows
            assert {row[0] for row in kept} == {"acme%2Fdefault/user:ada"}
            assert len(kept) >= len(items) + len(rows)
            for other in ({"agent_id": "bot", **where}, {"user_id": "ada"}, {"agent_id": "bot"}):
                assert memory.stats(**other).episodes == 0


def _some(given: dict[str, Any]) -> Iterator[tuple[tuple[str, Any], ...]]:
    """Every choice of these."""
    for count in range(len(given) + 1):
        yield from itertools.combinations(given.items(), count)


def test_an_error_of_a_file_does_not_tell_where_the_server_keeps_it(tmp_path: Path) -> None:
    with serving() as server, server.memory(user_id="ada") as memory:
        memory.add("I live in Rome.")
        memory.export(tmp_path / "her.jsonl")
        with server.http() as http:
            for content in ((tmp_path / "her.jsonl").read_bytes(), b"{", b"\xff", b""):
                query = {"arguments": '{"user_id": "bob"}'}
                answer = http.post("/v1/import", params=query, content=content)
                assert answer.status_code == 400
                assert "import.jsonl" in answer.json()["detail"]
                assert "graphmem-" not in answer.text


def test_a_limit_says_when_to_try_again() -> None:
    with serving(prepare=_organisations) as server:
        with server.http(server.prepared["few"]) as http:
            answers = [http.post("/v1/stats", json={"user_id": "ada"}) for _ in range(4)]
            assert [one.status_code for one in answers] == [200, 200, 429, 429]
            assert int(answers[2].headers["retry-after"]) >= 1
            assert answers[0].headers["ratelimit-remaining"] == "1"
        client = Memory(server.url, api_key=server.prepared["few"], user_id="ada")
        with client:
            assert client.stats().episodes == 0  # it waits, and asks again


def test_no_key_is_written_to_a_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "gm_" + "s" * 55
    with serving() as server, server.http(secret) as http:
        assert http.post("/v1/search", json={"query": "x"}).status_code == 401
        assert http.get("/v1/nowhere").status_code == 404
        with server.memory(user_id="ada") as memory:
            memory.add("Tea.")
        own = server.key
    written = "\n".join(record.getMessage() + str(record.args) for record in caplog.records)
    assert "/v1/search" in written
    assert secret not in written
    assert own not in written


def test_a_server_that_is_away_is_tried_again() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    began = time.monotonic()
    with Memory(f"http://127.0.0.1:{port}", user_id="ada") as memory:
        with pytest.raises(Unavailable, match="cannot be reached"):
            memory.search("Tea")
        assert time.monotonic() - began > 0.5
    for bad in ("http://", "https://user:pw@host", "http://host:99999", "https://h?x=1"):
        with pytest.raises(UsageError):
            Memory(bad)
    with pytest.raises(UsageError, match="the server's own"):
        Memory("http://127.0.0.1:1", read_only=True)


def test_several_workers_need_databases(tmp_path: Any) -> None:
    from graphmem.doors.http.serve import serve

    settings = Settings.load({}, server_workers=2)
    with pytest.raises(UsageError, match=r"2 workers cannot share ledger \(sqlite\), graph"):
        serve(tmp_path / "store", settings, print)
    assert not (tmp_path / "store").exists()


def test_a_limit_of_the_client_is_an_error_with_numbers() -> None:
    from graphmem.client.problems import error_of, problem_of

    error = LimitExceeded("later", what="calls", limit=5, retry_after_s=90, reset_s=120)
    back = error_of(429, problem_of(error, request_id="r", path="/"), "")
    assert isinstance(back, LimitExceeded)
    assert (back.what, back.limit, back.retry_after_s, back.reset_s) == ("calls", 5, 90, 120)


def test_a_backup_that_nobody_waits_for_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with serving() as server:
        head = f"POST /v1/backup HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.key}\r\n"
        host, port = server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(f"{head}Content-Length: 2\r\n\r\n{{}}".encode())
            assert connection.recv(15).startswith(b"HTTP/1.1 200")
        assert not list(tmp_path.glob("graphmem-*"))
        with server.memory() as memory:
            assert memory.backup(tmp_path / "whole").rows
        assert not list(tmp_path.glob("graphmem-*"))
