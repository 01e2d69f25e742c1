"""The client against a server, or what stands before one, that cuts connections, refuses, or is
slow: it tries again where that is safe, when it was told to, and nothing is done twice."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import re
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory, Settings
from graphmem.client import AsyncRemoteMemory
from graphmem.errors import (
    GraphmemError,
    LimitExceeded,
    Unauthenticated,
    Unavailable,
    UsageError,
)
from tests.doors.http.running import serving

_TWICE = Settings.load({}, client_attempts=2)
_END = b"HTTP/1.1 401 x\r\nContent-Length: 2\r\n\r\n{}"
"""The last answer of each: seen, it is an error of another kind than all before."""


def _answer(status: int, body: str = "", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} x", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", body]).encode()


class _Listening(ABC):
    """Meets one connection after another."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.meet(connection)

    @abstractmethod
    def meet(self, connection: socket.socket) -> None: ...

    def close(self) -> None:
        self._socket.close()


class _Scripted(_Listening):
    """Answers each request with the next of ``answers``, a connection each; None is never."""

    def __init__(self, *answers: bytes | None) -> None:
        self.answers = list(answers)
        self.seen: list[tuple[float, bytes]] = []
        self._kept: list[socket.socket] = []
        super().__init__()

    def meet(self, connection: socket.socket) -> None:
        self.seen.append((time.monotonic(), _request(connection)))
        answer = self.answers.pop(0) if self.answers else _END
        if answer is None:
            self._kept.append(connection)
            return
        connection.sendall(answer)
        connection.close()

    def close(self) -> None:
        super().close()
        for connection in self._kept:
            connection.close()

    def waits(self) -> list[float]:
        times = [at for at, _ in self.seen]
        return [after - before for before, after in itertools.pairwise(times)]


def _request(connection: socket.socket) -> bytes:
    read = b""
    while b"\r\n\r\n" not in read:
        read += connection.recv(65536)
    head, _, body = read.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head.lower())
    while length and len(body) < int(length[1]):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def _whole(connection: socket.socket) -> bytes:
    """What comes until the end."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


@contextmanager
def _scripted(*answers: bytes | None) -> Iterator[_Scripted]:
    server = _Scripted(*answers)
    try:
        yield server
    finally:
        server.close()


def _in(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


REFUSED: dict[str, tuple[bytes, float]] = {
    "cut": (b"", 0),
    "cut in the head": (b"HTTP/1.1 200 OK\r\nContent-", 0),
    "cut in the body": (b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{", 0),
    "no HTTP": (b"SSH-2.0-x\r\n\r\n", 0),
    "a page of a proxy": (_answer(502, "<html>Bad Gateway</html>"), 0),
    "no JSON": (_answer(200, "<html>"), 0),
    "down": (_answer(503, "", "Retry-After: 1"), 1),
    "down, and nonsense": (_answer(503, "", "Retry-After: soon"), 0),
    "too much": (_answer(429, "", "Retry-After: 1"), 1),
    "too much, until": (_answer(429, "", f"Retry-After: {_in(-5)}"), 0),
    "slow to come": (_answer(408), 0),
}


@pytest.mark.parametrize(
    ("name", "args", "times"),
    [("search", ("Tea",), 3), ("merge", "ab", 3), ("verify", (), 3), ("forget", (), 1)],
)
def test_only_what_may_be_repeated_is(name: str, args: Any, times: int) -> None:
    with _scripted(b"", b"") as server:
        with (
            Memory(server.url, user_id="ada") as memory,
            pytest.raises(Unauthenticated if times == 3 else Unavailable),
        ):
            getattr(memory, name)(*args)
        assert len(server.seen) == times


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("call", ["search", "merge"])
def test_it_is_tried_again_and_waits_as_it_was_told(case: str, call: str) -> None:
    refused, wait_s = REFUSED[case]
    with _scripted(refused) as server:
        with Memory(server.url, user_id="ada") as memory, pytest.raises(Unauthenticated):
            memory.search("Tea") if call == "search" else memory.merge("a", "b")
        assert len(server.seen) == 2
        (waited,) = server.waits()
        assert waited >= wait_s, waited
        keys = [re.findall(rb"(?i)idempotency-key: (\w+)", head) for _, head in server.seen]
        assert keys[0] == keys[1], "another key, and it would be done twice"
        assert bool(keys[0]) == (call == "merge")
        assert server.seen[0][1] == server.seen[1][1]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (_answer(500, "broken"), GraphmemError),
        (_answer(503, "", "Retry-After: 3600"), Unavailable),
        (_answer(503, "", f"Retry-After: {_in(86_400)}"), Unavailable),
        (_answer(429, "", "Retry-After: 99999999999999999999"), LimitExceeded),
        (_answer(302, "", "Location: http://127.0.0.1:1/v1/search"), GraphmemError),
        (_answer(200, "[" * 100_000), Unavailable),
    ],
    ids=["broken", "in an hour", "at an hour", "in an age", "elsewhere", "no end"],
)
def test_what_will_not_be_better_soon_is_told_at_once(
    answer: bytes, error: type[GraphmemError]
) -> None:
    begun = time.monotonic()
    with _scripted(*[answer] * 4) as server:
        with (
            Memory(server.url, user_id="ada", settings=_TWICE) as memory,
            pytest.raises(error) as told,
        ):
            memory.search("Tea")
        assert len(server.seen) == 1 or b"[[[" in answer
    assert time.monotonic() - begun < 5
    wait_s = getattr(told.value, "retry_after_s", None)
    assert wait_s is None or wait_s > 3000


@pytest.mark.parametrize("text", ["null", "[7]", "7", '"x"', "{}", '{"items": 7}', "[{}]", "NaN"])
@pytest.mark.parametrize(
    ("name", "args"),
    [
        *(("search", ("Tea",)), ("add", ("Tea",)), ("context", ("Tea",)), ("get", "a")),
        *(("get_all", ()), ("relation_types", ()), ("to_networkx", ()), ("paths", "ab")),
    ],
)
def test_an_answer_in_another_form_is_one_of_its_errors(name: str, args: Any, text: str) -> None:
    with _scripted(_answer(200, text)) as server:
        with (
            Memory(server.url, user_id="ada") as memory,
            pytest.raises(GraphmemError, match="another form") as told,
        ):
            getattr(memory, name)(*args)
        assert len(server.seen) == 1
    assert not told.value.retryable


@pytest.mark.parametrize(
    "events",
    [
        "event: result\ndata: {\n\n",
        "event: result\ndata: " + "[" * 100_000 + "\n\n",
        "event: result\ndata: null\n\n",
        "event: result\ndata: \xff\n\n",
        "event: problem\ndata: []\n\n",
        'event: problem\ndata: {"status": "x"}\n\n',
        "event: progress\ndata: 5\n\n",
    ],
)
def test_steps_in_another_form_are_one_of_its_errors(events: str) -> None:
    with (
        _scripted(_answer(200, events).decode().encode("latin-1")) as server,
        Memory(server.url, user_id="ada") as memory,
        pytest.raises(GraphmemError, match="another form"),
    ):
        memory.add_many(["Tea"])


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "9" * 400, "null", '"x"'])
def test_limits_beyond_all_bounds_are_one_of_its_errors(number: str) -> None:
    names = ("retry_after_s", "reset_s", "limit")
    body = '{"error": "LimitExceeded", "detail": "no", %s}'
    problem = body % ", ".join(f'"{name}": {number}' for name in names)
    with (
        _scripted(*[_answer(429, problem)] * 2) as server,
        Memory(server.url, user_id="ada", settings=_TWICE) as memory,
        pytest.raises(LimitExceeded, match="no"),
    ):
        memory.search("Tea")


@pytest.mark.parametrize("name", ["export", "backup"])
@pytest.mark.parametrize("header", ["", "graphmem-result: {", "graphmem-result: 7"])
def test_a_file_without_what_it_is_leaves_none(name: str, header: str, tmp_path: Path) -> None:
    with (
        _scripted(_answer(200, "x", *filter(None, [header]))) as server,
        Memory(server.url, user_id="ada") as memory,
        pytest.raises(GraphmemError, match="another form"),
    ):
        getattr(memory, name)(tmp_path / "out")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(("name", "times"), [("search", 2), ("forget", 1)])
def test_a_server_that_never_answers_is_given_up(name: str, times: int) -> None:
    with _scripted(*[None] * 5) as server:
        hasty = Settings.load({}, client_timeout_s=0.3, client_attempts=2)
        with Memory(server.url, user_id="ada", settings=hasty) as memory:
            with pytest.raises(Unavailable, match="cannot be reached") as told:
                memory.search("Tea") if name == "search" else memory.forget()
            assert told.value.lost
        assert len(server.seen) == times


class _Cutting(_Listening):
    """Stands before a server, and loses every other answer on the way back."""

    def __init__(self, url: str) -> None:
        host, port = url.removeprefix("http://").split(":")
        self._behind = host, int(port)
        self.asked = self.lost = 0
        super().__init__()

    def meet(self, connection: socket.socket) -> None:
        with connection, socket.create_connection(self._behind) as behind:
            request = _request(connection)
            self.asked += 1
            one = request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
            behind.sendall(one)
            answer = _whole(behind)
            if self.asked % 2:
                self.lost += 1
            else:
                connection.sendall(answer)


def test_nothing_is_done_twice_where_every_other_answer_is_lost(tmp_path: Path) -> None:
    with serving(tmp_path / "store") as server, server.memory(user_id="ada") as memory:
        fact = memory.add("I live in Rome.").fact_ids[0]
        before = len(memory.history(fact))
        between = _Cutting(server.url)
        try:
            with Memory(between.url, api_key=server.key, user_id="ada") as far:
                for n in range(6):
                    assert far.update(fact, tags=[f"t{n}"]).tags == (f"t{n}",)
                episode = far.add("I have a dog called Rex.").episode_id
                assert far.episode(episode).id == episode
        finally:
            between.close()
        assert between.lost >= 6
        assert len(memory.history(fact)) == before + 6
        assert memory.stats().episodes == 2
        assert memory.verify().ok


async def test_a_client_that_was_closed() -> None:
    memory = AsyncRemoteMemory("http://127.0.0.1:9", user_id="ada")
    await memory.close()
    for call in (memory.search("Tea"), memory.verify(), memory.export("/dev/null/x")):
        with pytest.raises(UsageError, match="is closed; open it again"):
            await call


def test_a_client_in_two_event_loops() -> None:
    with serving() as server, asyncio.Runner() as runner:
        memory = server.client(user_id="ada")
        runner.run(memory.add("Tea"))
        with pytest.raises(UsageError, match="another event loop"):
            asyncio.run(memory.search("Tea"))
        runner.run(memory.close())


@pytest.mark.parametrize(
    "given",
    [
        {"url": "http://\u2603..example"},
        {"url": "http://a\0b"},
        {"attempts": 2.5},
        {"timeout_s": "2"},
        {"api_key": b"gm_x"},
    ],
)
def test_a_client_that_cannot_be(given: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        AsyncRemoteMemory(**{"url": "http://127.0.0.1:9", **given})


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("charset", ["base64", "zip", "rot13", "utf-16", "undefined"])
def test_a_charset_is_no_reason_to_read_nothing(charset: str, status: int) -> None:
    answer = _answer(status, "<tea>", f"Content-Type: text/html; charset={charset}")
    with (
        _scripted(*[answer] * 2) as server,
        Memory(server.url, user_id="ada", settings=_TWICE) as memory,
        pytest.raises(GraphmemError, match="<tea>"),
    ):
        memory.search("Tea")


def test_a_file_that_a_proxy_packed_is_whole(tmp_path: Path) -> None:
    with serving() as server, server.memory(user_id="ada") as memory:
        memory.add("Ada lives in Paris.")
        memory.export(tmp_path / "plain")
        raw = (tmp_path / "plain").read_bytes()
        with server.http() as http:
            told = http.post("/v1/export", json={"user_id": "ada"}).headers["graphmem-result"]
    packed = gzip.compress(raw)
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Length: {len(packed)}\r\n"
        f"Content-Encoding: gzip\r\ngraphmem-result: {told}\r\n\r\n"
    )
    with _scripted(head.encode() + packed) as proxy, Memory(proxy.url, user_id="ada") as memory:
        memory.export(tmp_path / "unpacked")
    assert (tmp_path / "unpacked").read_bytes() == raw
