"""Several processes over one store, on PostgreSQL, Neo4j and a Qdrant (the one that QDRANT_URL
names, else a stand-in that speaks its API): what one of them was told the others know, limits are
counted and requests are done once for all of them together; and so it is after a restart."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from graphmem import Memory, Settings
from graphmem.access import Administration, Limits
from graphmem.access.secrets import user_signature
from graphmem.errors import Unavailable
from graphmem.wiring.access import administration_at
from tests.adapters.ledger.conftest import fresh_schema
from tests.adapters.vectors.qdrant_http import QdrantHttp
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


@contextmanager
def _qdrant(given: str | None) -> Iterator[str]:
    if given is not None:
        yield given
        return
    yield from _stand_in()


def _stand_in() -> Iterator[str]:
    ready: Future[str] = Future()
    ends = threading.Event()

    async def answer() -> None:
        async with QdrantHttp() as server:
            ready.set_result(server.url)
            await asyncio.to_thread(ends.wait)

    thread = threading.Thread(target=asyncio.run, args=(answer(),))
    thread.start()
    try:
        yield ready.result(30)
    finally:
        ends.set()
        thread.join()


@pytest.fixture(scope="module")
def parts(postgres_url: str, neo4j_uri: str, qdrant_url: str | None) -> Iterator[dict[str, str]]:
    with fresh_schema(postgres_url) as ledger, _qdrant(qdrant_url) as vectors:
        found = {"ledger": ledger, "graph": neo4j_uri, "vectors": vectors}
        with Memory(settings=Settings.load({}, **{
            **found, "graph": f"{neo4j_uri}?replace=1", "vectors": f"{vectors}?replace=1"
        })):  # fmt: skip
            pass  # what other tests left there is gone
        yield found


@pytest.fixture(scope="module")
def environment(parts: dict[str, str]) -> dict[str, str]:
    return child_environment(**{f"GRAPHMEM_{name.upper()}": url for name, url in parts.items()})


@pytest.fixture(scope="module")
def workers(parts: dict[str, str], environment: dict[str, str]) -> Iterator[Workers]:
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


class _Pair:
    """``graphmem serve --workers 2``, and what it writes to its log."""

    def __init__(self, environment: dict[str, str]) -> None:
        command = [sys.executable, "-m", "graphmem.doors.cli", "serve", "--port", "0"]
        self.process = subprocess.Popen(
            [*command, "--workers", "2"], env=environment, stderr=subprocess.PIPE, text=True
        )
        self.lines: list[str] = []
        self._reading = threading.Thread(target=self._read)
        self._reading.start()
        self.url = self.wait_for("graphmem answers at ").split()[-1]

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as written:
            self.lines.extend(written)

    def wait_for(self, text: str) -> str:
        ends = time.monotonic() + 60
        while not (found := [line for line in self.lines if text in line]):
            assert self._reading.is_alive(), self.lines
            assert time.monotonic() < ends, self.lines
            time.sleep(0.05)
        return found[0]

    def answered(self) -> set[int]:
        """The processes that have answered."""
        found = (re.search(r"\[(\d+)\] INFO graphmem.server: \w+ /", line) for line in self.lines)
        return {int(one[1]) for one in found if one}

    def end(self) -> int:
        self.process.terminate()
        ended = self.process.wait(60)
        self._reading.join()
        return ended


async def _one_more(settings: Settings) -> tuple[str, str]:
    async with administration_at(None, settings) as administration:
        await administration.add_organisation("pair")
        own = (await administration.add_key("pair", "all", role="owner")).secret
        few = Limits(calls_per_minute=_RATE * 60, burst=_BURST)
        return own, (await administration.add_key("pair", "few", limits=few)).secret


_RATE, _BURST = 30, 60


def _let_in(url: str, key: str, seconds: float) -> tuple[int, float, float]:
    """How many calls are answered in so many seconds, by whoever takes each connection, and until
    a caller is refused once more; the least and the most that there was by then."""
    ends = time.monotonic() + seconds

    def ask(_: int) -> list[tuple[float, float, int]]:
        asked: list[tuple[float, float, int]] = []
        while not asked or asked[-1][2] == 200 or asked[-1][0] < ends:
            with httpx.Client(base_url=url, headers={"authorization": f"Bearer {key}"}) as http:
                for _ in range(20):
                    sent = time.monotonic()
                    answer = http.post("/v1/stats", json={"user_id": "ada"}, timeout=60)
                    asked.append((sent, time.monotonic(), answer.status_code))
        return asked

    with ThreadPoolExecutor(4) as pool:
        asked = [one for some in pool.map(ask, range(4)) for one in some]
    assert {status for *_, status in asked} == {200, 429}
    first = min((one for one in asked if one[2] == 200), key=lambda one: one[1])
    last = max(sent for sent, _, status in asked if status == 429)
    least = _BURST + _RATE * (last - first[1]) - 1
    most = _BURST + _RATE * (max(come for _, come, _ in asked) - first[0])
    return sum(status == 200 for *_, status in asked), least, most


def test_one_command_begins_two_that_share_everything(
    parts: dict[str, str], environment: dict[str, str]
) -> None:
    """Words, limits and requests; one is killed; both are ended. A secret is each one's, too."""
    secret = "a secret of sixteen and more"
    key, few = asyncio.run(_one_more(Settings.load({}, **parts)))
    pair = _Pair({**environment, "GRAPHMEM_SERVER_SIGNATURE_SECRET": secret})
    ids: list[str] = []

    def memory() -> Memory:  # each has a connection of its own
        return Memory(pair.url, api_key=key, user_id="ada")

    def tell(n: int) -> None:
        with memory() as one:
            ids.append(one.add(f"Note {n}.", infer=False).episode_id)
        with memory() as one:
            assert f"Note {n}." in {fact.text for fact in one.get_all(limit=1000).items}

    def look(_: int) -> None:
        with contextlib.suppress(Unavailable), memory() as one:
            assert one.stats().episodes == len(ids)

    def until_answered(number: int) -> None:
        ends = time.monotonic() + 120
        with ThreadPoolExecutor(4) as pool:
            while len(pair.answered()) < number:
                assert time.monotonic() < ends, pair.lines[-20:]
                list(pool.map(look, range(8)))

    try:
        until_answered(2)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(tell, range(16)))
        signed = {"x-user-context": "eve", "x-signature": user_signature(secret, "eve")}
        for _ in range(8):
            with httpx.Client(headers={"authorization": f"Bearer {key}", **signed}) as http:
                assert http.post(f"{pair.url}/v1/stats", json={}).json()["episodes"] == 0
        taken, least, most = _let_in(pair.url, few, 8.0)
        assert 0.98 * least <= taken <= 1.02 * most, f"{taken} of {least:.1f} to {most:.1f}"
        sys.stdout.write(f"\nlet in {taken} of {least:.1f} to {most:.1f}, by two workers\n")
        gone = min(pair.answered())
        os.kill(gone, signal.SIGKILL)
        until_answered(3)  # another, in place of the one that was killed
        with memory() as one:
            assert [one.episode(id).id for id in ids] == ids
    finally:
        ended = pair.end()
    assert ended == 0, pair.lines
    assert not [line for line in pair.lines if "Traceback" in line or key in line]


def test_what_keeps_workers_from_beginning_is_said_once(environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "graphmem.doors.cli", "serve", "--port", "0", "--workers", "2"]
    nowhere = {**environment, "GRAPHMEM_LEDGER": "postgresql://nobody@127.0.0.1:1/nothing"}
    for given, why in ((nowhere, "127.0.0.1:1"), (child_environment(), "one process at a time")):
        ended = subprocess.run(
            command, env=given, capture_output=True, text=True, timeout=120, check=False
        )
        assert ended.returncode not in {0, -9}
        assert why in ended.stderr
        assert "answers at" not in ended.stderr
        assert "Traceback" not in ended.stderr


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
