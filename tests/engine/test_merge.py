"""Two entities that a person says are one, and the way back."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphmem import AsyncMemory, Memory, open_memory
from graphmem.clock import ManualClock
from graphmem.errors import NotFound, UsageError
from graphmem.testing.replay import replay_differences, unfolded


@pytest.fixture
def two(memory: Memory) -> Memory:
    """One person by two names that nothing ties together."""
    memory.add("Bob Stone works at Acme.", occurred_at="2024-01-01")
    memory.add("Bob Stone lives in Oslo.", occurred_at="2024-01-02")
    memory.add("Rob Steen lives in Rome.", occurred_at="2024-02-01")
    memory.add("Carol Reed knows Rob Steen.", occurred_at="2024-02-02")
    return memory


def shown(memory: Memory, **more: Any) -> list[tuple[str, str, str]]:
    found = memory.relations(limit=1000, **more)
    return sorted((r.subject, r.type, r.object) for r in found)


class TestMerge:
    def test_what_is_known_of_both_is_known_of_one(self, two: Memory) -> None:
        gone = two.entity("Rob Steen")
        one = two.merge("Bob Stone", "Rob Steen")
        assert (one.name, one.aliases) == ("Bob Stone", ("Rob Steen",))
        assert two.entity("Rob Steen") == two.entity("Bob Stone") == one
        assert shown(two) == [
            ("Bob Stone", "lives_in", "Rome"),
            ("Bob Stone", "works_at", "Acme"),
            ("Carol Reed", "knows", "Bob Stone"),
        ]
        assert [e.id for e in two.entities() if e.id == gone.id] == []
        assert [hit.kind for hit in two.search("Where does Rob Steen work?", kinds=["fact"])]
        assert two.neighbours("Rob Steen").entities
        assert two.verify().ok

    def test_a_repeated_statement_becomes_one_fact(self, memory: Memory) -> None:
        memory.add("Bob Stone works at Acme.", occurred_at="2024-01-01")
        memory.add("Rob Steen works at Acme.", occurred_at="2024-01-02")
        memory.merge("Bob Stone", "Rob Steen")
        (relation,) = memory.relations("Bob Stone")
        assert len(memory.get(relation.fact_id).sources) == 2
        memory.unmerge(memory.entity("Bob Stone").id)
        assert [r.subject for r in memory.relations("Acme")] == ["Bob Stone", "Rob Steen"]
        assert memory.verify().ok

    def test_what_is_stated_later_is_stated_of_the_one(self, two: Memory) -> None:
        two.merge("Bob Stone", "Rob Steen")
        two.add("Rob Steen moved to Bonn.", occurred_at="2025-01-01")
        assert ("Bob Stone", "lives_in", "Bonn") in shown(two)
        two.unmerge(two.entity("Bob Stone").id)
        assert ("Bob Stone", "lives_in", "Bonn") in shown(two)
        assert ("Rob Steen", "lives_in", "Rome") in shown(two)
        assert two.verify().ok

    def test_history_shows_it_and_the_change_can_be_undone(self, two: Memory) -> None:
        before = shown(two)
        (home,) = two.relations("Rob Steen", type="lives_in")
        two.merge("Bob Stone", "Rob Steen")
        last = two.history(home.fact_id)[-1]
        assert (last.actor, "other entities" in last.reason) == ("user", True)
        two.undo(str(last.seq))
        assert shown(two) == before
        assert two.verify().ok

    def test_a_chain(self, memory: Memory) -> None:
        for name, day in (("Ann Lee", 1), ("Bea Moss", 2), ("Cleo North", 3)):
            memory.add(f"{name} works at Acme{day}.", occurred_at=f"2024-01-0{day}")
        before = shown(memory)
        bea, cleo = memory.entity("Bea Moss").id, memory.entity("Cleo North").id
        memory.merge("Bea Moss", "Cleo North")
        between = shown(memory)
        memory.merge("Ann Lee", "Bea Moss")
        assert {subject for subject, *_ in shown(memory)} == {"Ann Lee"}
        assert memory.entity("Cleo North").name == "Ann Lee"
        with pytest.raises(UsageError, match="unmerge that first"):
            memory.unmerge(cleo)
        assert memory.unmerge(bea).name == "Bea Moss"
        assert shown(memory) == between
        assert memory.unmerge(cleo).name == "Cleo North"
        assert shown(memory) == before
        assert memory.entity("Ann Lee").aliases == ()
        assert memory.verify().ok

    def test_what_cannot_be(self, two: Memory) -> None:
        with pytest.raises(NotFound):
            two.merge("Bob Stone", "Nobody At All")
        with pytest.raises(UsageError, match="one entity already"):
            two.merge("Bob Stone", "bob stone")
        with pytest.raises(NotFound):
            two.unmerge(two.entity("Bob Stone").id)
        assert two.verify().ok

    def test_an_erased_half_leaves_no_name(self, tmp_path: Path) -> None:
        folder = tmp_path / "store"
        with Memory(folder, user_id="ada") as memory:
            memory.add("Bob Stone works at Acme.", occurred_at="2024-01-01")
            noted = memory.add("Zanzibarova lives in Quixopolis.", occurred_at="2024-02-01")
            memory.merge("Bob Stone", "Zanzibarova")
            memory.update(noted.fact_ids[0], tags=["uixopolis"])
            memory.delete(noted.episode_id)
            assert memory.entity("Bob Stone").aliases == ()
            assert memory.verify().ok
            memory.rebuild()
        for path in folder.iterdir():
            if path.is_file() and path.name.startswith("ledger"):
                assert b"uixopolis" not in path.read_bytes(), path.name
                assert b"anzibarova" not in path.read_bytes(), path.name

    def test_nothing_stays_of_what_was_one(self, memory: Memory) -> None:
        memory.relate("Bobby", "lives_in", "Oslo")
        memory.relate("Zed", "lives_in", "Bonn")
        memory.merge("Bobby", "Zed")
        assert memory.delete_all().entities == 4
        assert (list(memory.entities()), memory.stats().entities) == ([], 0)
        assert memory.verify().ok

    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    def test_nothing_stays_when_both_are_deleted(
        self, memory: Memory, order: tuple[int, ...]
    ) -> None:
        noted = [
            memory.relate(*one) for one in (("Bobby", "likes", "tea"), ("Zed", "likes", "ale"))
        ]
        memory.merge("Bobby", "Zed")
        for which in order:
            memory.delete(noted[which].episode_id)
        assert (list(memory.entities()), memory.stats().entities) == ([], 0)
        assert memory.verify().ok

    def test_nothing_is_seen_when_both_are_undone(self, memory: Memory) -> None:
        noted = [
            memory.relate(*one) for one in (("Bobby", "likes", "tea"), ("Zed", "likes", "ale"))
        ]
        zed = memory.entity("Zed").id
        memory.merge("Bobby", "Zed")
        for one in noted:
            memory.undo(one.episode_id)
        assert (list(memory.entities()), memory.stats().entities) == ([], 0)
        with pytest.raises(NotFound, match="nothing is known"):
            memory.unmerge(zed)
        assert memory.verify().ok

    def test_parted_again_only_what_is_spoken_of_stays(self, memory: Memory) -> None:
        noted = memory.relate("Bobby", "lives_in", "Oslo")
        memory.relate("Zed", "lives_in", "Bonn")
        zed = memory.entity("Zed")
        memory.merge("Bobby", "Zed")
        memory.delete(noted.episode_id)
        assert memory.entity("Zed").name == "Bobby"
        assert memory.unmerge(zed.id) == zed
        assert [entity.name for entity in memory.entities()] == ["Bonn", "Zed"]
        assert shown(memory) == [("Zed", "lives_in", "Bonn")]
        assert memory.verify().ok

    def test_who_was_parted_from_what_is_erased_is_as_its_last_event_says(
        self, memory: Memory
    ) -> None:
        told = memory.add("Robert Lane likes tea.")
        memory.add("Bob Stone works at Acme.")
        other = memory.entity("Robert Lane")
        memory.merge("Bob Stone", "Robert Lane")
        memory.unmerge(other.id)
        memory.delete(told.episode_id)
        assert memory.verify().differences == ()


# -- laws ------------------------------------------------------------------------------------------

NAMES = ("Bob Stone", "Rob Steen", "Carol Reed")
TEXTS = (
    *(f"{name} lives in Oslo." for name in NAMES),
    *(f"{name} moved to Rome." for name in NAMES),
    *(f"{name} works at Acme." for name in NAMES),
    "Bob Stone knows Rob Steen.",
    "Carol Reed is married to Rob Steen.",
    "Bob Stone likes tea.",
)
EPISODES = st.lists(
    st.tuples(st.sampled_from(TEXTS), st.integers(0, 40)), min_size=2, max_size=7, unique=True
)
FIRST = datetime(2024, 1, 1, tzinfo=UTC)


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(noted=EPISODES, pair=st.permutations(NAMES), undo=st.booleans())
def test_merge_then_unmerge_changes_nothing(
    noted: list[tuple[str, int]], pair: list[str], undo: bool
) -> None:
    async def law() -> None:
        opened = await open_memory("memory://", user_id="Ada", clock=ManualClock("2025-01-01"))
        async with opened as memory:
            ids = [
                (await memory.add(text, occurred_at=FIRST + timedelta(days=day))).episode_id
                for text, day in noted
            ]
            known = {entity.name for entity in await memory.entities()}
            if not {pair[0], pair[1]} <= known:
                return
            before = await _state(memory)
            await memory.merge(pair[0], pair[1])
            assert await replay_differences(memory) == []
            await _folds(memory)
            if undo:  # what an episode said goes from the two as from the one
                await memory.undo(ids[-1])
                text, day = noted[-1]
                await memory.add(text, occurred_at=FIRST + timedelta(days=day))
            found = [e for e in await memory.entities() if pair[1] in e.aliases]
            await memory.unmerge(found[0].id)
            # What was told again meanwhile was said of the one.
            assert undo or await _state(memory) == before
            assert await replay_differences(memory) == []
            assert (await memory.verify()).ok
            await _folds(memory)

    with asyncio.Runner() as runner:
        runner.run(law())


async def _folds(memory: AsyncMemory) -> None:
    page = await memory.get_all(current=False, limit=1000)
    assert await unfolded(memory, page.items) == []


async def _state(memory: AsyncMemory) -> tuple[Sequence[object], Sequence[object]]:
    """The graph without when it was recorded, and the relations."""
    await memory._follow()
    dump = await memory._parts.graph.dump()
    bare = [
        (*key, tuple(p for p in properties if p[0] not in {"recorded_at", "version"}))
        for *key, properties in (*dump.nodes, *dump.edges)
    ]
    relations = await memory.relations(current=False, limit=1000)
    named = [(r.subject, r.type, r.object, r.fact, r.valid_at, r.invalid_at) for r in relations]
    return sorted(bare, key=repr), sorted(named, key=repr)


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["tell", "merge", "merge", "unmerge", "delete", "undo"]),
        st.integers(0, 3),
        st.integers(0, 3),
    ),
    max_size=12,
)
_CALLED = ("Quillon", "Brackwater", "Zanzibarova", "Ostrander")


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(steps=_STEPS, seed=st.randoms(use_true_random=False))
def test_whatever_was_merged_nothing_stays_of_what_is_erased(
    steps: list[tuple[str, int, int]], seed: Any
) -> None:
    async def law() -> None:
        opened = await open_memory("memory://", user_id="Ada", clock=ManualClock("2025-01-01"))
        async with opened as memory:
            stated: dict[str, int] = {}
            ids: dict[str, str] = {}
            kept: set[str] = set()
            keys = itertools.count()

            async def state(who: int) -> None:
                key = str(next(keys))
                receipt = await memory.relate(_CALLED[who], "likes", "tea", idempotency_key=key)
                stated[receipt.episode_id] = who
                entity = await memory.entity(_CALLED[who])
                ids.setdefault(entity.id, entity.name)

            for who in range(4):
                await state(who)
            for what, one, other in steps:
                try:
                    if what == "tell":
                        await state(one)
                    elif what == "merge":
                        kept.add((await memory.merge(_CALLED[one], _CALLED[other])).name)
                    elif what == "unmerge":
                        await memory.unmerge(list(ids)[one])
                    elif stated:
                        id = list(stated)[(one * 4 + other) % len(stated)]
                        await (memory.delete(id) if what == "delete" else memory.undo(id))
                        if what == "delete":
                            del stated[id]
                except (NotFound, UsageError):
                    continue
                spoken = {_CALLED[who] for who in stated.values()} | kept
                for entity in await memory.entities():
                    assert {entity.name, *entity.aliases} <= {*spoken, "tea"}, (
                        entity,
                        spoken,
                        stated,
                    )
                found = await memory.verify()
                assert found.ok, found
            assert await replay_differences(memory) == []
            left = list(stated)
            seed.shuffle(left)
            for id in left:
                await memory.delete(id)
            assert (await memory.verify()).ok
            assert await memory.entities() == []
            assert (await memory.stats()).entities == 0
            ledger = memory._parts.ledger
            stored = repr([await ledger.rows(table, None, 10_000) for table in ledger.tables])
            assert [name for name in _CALLED if name in stored] == []

    with asyncio.Runner() as runner:
        runner.run(law())


def test_an_id_that_was_not_merged_is_told_with_those_that_were(tmp_path: Path) -> None:
    with Memory(tmp_path / "store", user_id="ada") as memory:
        memory.add("Bob Stone lives in Kiruna. Rob Steen works at Acme.")
        gone = memory.entity("Rob Steen").id
        memory.merge("Bob Stone", "Rob Steen")
        with pytest.raises(NotFound, match=rf"part of Bob Stone by merge are {gone} \(Rob Steen\)"):
            memory.unmerge("Rob Steen")
        with pytest.raises(NotFound, match="Kiruna was not merged with anything"):
            memory.unmerge("Kiruna")
        with pytest.raises(NotFound, match="as merge printed it"):
            memory.unmerge("Foo")
        assert memory.unmerge(gone).name == "Rob Steen"
