"""Graph and vectors made anew while they serve: by a process of its own, killed at any step, with
more told and erased meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from graphmem import AsyncMemory, Memory, Settings, open_memory
from graphmem.adapters.disk_space import MIB
from graphmem.embedding import CachedEmbedder
from graphmem.engine import erasing
from graphmem.errors import Unavailable, UsageError
from graphmem.ports.graph import GraphChanges
from graphmem.ports.ledger import Ledger
from graphmem.projection.fill import FEW_EVENTS, Filled, Filling, Watch
from graphmem.testing.llm_server import LocalModelServer
from graphmem.testing.replay import replay_differences
from graphmem.wiring import fill_process
from tests.engine.helpers import child, child_environment
from tests.engine.remainders import remainders
from tests.sparse_copy import copy_store

_NOTES = 510
_SIZE = float(os.environ.get("GRAPHMEM_FUZZ", "1"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More than is filled in this process."""
    folder = tmp_path_factory.mktemp("rebuild") / "store"
    with Memory(folder, user_id="ada") as memory:
        memory.add_many([f"Note {n}: Zyxquorple hid key {n}." for n in range(_NOTES)], infer=False)
        memory.add("Bob Stone works at Acme. Bob Stone lives in Oslo.")
        memory.add("Carla Smith lives in Rome.", user_id="carla")
        assert memory.search("Zyxquorple").hits
    return folder


@pytest.fixture
def folder(store: Path, tmp_path: Path) -> Path:
    return copy_store(store, tmp_path / "store")


def fillers() -> list[psutil.Process]:
    """The processes of ours that fill a store."""
    found = []
    for one in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # a server's, that ended; zombies too
            if fill_process.__name__ in " ".join(one.cmdline()):
                found.append(one)
    return found


def beside(folder: Path) -> list[Path]:
    """What is being filled, or was left."""
    return [*folder.glob("graph.kuzu.next-*"), *folder.glob("vectors/next-*")]


async def _started(rebuilding: asyncio.Task[Any]) -> psutil.Process:
    while not rebuilding.done():
        if found := fillers():
            return found[0]
        await asyncio.sleep(0.005)
    raise AssertionError("no process was started")


async def test_it_serves_meanwhile_and_what_is_told_is_in_it(folder: Path) -> None:
    async with await open_memory(folder, user_id="ada") as memory:
        assert await memory._parts.ledger.head() > FEW_EVENTS
        seen: list[tuple[int, int]] = []
        rebuilding = asyncio.create_task(
            memory.rebuild(progress=lambda done, all: seen.append((done, all)))
        )
        answered = 0
        while not rebuilding.done():
            if answered < 9:
                await memory.add(f"Person{answered} met Dora Lane.", infer=False)
            found = await memory.search("Where does Bob Stone live?", limit=3)
            assert any("Bob Stone" in hit.text for hit in found.hits)
            last = f"Person{min(answered, 8)}"
            newest = await memory.search(last, kinds=["fact"], limit=1)
            assert f"{last} " in newest.hits[0].text
            answered += 1
            await asyncio.sleep(0.05)
        verified = await rebuilding
        assert verified.ok, verified.differences
        assert verified.checked["vectors facts"] >= _NOTES
        assert verified.checked["graph Fact nodes"] >= _NOTES
        assert answered > 3, "they waited until it was done"
        assert seen[-1][0] >= seen[-1][1] > 0
        assert [done for done, _ in seen] == sorted(done for done, _ in seen)
        assert (await memory.verify()).ok
        assert await replay_differences(memory) == []
        assert beside(folder) == []
    async with await open_memory(folder, user_id="ada") as memory:
        assert (await memory.verify()).ok


async def test_without_its_process_the_old_ones_serve(folder: Path) -> None:
    """Killed, as by the system when memory is scarce."""
    async with await open_memory(folder, user_id="ada") as memory:
        rebuilding = asyncio.create_task(memory.rebuild())
        (await _started(rebuilding)).kill()
        with pytest.raises(Unavailable, match=r"fills a new store.*signal 9"):
            await rebuilding
        assert beside(folder) == []
        assert (await memory.search("Zyxquorple")).hits
        assert (await memory.verify()).ok


async def test_cancelled_nothing_is_left_of_it(folder: Path) -> None:
    async with await open_memory(folder, user_id="ada") as memory:
        rebuilding = asyncio.create_task(memory.rebuild())
        process = await _started(rebuilding)
        rebuilding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await rebuilding
        assert not process.is_running()
        assert beside(folder) == []
        assert (await memory.verify()).ok


async def test_who_closes_the_memory_ends_it(folder: Path) -> None:
    """The files may be another's by then."""
    memory = await open_memory(folder, user_id="ada")
    rebuilding = asyncio.create_task(memory.rebuild())
    process = await _started(rebuilding)
    await memory.close()
    with pytest.raises(UsageError, match="this memory is closed"):
        await rebuilding
    assert not process.is_running()
    assert beside(folder) == []
    async with await open_memory(folder, user_id="ada") as memory:
        assert (await memory.verify()).ok


def test_a_killed_program_leaves_no_process(folder: Path) -> None:
    """Which would fill the disk for nobody."""
    program = (
        "import sys; from graphmem import Memory; memory = Memory(sys.argv[1], user_id='ada')\n"
        "memory.rebuild(progress=lambda *_: print('on', flush=True))"
    )
    with subprocess.Popen(
        child(program, str(folder)), env=child_environment(), stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "on\n"
        found = psutil.Process(running.pid).children(recursive=True)
        running.send_signal(signal.SIGKILL)
    _, alive = psutil.wait_procs(found, timeout=30)
    assert found
    assert not alive
    with Memory(folder, user_id="ada") as memory:
        assert memory.search("Zyxquorple").hits
        assert memory.verify().ok
    assert beside(folder) == []


def test_from_a_program_without_a_guard_and_secrets_stay_secret(folder: Path) -> None:
    """As ``multiprocessing`` it would run the program again; and who may list processes sees no
    key."""
    program = folder.parent / "program.py"
    program.write_text(
        "import os, sys, psutil\n"
        "print('begun', flush=True)\n"
        "from graphmem import Memory, Settings\n"
        "settings = Settings.load({}, vectors_api_key='hush-hush', ledger_password='hush-hush')\n"
        "memory = Memory(sys.argv[1], user_id='ada', settings=settings)\n"
        "seen = []\n"
        "def look(*_):\n"
        "    for one in psutil.Process().children(recursive=True):\n"
        "        seen.append(' '.join(one.cmdline()) + str(one.environ()))\n"
        "assert memory.rebuild(progress=look).ok\n"
        "assert any('fill_process' in one for one in seen), seen\n"
        "assert not any('hush' in one for one in seen)\n"
        "memory.close()\n"
    )
    done = subprocess.run(
        [sys.executable, str(program), str(folder)],
        env=child_environment(),
        cwd="/proc/self" if Path("/proc/self").is_dir() else None,  # where nobody may write
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["begun"]


_KILLED = """
import os, pathlib, shutil, sys
from graphmem import Memory
from graphmem.projection import fill
from graphmem.wiring import fill_process
fill_process.FEW_EVENTS = 1 << 60  # here, where it can be counted
memory = Memory(sys.argv[1], user_id="ada")
left = int(sys.argv[2])
def counted(home, name):
    run = getattr(home, name)
    def call(*args, **named):
        global left
        if "next-" in str(args[0]) or "graph.kuzu" in str(args[0]) or "vectors" in str(args[0]):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), 9)
        return run(*args, **named)
    setattr(home, name, call)
for name in ("rename", "replace", "unlink", "mkdir"):
    counted(pathlib.Path, name)
counted(shutil, "rmtree")
memory.rebuild()
memory.close()
print(int(sys.argv[2]) - left)
"""


def test_killed_at_any_step_there_is_a_right_store(folder: Path, tmp_path: Path) -> None:
    """Before each change of a file's name or place; most are of the switch."""
    small = tmp_path / "small"
    with Memory(small, user_id="ada") as memory:
        memory.add("Bob Stone works at Acme. Bob Stone lives in Oslo.")
        memory.add("Tea is in the kitchen.", infer=False)
        assert memory.verify().ok

    def killed(at: int) -> tuple[Path, subprocess.CompletedProcess[str]]:
        copy = copy_store(small, tmp_path / f"killed{at}")
        done = subprocess.run(
            child(_KILLED, str(copy), str(at)),
            env=child_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        return copy, done

    _, whole = killed(1 << 30)
    assert whole.returncode == 0, whole.stderr[-2000:]
    steps = int(whole.stdout)
    assert steps > 20
    tried = max(4, round(6 * _SIZE))
    for at in sorted({1 + round(n * (steps - 1) / (tried - 1)) for n in range(tried)}):
        copy, done = killed(at)
        assert done.returncode == -signal.SIGKILL, (at, done.stderr[-2000:])
        with Memory(copy, user_id="ada") as memory:
            assert memory.search("Where does Bob Stone live?").hits, at
            found = memory.verify()
            assert found.ok, (at, found.differences)
        assert beside(copy) == [], at
        shutil.rmtree(copy)


def test_what_is_left_or_damaged_is_in_nobodys_way(folder: Path) -> None:
    (folder / "graph.kuzu.next-0").write_bytes(b"KUZU" + os.urandom(9000))
    (folder / "graph.kuzu.next-0.seal").write_text("{}")
    (folder / "vectors" / "next-0").mkdir()
    (folder / "vectors" / "next-0" / "checkpoint.json").write_text("{")
    for name in ("graph.kuzu", "vectors/checkpoint.json"):
        path = folder / name
        path.write_bytes(path.read_bytes()[:60])
    with Memory(folder, user_id="ada") as memory:
        assert not memory.verify().ok
        assert beside(folder) == []
        assert memory.rebuild().ok
        assert memory.search("Zyxquorple").hits
    with Memory(folder, user_id="ada") as memory:
        assert memory.verify().ok


async def test_damaged_files_make_room_for_the_new(folder: Path) -> None:
    """They serve nobody, and the disk may be nearly full."""
    graph = folder / "graph.kuzu"
    graph.write_bytes(graph.read_bytes()[:9000])
    async with await open_memory(folder, user_id="ada") as memory:
        fill = memory._parts.fill

        async def seen(
            filling: Filling, ledger: Ledger, embedder: CachedEmbedder, watch: Watch
        ) -> Filled:
            assert not graph.exists()
            return await fill(filling, ledger, embedder, watch)

        memory._rebuilder._parts = dataclasses.replace(memory._parts, fill=seen)
        assert (await memory.verify(repair=True)).ok
        assert graph.exists()


async def test_a_disk_that_fills_meanwhile(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(folder)
    monkeypatch.setattr(fill_process, "FEW_EVENTS", 1 << 60)  # in this process, whose disk is full
    async with await open_memory(folder, user_id="ada") as memory:
        full = usage._replace(free=10 * MIB)
        for part in ("graph.kuzu.next", "vectors/next"):
            monkeypatch.setattr(
                shutil,
                "disk_usage",
                lambda path, part=part: full if _is_filled(folder, path, part) else usage,
            )
            with pytest.raises(Unavailable, match="the disk is nearly full"):
                await memory.rebuild()
            monkeypatch.undo()
            monkeypatch.setattr(fill_process, "FEW_EVENTS", 1 << 60)
            assert beside(folder) == []
            assert (await memory.search("Zyxquorple")).hits
            assert (await memory.verify()).ok


def _is_filled(folder: Path, path: object, part: str) -> bool:
    return bool(list(folder.glob(f"{part}*"))) and ("vectors" in str(path)) == ("vectors" in part)


async def test_texts_that_cost_something_are_embedded_by_the_parent(tmp_path: Path) -> None:
    with LocalModelServer() as server:
        settings = Settings.load(
            {},
            embedder="openai:test-embedder",
            openai_base_url=server.base_url,
            openai_api_key="sk-hush",
        )
        folder = tmp_path / "store"
        async with await open_memory(folder, user_id="ada", settings=settings) as memory:
            await memory.add_many([f"Note {n}." for n in range(_NOTES)], infer=False)
            assert (await memory.search("note")).hits
            before = len(server.embeddings)
            assert (await memory.rebuild()).ok
            assert len(server.embeddings) == before, "the ledger keeps them"
        with closing(sqlite3.connect(folder / "ledger.sqlite")) as ledger, ledger:
            ledger.execute("DELETE FROM embeddings")
        (folder / "ledger.sqlite.sums").unlink()
        async with await open_memory(folder, user_id="ada", settings=settings) as memory:
            assert (await memory.rebuild()).ok
            made = len(server.embeddings)
            assert made > before
            assert (await memory.search("note")).hits
            assert (await memory.rebuild()).ok
            assert len(server.embeddings) <= made + 1, "the parent keeps them"


class TestErased:
    async def test_closing_does_not_wait_for_it(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(erasing, "SOON_RENEWED", 0)
        monkeypatch.setattr(erasing, "_FIRST_PAUSE_S", 0.01)
        async with await open_memory(folder, user_id="ada") as memory:
            await memory.delete_all()
            await _until(_filling)
            begun = time.process_time()
        assert time.process_time() - begun < 1
        assert fillers() == []
        assert beside(folder) == []
        assert any("graph.kuzu" in one for one in remainders(folder, ["Zyxquorple"]))
        async with await open_memory(folder, user_id="carla") as memory:
            (receipt,) = await memory.erasures(user_id="ada")
            assert {"graph", "vectors"} <= receipt.pending.keys()
            await _until(lambda: _done(memory))
            assert remainders(folder, ["Zyxquorple"]) == []
            assert (await memory.search("Where does Carla live?")).hits
            assert (await memory.verify()).ok

    async def test_what_is_erased_meanwhile_takes_another_round(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The new file may hold it: it was read before."""
        async with await open_memory(folder, user_id="ada") as memory:
            await memory.delete_all(user_id="carla")
            rebuilding = asyncio.create_task(memory._renew(memory._graph))
            await _started(rebuilding)
            await memory.delete_all()
            await rebuilding
            (first,) = await memory.erasures(user_id="carla")
            (second,) = await memory.erasures(user_id="ada")
            assert "graph" not in first.pending
            assert "graph" in second.pending
            await _until(lambda: _done(memory))
            assert remainders(folder, ["Zyxquorple"]) == []


async def _done(memory: AsyncMemory) -> bool:
    found = [*await memory.erasures(user_id="ada"), *await memory.erasures(user_id="carla")]
    return not any(one.pending for one in found)


async def _filling() -> bool:
    return bool(fillers())


async def _until(done: Callable[[], Awaitable[bool]]) -> None:
    until = time.monotonic() + 120
    while not await done():
        assert time.monotonic() < until
        await asyncio.sleep(0.05)


class TestWithoutASuccessor:
    """What is held in memory or by a server is put right where it differs, while it serves."""

    async def test_in_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        await self._check("memory://", Settings.load({}), monkeypatch)

    @pytest.mark.server
    async def test_on_servers(
        self, postgres_url: str, neo4j_uri: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """PostgreSQL, Neo4j and, with ``QDRANT_URL``, Qdrant."""
        schema = f"t_{uuid.uuid4().hex[:12]}"
        qdrant = os.environ.get("QDRANT_URL")
        settings = Settings.load(
            {},
            ledger=f"{postgres_url}?schema={schema}",
            graph=f"{neo4j_uri}?replace=1",
            vectors=f"{qdrant}?prefix={schema}&replace=1" if qdrant else "memory://",
        )
        await self._check(None, settings, monkeypatch)

    async def _check(
        self, where: str | None, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with await open_memory(where, user_id="ada", settings=settings) as memory:
            await memory.add("Bob Stone works at Acme. Bob Stone lives in Oslo.")
            await memory.add("Tea is in the kitchen.", infer=False)
            assert (await memory.search("Where does Bob Stone live?")).hits
            parts = memory._parts
            gone = (await memory.get_all(limit=1)).items[0].id
            head = await parts.ledger.head()
            await parts.graph.apply(GraphChanges(removed_facts=(gone,)), head)
            assert not (await memory.verify()).ok
            for part in (parts.graph, parts.vectors):
                monkeypatch.setattr(type(part), "clear", _never)
            found = await memory.rebuild()
            assert found.ok
            assert any("graph Fact: 1 " in one for one in found.repaired)


async def _never(_: object) -> None:
    raise AssertionError("it serves no more")


@pytest.mark.parametrize("moved", [True, False])
def test_a_folder_that_is_gone_is_told_and_nothing_said_to_be_done(
    tmp_path: Path, *, moved: bool
) -> None:
    store, elsewhere = tmp_path / "m", tmp_path / "elsewhere"
    memory = Memory(store, user_id="ada")
    try:
        memory.add("I live in Paris.")
        fact = memory.get_all()[0].id
        if moved:
            store.rename(elsewhere)
        else:
            shutil.rmtree(store)
        calls: list[Callable[[], Any]] = [
            memory.rebuild,
            lambda: memory.forget(wait=True),
            lambda: memory.delete(fact, erase=True),
            memory.delete_all,
            lambda: memory.add("I live in Rome."),
            lambda: memory.add_many(["I live in Rome."]),
            lambda: memory.relate("Ada", "likes", "tea"),
        ]
        for call in calls:
            with pytest.raises(Unavailable, match=f"{store} was moved or removed"):
                call()
        with contextlib.suppress(Unavailable):  # the ledger cannot be read any more, either
            assert memory.erasures() == []
    finally:
        with contextlib.suppress(Unavailable):  # the vectors find no place for their checkpoint
            memory.close()
    assert not store.exists()
    if moved:
        with Memory(elsewhere, user_id="ada") as memory:
            assert memory.verify().ok
            assert memory.stats().episodes == 1
