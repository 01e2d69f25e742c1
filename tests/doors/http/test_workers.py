"""Several processes over one store: on PostgreSQL and Neo4j (and Qdrant, where QDRANT_URL names
one) what one of them was told the others know, limits are counted and requests are done once for
all of them together; and so it is after a restart."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from graphmem import Memory, Settings
from graphmem.access import Administration, Limits
from graphmem.wiring.access import administration_at
from tests.adapters.ledger.conftest import fresh_schema
from tests.doors.http.running import serving
from tests.engine.helpers import child_environment


@dataclass
class Workers:
    """Two processes, each at its own address."""

    urls: list[str]
    key: str
    hasty: str
    """A key that may make few calls."""
    processes: list[subprocess.Popen[str]]
    environment: dict[str, str]

    def http(self, n: int, **headers: str) -> httpx.Client:
        given = {"authorization": f"Bearer {self.key}", **headers}
        return httpx.Client(base_url=self.urls[n], headers=given, timeout=60)

    def memory(self, n: int) -> Memory:
        return Memory(self.urls[n], api_key=self.key, user_id="ada")


def _started(environment: dict[str, str]) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "graphmem.doors.cli", "serve", "--port", "0"],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("graphmem answers at "):
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return process, line.split()[-1]
    raise AssertionError("it did not start")


def _end(process: subprocess.Popen[str]) -> int:
    """How it ended."""
    assert process.stderr is not None
    ended = process.wait(30)
    process.stderr.close()
    return ended


@pytest.fixture(scope="module")
def workers(postgres_url: str, neo4j_uri: str, qdrant_url: str | None) -> Iterator[Workers]:
    with fresh_schema(postgres_url) as ledger:
        parts = {"ledger": ledger, "graph": f"{neo4j_uri}?replace=1"}
        parts["vectors"] = f"{qdrant_url}?replace=1" if qdrant_url else "memory://"
        variables = {f"GRAPHMEM_{name.upper()}": value for name, value in parts.items()}
        environment = child_environment(**variables)
        keys = asyncio.run(_prepared(Settings.load({}, **parts)))
        started = [_started(environment) for _ in range(2)]
        found = Workers([url for _, url in started], *keys, [p for p, _ in started], environment)
        yield found
        for process in found.processes:
            process.terminate()
        for process in found.processes:
            assert _end(process) == 0


async def _prepared(settings: Settings) -> tuple[str, str]:
    async with administration_at(None, settings, create=True) as administration:
        await administration.add_organisation("acme")
        key = await administration.add_key("acme", "all", role="owner")
        few = Limits(calls_per_minute=6, burst=20)
        hasty = await administration.add_key("acme", "few", limits=few)
    return key.secret, hasty.secret


def test_what_one_is_told_the_other_knows(workers: Workers) -> None:
    with workers.memory(0) as one, workers.memory(1) as two:
        for teller, asked, who, where in ((one, two, "Kim", "Acme"), (two, one, "Lea", "Bolt")):
            teller.add(f"{who} works at {where}.")
            assert where in asked.search(f"Where does {who} work?").hits[0].text
            assert len(asked.paths(who, where)) == 1
        fact = one.get_all().items[0]
        two.delete(fact.id)
        assert fact.id not in {hit.id for hit in one.search("Where does Kim work?")}
        assert one.stats().facts == two.stats().facts == 1


def test_a_limit_is_counted_for_both_together(workers: Workers) -> None:
    seen: list[int] = []
    begun = time.monotonic()
    for n in range(50):
        with workers.http(n % 2, authorization=f"Bearer {workers.hasty}") as http:
            answer = http.post("/v1/stats", json={"user_id": "ada"})
        seen.append(answer.status_code)
    more = int((time.monotonic() - begun) / 10)
    assert set(seen) == {200, 429}
    assert 20 <= seen.count(200) <= 21 + more
    assert answer.headers["retry-after"]


def test_a_request_under_a_key_is_done_by_one_of_them(workers: Workers) -> None:
    body = {"subject": "Ann", "type": "knows", "object": "Ben", "user_id": "once"}

    def ask(n: int) -> httpx.Response:
        with workers.http(n % 2, **{"idempotency-key": "same"}) as http:
            return http.post("/v1/relate", json=body)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(8)))
    assert [one.status_code for one in answers] == [200] * 8, [one.text for one in answers]
    assert len({one.text for one in answers}) == 1
    assert sum("idempotency-replayed" not in one.headers for one in answers) == 1
    with workers.http(1, **{"idempotency-key": "same"}) as http:
        other = http.post("/v1/relate", json={**body, "object": "Cid"})
        assert (other.status_code, other.json()["error"]) == (409, "Conflict")
    with workers.http(1) as http:
        assert http.post("/v1/stats", json={"user_id": "once"}).json()["episodes"] == 1


def test_what_a_killed_worker_acknowledged_is_with_the_other(workers: Workers) -> None:
    with workers.memory(0) as one:
        ids = [one.add(f"Note {n}.", infer=False).episode_id for n in range(20)]
        workers.processes[0].kill()
        _end(workers.processes[0])
    with workers.memory(1) as two:
        assert [two.episode(id).id for id in ids] == ids
        assert {f"Note {n}." for n in range(20)} <= {fact.text for fact in two.get_all().items}
    workers.processes[0], workers.urls[0] = _started(workers.environment)
    with workers.memory(0) as one:
        assert "Note 7." in [hit.text for hit in one.search("Note 7")]


def test_a_request_under_a_key_is_done_once_through_a_restart(tmp_path: Path) -> None:
    """And what is erased meanwhile is not answered again."""

    async def prepare(administration: Administration) -> str:
        if not await administration.organisations():
            await administration.add_organisation("acme")
            key = (await administration.add_key("acme", "app", role="owner")).secret
            (tmp_path / "key").write_text(key)
        return (tmp_path / "key").read_text()

    body = {"subject": "Ann", "type": "knows", "object": "Ben", "user_id": "ada"}
    batch = {"calls": [{"method": "relate", "arguments": {**body, "object": "Cid"}}]}

    def ask() -> list[httpx.Response]:
        headers = {"authorization": f"Bearer {server.prepared}"}
        with httpx.Client(base_url=server.url, headers=headers, timeout=60) as http:
            return [
                http.post("/v1/relate", json=body, headers={"idempotency-key": "one"}),
                http.post("/v1/batch", json=batch, headers={"idempotency-key": "two"}),
                http.post("/v1/stats", json={"user_id": "ada"}),
            ]

    with serving(tmp_path / "store", prepare=prepare) as server:
        first = ask()
        assert first[1].json()["results"][0]["status"] == 200
    with serving(tmp_path / "store", prepare=prepare) as server:
        again = ask()
        assert [one.text for one in again] == [one.text for one in first]
        assert again[0].headers["idempotency-replayed"] == "true"
        with server.memory(api_key=server.prepared, user_id="ada") as memory:
            memory.delete(first[0].json()["decisions"][0]["after"]["id"], erase=True)
        for gone in ask()[:2]:
            assert gone.status_code == 409
            assert "kept no more" in gone.json()["detail"]
