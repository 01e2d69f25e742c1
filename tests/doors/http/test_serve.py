"""``graphmem serve`` as a program: its key, the command line through it, its end."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from graphmem import Memory, Settings
from graphmem.doors.http.serve import listen_at
from graphmem.errors import GraphmemError, Unauthenticated, Unavailable, UsageError
from graphmem.wiring.places import ServerAt, server_at

_PROGRAM = [sys.executable, "-m", "graphmem.doors.cli"]
_START_S = 60


@contextmanager
def _program(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], ServerAt]]:
    """A server of its own process, once it says where it answers."""
    command = [*_PROGRAM, "--store", str(folder), "serve", "--port", "0", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            ends = time.monotonic() + _START_S
            while (found := server_at(folder)) is None:
                assert process.poll() is None, process.stderr and process.stderr.read()
                assert time.monotonic() < ends
                time.sleep(0.05)
            yield process, found
        finally:
            process.kill()


def _cli(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    given = {**os.environ, **environ}
    return subprocess.run(
        [*_PROGRAM, *words], capture_output=True, text=True, env=given, timeout=120, check=False
    )


def test_a_folder_that_is_served_is_reached_through_the_server(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    with _program(folder) as (process, server):
        note = folder / "server.json"
        assert stat.S_IMODE(note.stat().st_mode) == 0o600
        assert server.key is not None
        with pytest.raises(Unavailable, match=f"GRAPHMEM_URL={server.url}"):
            Memory(folder)
        added = _cli("--store", str(folder), "--user", "ada", "add", "Bob Stone works at Acme.")
        assert added.returncode == 0, added.stderr
        assert f"is served at {server.url}: asked through it" in added.stderr
        environ = {"GRAPHMEM_URL": server.url, "GRAPHMEM_API_KEY": server.key}
        asked = _cli("--user", "ada", "search", "Where does Bob work?", "--json", **environ)
        assert json.loads(asked.stdout)["hits"][0]["fact"]["text"] == "Bob Stone works at Acme"
        missing = _cli("--user", "ada", "get", "nothing", **environ)
        assert missing.returncode == 4
        refused = _cli("--user", "ada", "stats", **{**environ, "GRAPHMEM_API_KEY": "wrong"})
        assert refused.returncode == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert not note.exists()
    with Memory(folder, user_id="ada") as memory:
        assert memory.stats().facts == 1
        assert memory.verify().ok
    (folder / "server.json").write_text(json.dumps({**server._asdict(), "pid": 1}))
    assert server_at(folder) is None, "it is of a server that is no more"
    with _program(folder) as (_, again):
        assert again.key != server.key
        with Memory(again.url, api_key=server.key) as memory, pytest.raises(Unauthenticated):
            memory.stats()


def test_what_is_under_way_is_finished_before_the_end(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    found: list[Any] = []
    with _program(folder) as (process, server):
        body = {"contents": [f"Note {n}: tea." for n in range(2000)], "user_id": "ada"}
        headers = {"authorization": f"Bearer {server.key}"}

        def add() -> None:
            url = f"{server.url}/v1/add_many"
            found.append(
                httpx.post(url, json={**body, "infer": False}, headers=headers, timeout=60)
            )

        adding = threading.Thread(target=add)
        adding.start()
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        adding.join()
        assert process.wait(60) == 0
    assert [answer.status_code for answer in found] == [200], found[0].text
    assert found[0].json() == 2000
    with Memory(folder, user_id="ada") as memory:
        assert memory.stats().episodes == 2000


def test_what_was_acknowledged_before_a_kill_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    kept: set[str] = set()
    with _program(folder) as (process, server):

        def add(name: int) -> None:
            with Memory(server.url, api_key=server.key, user_id=f"user-{name}") as memory:
                for n in range(100):
                    try:
                        kept.add(memory.add(f"Note {name} {n}.", infer=False).episode_id)
                    except GraphmemError:
                        return

        threads = [threading.Thread(target=add, args=(name,)) for name in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        process.kill()
        for thread in threads:
            thread.join()
    assert kept
    with Memory(folder) as memory:
        for id in kept:
            assert memory.episode(id).id == id
        assert memory.verify().ok


@pytest.mark.parametrize("host", ["\u202e\x1b[31m", "no such host", "x" * 300, "a\0b", "256.0.0.1"])
def test_a_host_that_is_none_is_refused(host: str) -> None:
    with pytest.raises(UsageError, match="nothing can listen on"):
        listen_at(Settings.load({"GRAPHMEM_SERVER_HOST": host}))


@pytest.mark.parametrize(
    ("folder", "environ", "says", "code"),
    [
        ("a-file", {}, "it is a file", 2),
        ("held", {}, "is open in another process", 75),
        ("new", {"GRAPHMEM_LEDGER": "mysql://u@127.0.0.1/db"}, "known are: memory", 2),
        ("new", {"GRAPHMEM_LEDGER": "postgresql://u@127.0.0.1:1/db"}, "cannot be reached", 75),
        ("new", {"GRAPHMEM_GRAPH": "bolt://127.0.0.1:1"}, "cannot be reached", 75),
        ("new", {"GRAPHMEM_VECTORS": "http://127.0.0.1:1"}, "cannot be reached", 75),
    ],
)
def test_a_store_that_cannot_be_opened_is_one_line_and_an_exit_code(
    tmp_path: Path, folder: str, environ: dict[str, str], says: str, code: int
) -> None:
    (tmp_path / "a-file").touch()
    with Memory(tmp_path / "held", user_id="ada"):
        tried = _cli("--store", str(tmp_path / folder), "serve", "--port", "0", **environ)
    assert tried.returncode == code, tried.stderr
    *log, last = tried.stderr.splitlines()
    assert last.startswith("error: ")
    assert says in last
    assert not [line for line in log if not line[:4].isdigit()], "a traceback"
