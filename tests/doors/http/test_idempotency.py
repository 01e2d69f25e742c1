"""What becomes of a request under an ``Idempotency-Key`` that failed on the way: it is made again
only where nothing was done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from graphmem import Settings
from graphmem.doors.http import answering
from graphmem.errors import BackendError, UsageError
from tests.doors.http.running import RunningServer, serving


def _tag(server: RunningServer, fact: str, tag: str, key: str) -> httpx.Response:
    body = {"fact_id": fact, "tags": [tag], "user_id": "ada"}
    with server.http(**{"idempotency-key": key}) as http:
        return http.post("/v1/update", json=body)


async def _late(_: object) -> bytes:
    await asyncio.sleep(60)
    return b""


async def _lost(_: object) -> bytes:
    raise BackendError("the disk is full")


async def _unwritable(_: object) -> bytes:
    raise UsageError("this has no JSON")


@pytest.mark.parametrize("after", [_lost, _unwritable, _late])
def test_what_failed_after_it_was_done_is_not_done_twice(
    monkeypatch: pytest.MonkeyPatch, after: Callable[[Any], Any]
) -> None:
    """Done again, it would take back what another did meanwhile."""
    with (
        serving(settings=Settings.load({}, server_timeout_s=3)) as server,
        server.memory(user_id="ada") as memory,
    ):
        fact = memory.add("I live in Rome.").fact_ids[0]
        with monkeypatch.context() as patched:
            patched.setattr(answering, "encoded", after)
            assert _tag(server, fact, "mine", "one").status_code in {400, 500, 503}
        assert memory.get(fact).tags == ("mine",), "it was done"
        memory.update(fact, tags=["theirs"])
        again = _tag(server, fact, "mine", "one")
        assert (again.status_code, again.json()["error"]) == (409, "Conflict")
        assert "take a new key" in again.json()["detail"]
        assert memory.get(fact).tags == ("theirs",)
        assert _tag(server, fact, "mine", "two").status_code == 200
        assert memory.get(fact).tags == ("mine",)


@pytest.mark.parametrize(
    ("path", "accept", "body"),
    [
        ("/v1/add", "text/event-stream", {"content": "I live in Rome.", "user_id": "ada"}),
        ("/v1/add", "application/json", {"content": "I live in Rome.", "user_id": "ada"}),
        ("/v1/memories", "*/*", {"content": "I live in Rome.", "user_id": "ada"}),
        (
            "/v3/memories/add/",
            "*/*",
            {"messages": [{"role": "user", "content": "I live in Rome."}], "user_id": "ada"},
        ),
    ],
)
def test_whatever_the_address_and_form_it_is_done_once(
    path: str, accept: str, body: dict[str, Any]
) -> None:
    with serving() as server, server.memory(user_id="ada") as memory:
        with server.http(**{"idempotency-key": "one", "accept": accept}) as http:
            wrong = http.post(path, json={**body, "user_id": 7})
            assert "UsageError" in wrong.text
            answers = [http.post(path, json=body).text for _ in range(3)]
            assert len(set(answers)) == 1
            other = http.post(path, json={**body, "user_id": "bob"})
            assert "Conflict" in other.text
        assert memory.stats().episodes == 1


def test_what_was_refused_may_be_asked_again(tmp_path: Path) -> None:
    with serving(tmp_path / "store") as server, server.memory(user_id="ada") as memory:
        assert [_tag(server, "nobodys", "x", "one").status_code for _ in "ab"] == [404, 404]
        fact = memory.add("I live in Rome.").fact_ids[0]
        assert _tag(server, fact, "x" * 10_000, "two").status_code == 400
        assert _tag(server, fact, "x", "one").status_code == 200, "nothing was done under it"
