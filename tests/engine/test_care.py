"""Opening, closing, rebuilding, verifying, health; what a folder survives."""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import sqlite3
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from graphmem import AsyncMemory, Memory, Settings, open_memory
from graphmem.errors import LedgerLost, Rejected, Unavailable, UsageError
from graphmem.model import Hit
from graphmem.testing.replay import replay_differences
from tests.engine.helpers import NOTHING, STORY, add_story, facts_of
from tests.sparse_copy import copy_store

QUESTIONS = ("Where does Ada Lovelace live?", "Who works at Acme?", "Lisbon", "married")


def answers(memory: Memory) -> list[tuple[Hit, ...]]:
    return [memory.search(question, limit=20, current=False).hits for question in QUESTIONS]


def same(one: list[tuple[Hit, ...]], other: list[tuple[Hit, ...]]) -> bool:
    """The same hits in the same places with the same scores, but for rounding."""
    return all(
        [(a.kind, a.id, a.path) for a in left] == [(b.kind, b.id, b.path) for b in right]
        and all(abs(a.score - b.score) < 1e-4 for a, b in zip(left, right, strict=True))
        for left, right in zip(one, other, strict=True)
    )


class TestCounts:
    def test_of_a_scope_and_of_the_whole_store(self) -> None:
        with Memory("memory://") as memory:
            assert memory.stats() == NOTHING
            memory.add("Bob Stone works at Acme.", user_id="ada")
            memory.add("Tea. \n\nCoffee.", user_id="bob", infer=False)
            ada, bob = memory.stats(user_id="ada"), memory.stats(user_id="bob")
            assert (ada.episodes, ada.turns, ada.facts, ada.relations, ada.entities) == (
                *(1, 1, 1, 1),
                2,
            )
            assert (bob.episodes, bob.turns, bob.facts, bob.relations, bob.entities) == (
                *(1, 2, 1, 0),
                0,
            )
            whole = memory.stats()
            assert (whole.episodes, whole.turns, whole.facts) == (2, 3, 2)
            assert memory.stats(user_id="eve") == NOTHING

    def test_a_scope_without_an_owner_counts_nobodys(self) -> None:
        """Half a scope is a mistake, not a wish to count everybody's."""
        with Memory("memory://") as memory:
            memory.add("Tea.", user_id="ada")
            half = {"run_id": "r"}
            for call in (memory.stats, memory.runs, memory.users, memory.sweep):
                with pytest.raises(UsageError, match="user_id or an agent_id"):
                    call(**half)  # type: ignore[arg-type]
            assert memory.stats(project_id="p") == NOTHING
            with pytest.raises(UsageError, match="unknown argument user "):
                memory.stats(user="ada")  # type: ignore[call-arg]

    def test_health_names_every_part(self, story: Memory) -> None:
        health = story.health()
        assert health.ok
        assert health.parts["ledger"] == health.parts["graph"] == health.parts["vectors"] == "ok"
        assert health.parts["extraction"] == "rules"
        assert health.parts["embedder"].startswith("wordllama")
        assert health.parts["pending"] == "0"
        assert set(health.lag) == {"graph", "vectors"}

    def test_verify_counts_what_each_store_holds(self) -> None:
        with Memory("memory://", user_id="ada") as memory:
            add_story(memory)
            memory.add("Tea.", infer=False)
            checked = memory.verify()
            assert (checked.ok, checked.differences) == (True, ())
            stats = memory.stats()
            ledger = {n for n in checked.checked if n.startswith("ledger")}
            assert ledger == {f"ledger {what}" for what in ("pages", "episodes", "events", "facts")}
            assert {n: c for n, c in checked.checked.items() if n not in ledger} == {
                "graph Fact nodes": stats.facts,
                "graph Entity nodes": stats.entities,
                "graph Episode nodes": stats.episodes,
                "vectors facts": stats.facts,
                "vectors turns": stats.turns - 1,
                "vectors sessions": stats.episodes - 1,
            }


class TestRebuild:
    def test_gives_the_same_answers_and_counts(self, tmp_path: Path) -> None:
        with Memory(tmp_path / "store", user_id="ada") as memory:
            add_story(memory)
            memory.delete(memory.relations("Dora Lane")[0].fact_id)
            memory.delete(memory.add("Eve Moss lives in Rome.").episode_id)
            before, counts = answers(memory), memory.stats()
            noted: list[tuple[int, int]] = []
            checked = memory.rebuild(progress=lambda done, total: noted.append((done, total)))
            assert checked.ok
            assert checked.checked["graph Fact nodes"] == counts.facts
            assert noted[-1][0] == noted[-1][1]
            assert [done for done, _ in noted] == sorted(done for done, _ in noted)
            assert same(answers(memory), before)
            assert memory.stats() == counts
        with Memory(tmp_path / "store", user_id="ada") as memory:
            assert same(answers(memory), before)

    def test_what_is_deleted_comes_back_on_opening(self, tmp_path: Path) -> None:
        folder = tmp_path / "store"
        with Memory(folder, user_id="ada") as memory:
            add_story(memory)
            before, counts = answers(memory), memory.stats()
        for lost in (("graph*",), ("vectors",), ("graph*", "vectors")):
            gone = [path for pattern in lost for path in folder.glob(pattern)]
            assert gone
            for path in gone:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            with Memory(folder, user_id="ada") as memory:
                assert memory.verify().ok
                assert same(answers(memory), before)
                assert memory.stats() == counts

    def test_another_stores_graph_and_vectors_are_replaced_when_told_so(
        self, tmp_path: Path
    ) -> None:
        """Both of one other store: it may as well be the ledger that is in the wrong place."""
        mine, other = tmp_path / "mine", tmp_path / "other"
        with Memory(other, user_id="ada") as memory:
            memory.add_many(f"Stranger {n} lives in Rome." for n in range(20))
            assert memory.verify().ok
        with Memory(mine, user_id="ada") as memory:
            add_story(memory)
            before = answers(memory)
        for path in [*mine.glob("graph*"), mine / "vectors"]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path in [*other.glob("graph*"), other / "vectors"]:
            place = mine / path.name
            copy_store(path, place) if path.is_dir() else shutil.copy(path, place)
        with pytest.raises(LedgerLost, match="of another store"):
            Memory(mine, user_id="ada")
        with Memory(mine, user_id="ada", settings=Settings.load(accept_ledger=True)) as memory:
            assert memory.verify().ok
            assert same(answers(memory), before)
            assert memory.cypher("MATCH (e:Entity) RETURN count(e)").rows[0][0] == 9

    def test_an_older_graph_goes_on_from_where_it_was(self, tmp_path: Path) -> None:
        """As after a restored backup, or a copy of the folder made in the middle."""
        folder, copy = tmp_path / "store", tmp_path / "copy"
        with Memory(folder, user_id="ada") as memory:
            add_story(memory)
        copy_store(folder, copy)
        with Memory(folder, user_id="ada") as memory:
            memory.add("Eve Moss lives in Rome.")
            memory.delete_all(run_id="nothing")
            memory.delete(memory.add("Tea.", infer=False).fact_ids[0])
            before = answers(memory)
        shutil.rmtree(folder / "vectors")
        copy_store(copy / "vectors", folder / "vectors")
        with Memory(folder, user_id="ada") as memory:
            assert memory.verify().ok
            assert same(answers(memory), before)


class TestLife:
    def test_reopening_finds_everything(self, tmp_path: Path) -> None:
        folder = tmp_path / "deep" / "er" / "störe 1"
        with Memory(folder, user_id="ada") as memory:
            add_story(memory)
            before, facts = answers(memory), memory.get_all(current=False)
        with Memory(str(folder), user_id="ada") as memory:
            assert memory.get_all(current=False) == facts
            assert same(answers(memory), before)
            assert memory.add(STORY[0][0], occurred_at=STORY[0][1]).status == "duplicate"

    def test_memory_keeps_nothing(self) -> None:
        with Memory("memory://", user_id="ada") as one, Memory("memory://", user_id="ada") as two:
            one.add("Tea.")
            assert two.stats() == NOTHING

    @pytest.mark.parametrize("name", ["store", "memory://"])
    def test_close_twice_is_fine_and_use_after_is_not(self, tmp_path: Path, name: str) -> None:
        memory = Memory(name if "://" in name else tmp_path / name, user_id="ada")
        fact = memory.add("Tea.", infer=False).fact_ids[0]
        memory.close()
        memory.close()
        for call in _calls(memory, fact):
            with pytest.raises(UsageError, match="closed"):
                call()

    @pytest.mark.parametrize("name", ["store", "memory://"])
    async def test_the_asynchronous_one_says_so_too(self, tmp_path: Path, name: str) -> None:
        memory = await open_memory(name if "://" in name else tmp_path / name, user_id="ada")
        fact = (await memory.add("Tea.", infer=False)).fact_ids[0]
        await memory.close()
        await memory.close()
        for call in _calls(memory, fact):
            with pytest.raises(UsageError, match="closed"):
                await call()

    def test_a_body_that_fails_closes_all_the_same(self, tmp_path: Path) -> None:
        def fail() -> None:
            with Memory(tmp_path / "store", user_id="ada") as memory:
                memory.add("Tea.")
                raise RuntimeError("mine")

        with pytest.raises(RuntimeError, match="mine"):
            fail()
        with Memory(tmp_path / "store", user_id="ada") as memory:
            assert memory.stats().episodes == 1

    def test_a_newer_version_is_refused_and_left_alone(self, tmp_path: Path) -> None:
        folder = tmp_path / "store"
        with Memory(folder, user_id="ada") as memory:
            memory.add("Tea.")
        raw = sqlite3.connect(folder / "ledger.sqlite")
        (version,) = raw.execute("PRAGMA user_version").fetchone()
        raw.execute("PRAGMA user_version = 99")
        raw.close()
        for _ in range(2):
            with pytest.raises(Rejected, match=r"newer graphmem.*upgrade"):
                Memory(folder, user_id="ada")
        raw = sqlite3.connect(folder / "ledger.sqlite")
        assert raw.execute("SELECT count(*) FROM episodes").fetchone() == (1,)
        raw.execute(f"PRAGMA user_version = {version}")
        raw.close()
        with Memory(folder, user_id="ada") as memory:
            assert memory.stats().episodes == 1

    def test_a_folder_that_cannot_be_one(self, tmp_path: Path) -> None:
        file = tmp_path / "file"
        file.write_text("I am a file")
        for folder in (file, file / "below"):
            with pytest.raises(UsageError, match="cannot be used as a memory folder"):
                Memory(folder, user_id="ada")
        assert file.read_text() == "I am a file"

    def test_parts_may_live_apart(self, tmp_path: Path) -> None:
        settings = Settings.load(
            {},
            ledger=f"sqlite:///{tmp_path / 'a' / 'my.sqlite'}",
            graph="memory://",
            vectors=f"qdrant-edge:///{tmp_path / 'b' / 'points'}",
        )
        for count in (8, 9):
            with Memory(user_id="ada", settings=settings) as memory:
                add_story(memory)
                assert memory.stats().episodes == count
                assert memory.verify().ok
                memory.add("One more.")


class TestManyTasksAtOnce:
    async def test_writers_and_readers_of_several_users(self, tmp_path: Path) -> None:
        async with await open_memory(tmp_path / "store") as memory:

            async def live(user: str) -> None:
                for number in range(6):
                    text = f"Person{number} of {user} lives in Oslo."
                    receipt = await memory.add(text, user_id=user)
                    assert receipt.status == "done"
                    found = await memory.search(text, user_id=user, limit=50)
                    assert receipt.episode_id in {hit.episode_id for hit in found}
                    assert all(user in hit.text for hit in found)

            await asyncio.gather(*(live(f"user{n}") for n in range(5)))
            assert (await memory.verify()).ok
            assert await replay_differences(memory) == []
            assert (await memory.stats()).episodes == 30

    async def test_the_same_stated_by_many_at_once_is_stated_once(self) -> None:
        async with await open_memory("memory://", user_id="ada") as memory:
            receipts = await asyncio.gather(*(memory.add("Bob works at Acme.") for _ in range(8)))
            assert len({receipt.episode_id for receipt in receipts}) == 1
            assert (await memory.stats()).facts == 1
            assert (await memory.stats()).episodes == 1

    async def test_single_valued_relations_stated_at_once(self) -> None:
        """Whatever the order, one home is open at the end."""
        async with await open_memory("memory://", user_id="ada") as memory:
            await asyncio.gather(
                *(
                    memory.add(f"Bob Stone lives in {city}.", occurred_at=f"2024-0{n}-01")
                    for n, city in enumerate(("Oslo", "Rome", "Lisbon", "Paris", "Bonn"), start=1)
                )
            )
            assert [r.object for r in await memory.relations("Bob Stone")] == ["Bonn"]
            assert len(await memory.relations("Bob Stone", current=False)) == 5
            assert await replay_differences(memory) == []

    @pytest.mark.parametrize("folder", ["store", "memory://"])
    async def test_a_cancelled_call_leaves_a_consistent_store(
        self, tmp_path: Path, folder: str
    ) -> None:
        """Whenever it is cancelled: the store agrees with itself at once, and later."""
        place = folder if "://" in folder else tmp_path / folder
        rng = random.Random(7)
        async with await open_memory(place, user_id="ada") as memory:
            for number in range(40):
                jobs: list[Coroutine[Any, Any, object]] = [
                    memory.add(f"Person{number} lives in Oslo."),
                    memory.add_many([f"Note {number} {n}." for n in range(5)], infer=False),
                    memory.search(f"note {number}"),
                    memory.delete_all(run_id="r"),
                ]
                for job in jobs:
                    await cut_short(job, rng.random() * 0.01)
                    assert (await memory.verify()).ok
            assert await replay_differences(memory) == []
            for receipt in await memory.resume():
                assert receipt.status == "done"
            assert (await memory.stats()).pending == 0
            assert await replay_differences(memory) == []


def _calls(memory: Any, fact: str) -> list[Callable[[], Any]]:
    """Every method, once."""
    return [
        lambda: memory.add("Tea."),
        lambda: memory.add_many(["Tea."]),
        lambda: memory.update(fact, importance=1),
        lambda: memory.delete(fact),
        memory.delete_all,
        memory.resume,
        lambda: memory.search("Tea"),
        lambda: memory.context("Tea"),
        lambda: memory.get(fact),
        memory.get_all,
        lambda: memory.episode("x"),
        lambda: memory.history(fact),
        memory.entities,
        lambda: memory.entity("x"),
        memory.relations,
        lambda: memory.neighbours("x"),
        lambda: memory.paths("x", "y"),
        memory.timeline,
        lambda: memory.cypher("MATCH (e:Entity) RETURN e.name"),
        memory.to_networkx,
        memory.stats,
        memory.health,
        memory.verify,
        memory.rebuild,
    ]


async def test_what_was_cancelled_is_known_to_what_comes_next() -> None:
    """A cancelled decision is made or not made, but never half seen by the next one."""
    rng = random.Random(3)
    async with await open_memory("memory://", user_id="ada") as memory:
        for number in range(60):
            day = f"20{10 + number // 12}-{1 + number % 12:02}-01"
            telling = memory.add(f"Bob Stone moved to City{number}.", occurred_at=day)
            await cut_short(telling, rng.random() * 0.004)
            await memory.add(f"Bob Stone moved to Town{number}.", occurred_at=f"{day[:8]}15")
            homes = [r.object for r in await memory.relations(type="lives_in")]
            assert homes == [f"Town{number}"]
        assert await replay_differences(memory) == []


async def cut_short(job: Coroutine[Any, Any, object], after_s: float) -> None:
    task = asyncio.ensure_future(job)
    await asyncio.wait([task], timeout=after_s)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_lag_is_bounded_and_shown(tmp_path: Path) -> None:
    """Projections follow by themselves; a read need not wait for more than what is left."""
    settings = Settings.load({}, max_lag=50)
    async with await open_memory(tmp_path / "store", user_id="ada", settings=settings) as memory:
        for start in range(0, 600, 100):
            await memory.add_many(
                [f"Note {number}." for number in range(start, start + 100)], infer=False
            )
            lag = (await memory.health()).lag
            assert max(lag.values()) <= 4 * 50 + 2 * 64 * 2
        assert (await memory.verify()).ok


async def test_what_one_user_told_is_waited_for_by_no_other(tmp_path: Path) -> None:
    settings = Settings.load({}, max_lag=100)
    much = " ".join(f"My friend Bob{n} works at Co{n}." for n in range(600))
    async with await open_memory(tmp_path / "store", settings=settings) as memory:
        await memory.add("I live in Rome.", user_id="ada")
        await memory.search("Rome", user_id="ada")
        telling = asyncio.create_task(memory.add(much, user_id="bob"))
        while memory._background is None:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.005)
        await memory.add("I work at Acme.", user_id="ada")
        await memory.relate("Ada", "knows", "Grace", user_id="ada")
        assert not telling.done()
        assert not memory._background.done()
        await telling
        assert memory._background.done()
        found = await memory.search("Where do I work?", user_id="ada")
        assert found[0].text == "ada works at Acme"


def test_facts_of_every_write_are_there_in_order(tmp_path: Path) -> None:
    with Memory(tmp_path / "store", user_id="ada") as memory:
        memory.add_many((f"Note {n}." for n in range(150)), infer=False)
    with Memory(tmp_path / "store", user_id="ada") as memory:
        assert facts_of(memory) == [f"Note {n}." for n in range(150)]


async def test_async_with_opens_and_closes(tmp_path: Path) -> None:
    async with await open_memory(tmp_path / "store", user_id="ada") as memory:
        assert isinstance(memory, AsyncMemory)
        assert (await memory.add("Tea.")).status == "done"
    with pytest.raises(UsageError, match="closed"):
        await memory.add("Tea.")


def test_a_disk_that_is_nearly_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is told is kept; graph and vectors follow as soon as there is room."""
    usage = shutil.disk_usage(tmp_path)
    with Memory(tmp_path / "store", user_id="ada") as memory:
        memory.add("Bob lives in Rome.")
        assert memory.search("Rome")
        for left, what in ((40, "vectors"), (6, "graph")):
            free = usage._replace(free=left << 20)
            monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: free)
            assert memory.add(f"Note {left}.", infer=False).status == "done"
            with pytest.raises(Unavailable, match=rf"the {what} .* {left} MiB are left"):
                memory.search("note")
            assert memory.get_all(where="about = Bob").items
            assert not memory.health().ok
        monkeypatch.undo()
        assert len(memory.search("note", kinds=["fact"])) >= 2
        assert memory.verify().ok
