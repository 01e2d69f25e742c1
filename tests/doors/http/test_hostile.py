"""What a hostile caller tries: keys that were good, requests written in odd ways, bodies that never
end, clocks. Each is refused as if there were nothing, and nothing is done."""

from __future__ import annotations

import contextlib
import logging
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from graphmem import Memory, Settings
from graphmem.access import Administration
from graphmem.client import RemoteMemory
from graphmem.client.calls import CALLS
from graphmem.errors import NotFound, Unauthenticated
from tests.doors.http.running import RunningServer, serving
from tests.faults.sizes import FUZZ

PAST_S = 0.05


async def _prepare(administration: Administration) -> dict[str, str]:
    for name in ("acme", "globex", "closed"):
        await administration.add_organisation(name)
    await administration.add_member("acme", "Grace", "owner")
    soon = datetime.now(UTC) + timedelta(seconds=PAST_S)
    revoked = await administration.add_key("acme", "revoked", role="owner")
    keys = {
        "good": await administration.add_key("acme", "good", role="owner"),
        "theirs": await administration.add_key("globex", "theirs", role="owner"),
        "revoked": revoked,
        "expired": await administration.add_key("acme", "expired", role="owner", expires_at=soon),
        "a member's who is gone": await administration.add_key("acme", "grace", member="Grace"),
        "of a closed organisation": await administration.add_key("closed", "all", role="owner"),
        "a revoked administrator's": await administration.add_key(None, "root"),
    }
    await administration.revoke_key("acme", revoked.key.id)
    await administration.revoke_key(None, keys["a revoked administrator's"].key.id)
    await administration.remove_member("acme", "Grace")
    await administration.close_organisation("closed")
    return {name: made.secret for name, made in keys.items()}


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with serving(prepare=_prepare) as running:
        time.sleep(PAST_S)
        with running.memory(api_key=running.prepared["good"], user_id="ada") as memory:
            memory.add("I live in Zanzibar.")
        yield running


@pytest.mark.parametrize(
    "which",
    [
        *("revoked", "expired", "a member's who is gone"),
        *("of a closed organisation", "a revoked administrator's"),
    ],
)
def test_a_key_that_was_good_is_like_one_that_never_was(server: RunningServer, which: str) -> None:
    """Of every method, and of what owners ask."""
    paths = [f"/v1/{call.path}" for call in CALLS.values()]
    paths += ["/v1/batch", "/v1/access/keys", "/v1/access/members", "/v3/memories/add"]
    said: dict[bool, set[tuple[int, str]]] = {True: set(), False: set()}
    with server.http(server.prepared[which]) as was, server.http("gm_" + "n" * 55) as never:
        for http in (was, never):
            for path in paths:
                answer = http.post(path, json={"user_id": "ada"})
                said[http is was].add((answer.status_code, answer.json()["detail"]))
            for path in ("/v1/access/audit", "/v1/ping", "/v1/health/deep", "/v1/memories"):
                answer = http.get(path)
                said[http is was].add((answer.status_code, answer.json()["detail"]))
    assert said[True] == said[False]
    assert {status for status, _ in said[True]} == {401}


def test_a_head_is_a_get_without_its_body(server: RunningServer) -> None:
    with server.http(server.prepared["good"]) as http:
        paths = ["/v1/health/live", "/v1/health/ready", "/v1/ping", "/v1/memories?user_id=ada"]
        paths += ["/openapi.json", "/v1/health", "/v1/access/keys", "/v1/add", "/v1/nothing"]
        for path in paths:
            got, headed = http.get(path), http.head(path)
            assert headed.status_code == got.status_code, path
            assert headed.content == b""
            for name in ("content-type", "content-length", "allow"):
                assert headed.headers.get(name) == got.headers.get(name), (path, name)
    assert _sent(server, _request(server, "HEAD /v1/ping", key=""))[0] == 401


def test_the_synchronous_client_by_its_own_name(server: RunningServer) -> None:
    with RemoteMemory(server.url, api_key=server.prepared["good"], user_id="ada") as memory:
        assert isinstance(memory, Memory)
        assert "Zanzibar" in memory.search("Where do I live?")[0].text
        with pytest.raises(NotFound):
            memory.get("none")
    with (
        RemoteMemory(server.url, api_key="gm_wrong", user_id="ada", attempts=1) as memory,
        pytest.raises(Unauthenticated),
    ):
        memory.get_all()


_BODY = b'{"user_id":"ada"}'


def _request(
    server: RunningServer, first: str, *more: str, body: bytes = _BODY, key: str = "good"
) -> bytes:
    secret = server.prepared[key] if key else ""
    lines = [
        f"{first} HTTP/1.1",
        *(() if any(one.startswith("Host:") for one in more) else ("Host: x",)),
    ]
    lines += [f"Authorization: Bearer {secret}"] if key else []
    lines += [one.replace("KEY", server.prepared["good"]) for one in more]
    lines += [f"Content-Length: {len(body)}", "Connection: close"]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def _sent(server: RunningServer, request: bytes) -> tuple[int, str]:
    """The status of the first answer, and all that comes back."""
    host, port = server.url.removeprefix("http://").split(":")
    came = b""
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        try:
            connection.sendall(request)
            while piece := connection.recv(65536):
                came += piece
        except (BrokenPipeError, ConnectionResetError):
            pass
    return int(came[9:12] or 0), came.decode("utf-8", "replace")


ODD: dict[str, tuple[tuple[str, ...], int]] = {
    "an absolute address": (("POST http://evil.example/v1/stats",), 404),
    "an absolute address of its own": (("POST http://x/v1/stats",), 404),
    "a tunnel": (("CONNECT evil.example:443",), 404),
    "a star": (("OPTIONS *",), 404),
    "an echo": (("TRACE /v1/stats",), 405),
    "a method of nobody": (("FORGET /v1/stats",), 405),
    "a small method": (("post /v1/stats",), 405),
    "up and down": (("POST /v1/health/../stats",), 404),
    "up and down, encoded": (("POST /v1/health/%2e%2e/stats",), 404),
    "encoded twice": (("POST /v1/%2573tats",), 404),
    "a stroke encoded": (("POST /v1%2fstats",), 404),
    "a stroke encoded twice": (("POST /v1%252fstats",), 404),
    "the other stroke": (("POST /v1\\stats",), 404),
    "the other stroke, encoded": (("POST /v1%5cstats",), 404),
    "a NUL": (("POST /v1/stats%00",), 400),
    "a parameter": (("POST /v1/stats;role=owner",), 404),
    "capitals": (("POST /V1/STATS",), 404),
    "a fragment": (("POST /v1/stats#x",), 404),
    "a fullwidth letter": (("POST /v1/%EF%BD%93tats",), 404),
    "long": (("POST /v1/" + "a" * 20_000,), 404),
    "too long": (("POST /v1/" + "a" * 200_000,), 400),
    "another host": (("POST /v1/stats", "Host: evil.example"), 200),
    "two hosts": (("POST /v1/stats", "Host: a", "Host: b"), 400),
    "another method": (
        (
            *("POST /v1/stats", "X-HTTP-Method-Override: DELETE", "X-Method-Override: DELETE"),
            *("X-HTTP-Method: DELETE", "X-Original-URL: /v1/forget", "X-Rewrite-URL: /v1/forget"),
        ),
        200,
    ),
    "from elsewhere": (
        (
            *("POST /v1/stats", "X-Forwarded-Host: evil", "X-Forwarded-Prefix: /v1/forget"),
            *("X-Forwarded-Proto: gopher", "Forwarded: for=evil", "X-Real-IP: 1.2.3.4"),
        ),
        200,
    ),
    "transfer encodings": (
        ("POST /v1/stats", "Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
        400,
    ),
    "a space before the colon": (("POST /v1/stats", "X-Role : owner"), 400),
}


@pytest.mark.parametrize("case", ODD)
def test_requests_that_are_written_oddly(server: RunningServer, case: str) -> None:
    parts, status = ODD[case]
    found, answer = _sent(server, _request(server, *parts))
    assert found == status, answer[:300]
    assert "Traceback" not in answer
    assert "evil" not in answer or status == 404, "nothing is taken from it"
    again, told = _sent(server, _request(server, "POST /v1/get_all"))
    assert (again, "Zanzibar" in told) == (200, True), "nothing was changed"


@pytest.mark.parametrize("path", ["/v1/memories", "/v1/access/audit", "/v1/health/live"])
def test_a_name_stands_once_in_a_query(server: RunningServer, path: str) -> None:
    """A proxy may look at the first of two, and we at the last."""
    with server.http(server.prepared["good"]) as http:
        for query in ("limit=1&limit=2", "limit=1&%6cimit=2", "limit&limit=2"):
            answer = http.get(f"{path}?{query}")
            assert (answer.status_code, answer.json()["error"]) == (400, "UsageError")
        assert http.get(f"{path}?%c3%a9=%c3%a9&%ff=%ff&=").status_code < 500
    odd = _request(server, f"GET {path}?\u00e9=\u00ff")
    assert _sent(server, odd)[0] in {200, 400}


@pytest.mark.parametrize("end", ["%0a", "%0d", "%0d%0a", "%c2%85", "%e2%80%a8", "%0b", "%1b[2K%0a"])
def test_what_is_written_in_an_address_makes_no_line_of_the_log(
    server: RunningServer, caplog: pytest.LogCaptureFixture, end: str
) -> None:
    caplog.set_level(logging.INFO, "graphmem")
    with server.http(None) as http:
        assert http.get(f"/v1/x{end}2026-01-01 INFO graphmem: forged").status_code == 404
    lines: list[str] = []
    until = time.monotonic() + 20
    while not lines and time.monotonic() < until:  # it is written when the answer is out
        lines = [one.getMessage() for one in caplog.records if "forged" in one.getMessage()]
    (line,) = lines
    assert len(line.splitlines()) == 1
    assert line.isascii()
    assert line.isprintable()


@pytest.mark.parametrize(
    "more",
    [
        "Authorization: Basic KEY", "Authorization: Bearer x, Bearer KEY", "Authorization: KEY",
        "Cookie: key=KEY; authorization=Bearer KEY", "X-Api-Key: KEY", "Api-Key: KEY",
        "Proxy-Authorization: Bearer KEY", "X-Forwarded-Authorization: Bearer KEY",
        "X-User-Context: ada", "X-Forwarded-User: ada",
    ],
)  # fmt: skip
def test_a_key_counts_in_its_place_alone(server: RunningServer, more: str) -> None:
    assert _sent(server, _request(server, "POST /v1/stats", more, key=""))[0] == 401
    query = f"POST /v1/stats?api_key={server.prepared['good']}&token={server.prepared['good']}"
    assert _sent(server, _request(server, query, key=""))[0] == 401


def test_what_is_no_address_is_noted_as_none(server: RunningServer) -> None:
    """Of a caller who comes through a proxy that hands on what it was given."""
    for given in ("=cmd()", "<script>", "1.2.3.4, " + "x" * 500, "fe80::1%=cmd()", "203.0.113.9"):
        assert (
            _sent(server, _request(server, "POST /v1/flush", f"X-Forwarded-For: {given}"))[0] == 200
        )
    with server.http(server.prepared["good"]) as http:
        found = http.get("/v1/access/audit", params={"changes": "true"}).json()
        noted = {one["address"] for one in found if one["method"] == "flush"}
    assert noted == {"", "fe80::1", "203.0.113.9"}, noted


def test_bodies_without_end() -> None:
    """With no length, a byte now and then, or far too many: each connection ends, and so soon."""
    settings = Settings.load({}, server_max_body_bytes=100_000, server_body_timeout_s=1.0)
    with serving(settings=settings, prepare=_prepare) as server:
        head = _request(server, "POST /v1/add", "Transfer-Encoding: chunked", body=b"")
        head = head.replace(b"Content-Length: 0\r\n", b"")

        def trickled(piece: bytes, pause_s: float) -> tuple[int, float]:
            host, port = server.url.removeprefix("http://").split(":")
            begun, came = time.monotonic(), b""
            with socket.create_connection((host, int(port)), timeout=20) as connection:
                connection.sendall(head)
                try:
                    while time.monotonic() < begun + 15:
                        connection.sendall(piece)
                        time.sleep(pause_s)
                except (BrokenPipeError, ConnectionResetError):
                    pass
                with contextlib.suppress(ConnectionResetError):
                    came = connection.recv(65536)
            return int(came[9:12] or 0), time.monotonic() - begun

        for piece, pause_s, statuses in (
            (b"1\r\nx\r\n", 0.05, {408, 0}),
            (b"1000\r\n" + b"x" * 4096 + b"\r\n", 0.0, {413, 0}),
            (b"FFFFFFFFFFFFFFF\r\nx", 0.05, {408, 413, 0}),
        ):
            status, taken = trickled(piece, pause_s)
            assert status in statuses
            assert taken < 10, "it was let go on"
        with server.http(server.prepared["good"]) as http:
            assert http.post("/v1/stats", json={"user_id": "ada"}).json()["episodes"] == 0


def _medians(ask: Callable[[bool], int], number: int, status: int) -> float:
    """Asked by turns: how much more of the processor, of server and caller together, what is
    somebody else's takes than what is nobody's."""
    taken: dict[bool, list[float]] = {True: [], False: []}
    for n in range(number):
        begun = time.process_time()
        assert ask(n % 2 == 0) == status
        taken[n % 2 == 0].append(time.process_time() - begun)
    return statistics.median(taken[True]) / statistics.median(taken[False])


@pytest.mark.skipif(FUZZ <= 1, reason="measures time: make nightly does")
def test_time_does_not_tell_what_another_has(server: RunningServer) -> None:
    """2,000 requests for a fact, and 1,000 for a project, by turns another's and nobody's. What
    else the machine does comes and goes; a leak stays."""
    with server.memory(api_key=server.prepared["theirs"], user_id="ada") as theirs:
        known = theirs.add("I live in Oslo.").fact_ids[0]
    unknown = known[:-12] + "".join("0" if one != "0" else "1" for one in known[-12:])
    with server.http(server.prepared["theirs"]) as owner:
        assert owner.post("/v1/access/projects", json={"name": "abcdef"}).is_success
    with server.http(server.prepared["good"]) as http:

        def fact(exists: bool) -> int:
            body = {"fact_id": known if exists else unknown, "user_id": "ada"}
            return http.post("/v1/get", json=body).status_code

        def project(exists: bool) -> int:
            body = {"project_id": "abcdef" if exists else "uvwxyz", "user_id": "ada"}
            return http.post("/v1/stats", json=body).status_code

        for ask, number in ((fact, 2000), (project, 1000)):
            ratios: list[float] = []
            while len(ratios) < 5 and not any(0.93 < ratio < 1.07 for ratio in ratios):
                ratios.append(_medians(ask, number, 404))
            assert any(0.93 < ratio < 1.07 for ratio in ratios), f"another's / nobody's: {ratios}"
