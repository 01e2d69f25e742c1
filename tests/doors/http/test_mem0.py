"""mem0's released client, in an environment of its own, against a real server; and what mem0
itself stored, imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory
from graphmem.clock import ManualClock
from graphmem.doors.http.mem0_filters import read_filters
from graphmem.errors import UsageError
from graphmem.importers.mem0 import Mem0Reader
from tests.doors.http.running import RunningServer, serving
from tests.servers import environment_with, had_or_skipped

CLIENT = "mem0ai==2.2.1"
_SCRIPT = Path(__file__).with_name("mem0_script.py")


@pytest.fixture(scope="session")
def client_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter with mem0's client: MEM0_PYTHON, or one that is made for these tests."""
    if given := os.environ.get("MEM0_PYTHON"):
        return Path(given)
    home = tmp_path_factory.mktemp("mem0")
    return had_or_skipped(lambda: environment_with(home, CLIENT))


def _run(python: Path, server: RunningServer, folder: Path) -> dict[str, Any]:
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "MEM0_DIR": str(folder / "mem0"),
        "MEM0_TELEMETRY": "False",
    }
    done = subprocess.run(
        [python, _SCRIPT, server.url, server.key],
        capture_output=True,
        text=True,
        timeout=200,
        env=environ,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.skipif(sys.platform == "win32", reason="the environment's paths are POSIX's")
def test_the_released_client_works(client_python: Path, tmp_path: Path) -> None:
    with serving() as server:
        seen = _run(client_python, server, tmp_path)
    assert seen["added"]["results"][0]["event"] == "ADD"
    assert "Acme" in seen["added"]["results"][0]["memory"]
    assert "Acme" in seen["found"]["results"][0]["memory"]
    assert 0 < seen["found"]["results"][0]["score"] <= 1
    assert len(seen["found"]["results"]) <= 3
    assert [one["metadata"] for one in seen["narrowed"]["results"]] == [{"app": "demo"}]
    first, second = seen["pages"]
    assert (first["count"], len(first["results"]), len(second["results"])) == (6, 4, 2)
    assert (first["previous"], second["next"]) == (None, None)
    assert "page=2" in first["next"]
    assert "page=1" in second["previous"]
    assert not {m["id"] for m in first["results"]} & {m["id"] for m in second["results"]}
    assert seen["before"]["id"] == seen["updated"]["id"]
    assert "Bolt" in seen["updated"]["memory"]
    assert seen["updated"]["metadata"] == {"app": "two"}
    assert [one["event"] for one in seen["history"]] == ["ADD", "UPDATE"]
    assert seen["history"][1]["old_memory"] == seen["before"]["memory"]
    assert {"type": "user", "name": "ada"}.items() <= seen["entities"]["results"][0].items()
    assert seen["deleted"]["message"]
    assert seen["left"]["count"] == 5
    assert seen["missing"] == "MemoryNotFoundError"
    assert seen["gone"]["message"]
    assert seen["after"]["count"] == 0
    assert "key" in seen["refused"]


def test_its_addresses_with_what_is_wrong() -> None:
    with serving() as server, server.http() as http:
        headers = {"authorization": f"Token {server.key}"}
        calls: list[tuple[str, str, Any]] = [
            ("POST", "/v3/memories/add/", {"messages": []}),
            ("POST", "/v3/memories/add/", {"messages": [{"role": "user", "content": "Tea."}]}),
            ("POST", "/v3/memories/search/", {"query": "x"}),
            ("POST", "/v3/memories/search/", {"query": 7, "filters": {"user_id": "ada"}}),
            ("POST", "/v3/memories/search/", {"query": "x", "filters": {"user_id": 7}}),
            ("POST", "/v3/memories/search/", {"query": "x", "filters": ["user_id"]}),
            ("POST", "/v3/memories/", {"filters": {"user_id": "ada"}, "page": 0}),
            ("POST", "/v3/memories/", {"filters": {"user_id": "ada", "nonsense": 1}}),
            ("POST", "/v3/memories/search/", {"filters": {"user_id": "ada"}}),
            ("POST", "/v3/memories/", {"filters": "[" * 50_000}),
            ("POST", "/v3/memories/", {"filters": "1," * 100_000}),
            (
                "POST",
                "/v3/memories/add/",
                {"messages": "Tea.", "user_id": "ada", "expiration_date": "never"},
            ),
            ("DELETE", "/v1/memories/", None),
            ("DELETE", "/v2/entities/cat/tom/", None),
            ("PUT", "/v1/batch/", {"memories": [{}]}),
        ]
        for method, path, body in calls:
            answer = http.request(method, path, json=body, headers=headers)
            assert answer.status_code == 400, (path, body, answer.text)
            assert answer.json()["error"] == "UsageError"
        for method in ("GET", "PUT", "DELETE"):
            answer = http.request(method, "/v1/memories/none/", json={"text": "x"}, headers=headers)
            assert answer.status_code == 404


def test_a_memory_is_good_to_the_end_of_its_last_day_and_found_by_when_it_was_made() -> None:
    with serving(clock=ManualClock("2026-11-01T10:00:00Z")) as server, server.http() as http:

        def listed(**body: Any) -> list[str]:
            given = {"filters": {"user_id": "ada"}, **body}
            answer = http.post("/v3/memories/", json=given)
            assert answer.status_code == 200, answer.text
            return [one["memory"] for one in answer.json()["results"]]

        for text, made, last in (
            ("Good today", 1_700_000_000, "2026-11-01"),
            ("Gone", 0, "2026-10-31"),
        ):
            body = {"messages": text, "infer": False, "timestamp": made, "expiration_date": last}
            added = http.post("/v3/memories/add/", json={**body, "user_id": "ada"}).json()
            shown = http.get(f"/v1/memories/{added['results'][0]['id']}/").json()
            assert shown["expiration_date"] == last
        assert listed() == ["Good today"]
        assert shown["created_at"].startswith("1970-01-01")
        assert listed(start_date="2023-11-14", end_date="2023-11-14") == ["Good today"]
        assert listed(start_date="2024") == []
        created = {"AND": [{"user_id": "ada"}, {"created_at": {"lt": "2024"}}]}
        assert listed(filters=created) == ["Good today"]
        id = http.post("/v3/memories/", json={"filters": created}).json()["results"][0]["id"]
        changed = http.put(f"/v1/memories/{id}/", json={"expiration_date": "2026-12-24"}).json()
        assert changed["expiration_date"] == "2026-12-24"
        changed = http.put(f"/v1/memories/{id}/", json={"expiration_date": None}).json()
        assert changed["expiration_date"] is None


def test_filters_are_read_as_a_scope_and_a_filter() -> None:
    assert read_filters({"user_id": "ada"}) == ({"user_id": "ada"}, None)
    assert read_filters("{'user_id': 'ada'}") == ({"user_id": "ada"}, None)
    scope, where = read_filters(
        {"AND": [{"user_id": "ada"}, {"OR": [{"categories": "a"}, {"metadata": {"k": 1}}]}]}
    )
    assert scope == {"user_id": "ada"}
    assert where == {"or": [{"tag": "a"}, {'metadata."k"': 1}]}
    assert read_filters({"created_at": {"gte": "2024"}})[1] == {"occurred_at": {"gte": "2024"}}
    assert read_filters({"user_id": "*", "agent_id": {"in": ["bot"]}})[0] == {"agent_id": "bot"}
    for bad in (
        {"OR": [{"user_id": "a"}, {"user_id": "b"}]},
        {"NOT": [{"user_id": "a"}]},
        {"AND": [{"user_id": "a"}, {"user_id": "b"}]},
        {"user_id": ["a", "b"]},
        "__import__('os')",
        {"created_at": {"near": 1}},
    ):
        with pytest.raises(UsageError):
            read_filters(bad)


@pytest.fixture(scope="module")
def stores(client_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Qdrant folder and a history that mem0's own classes wrote."""
    folder = tmp_path_factory.mktemp("mem0-stores")
    script = Path(__file__).with_name("mem0_stores.py")
    environ = {"HOME": str(folder), "MEM0_DIR": str(folder / "home"), "MEM0_TELEMETRY": "False"}
    done = subprocess.run(
        [client_python, script, folder],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


def test_what_mem0_itself_stored(stores: Path, tmp_path: Path) -> None:
    reader = Mem0Reader([stores / "qdrant", stores / "history.db"], {}, max_bytes=1 << 20)
    with Memory(tmp_path / "store") as memory:
        assert memory.add_many(reader, infer=False) == 3
        assert memory.add_many(reader, infer=False) == 0
        assert (reader.memories, reader.replaced, reader.entities) == (2, 1, 1)
        assert reader.bad == []
        (now,) = memory.get_all(user_id="ada").items
        assert now.text == "Likes hiking in the Alps"
        assert now.metadata["mood"] == "good"
        assert now.scope.run_id == "r1"
        (then,) = memory.as_of("2024-02-01").get_all(user_id="ada").items
        assert then.text == "Likes swimming"
        (spoken,) = memory.get_all(agent_id="bot").items
        assert spoken.stated_at is not None
        assert spoken.stated_at.isoformat() == "2024-02-05T17:00:00+00:00"
        assert (spoken.metadata["actor_id"], spoken.metadata["role"]) == ("ada", "user")
        assert memory.search("Who likes the mountains?", user_id="ada")[0].id == now.id
    alone = Mem0Reader([stores / "history.db"], {"user_id": "ada"}, max_bytes=1 << 20)
    assert [item["content"] for item in alone] == [
        "Likes swimming",
        "Likes hiking in the Alps",
        "Speaks Portuguese",
    ]
    assert alone.deleted == 1
