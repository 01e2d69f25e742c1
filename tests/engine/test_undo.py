"""Taking back an episode or a change by hand: exactly the state without it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphmem import AsyncMemory, Memory, open_memory
from graphmem.clock import ManualClock
from graphmem.errors import NotFound, UsageError
from graphmem.model import Fact, Removal
from graphmem.ports.graph import GraphDump
from graphmem.testing.replay import replay_differences, unfolded
from tests.engine.helpers import LAW, NOTHING, add_story, facts_of, mixed


class TestEpisode:
    def test_what_it_stated_is_gone_and_what_it_had_closed_is_open(self, memory: Memory) -> None:
        ids = add_story(memory)
        before = memory.stats()
        assert memory.undo(ids[5]).facts == 1  # moved to Berlin
        (home,) = memory.relations("Ada Lovelace", type="lives_in")
        assert (home.object, home.invalid_at) == ("Paris", None)
        after = memory.stats()
        assert (after.episodes, after.turns) == (before.episodes - 1, before.turns - 1)
        assert "Berlin" not in [entity.name for entity in memory.entities()]
        assert memory.search("Berlin", current=False).seeds == ()
        assert not [hit for hit in memory.search("Berlin", current=False) if "Berlin" in hit.text]
        assert memory.episode(ids[5]).status == "undone"
        assert memory.verify().ok

    def test_told_again_it_takes_nothing_from_the_next(self, memory: Memory) -> None:
        """Projected anew for its link to it, the next was found by none of its entities."""
        first = memory.add("Zed Lane likes tea.", occurred_at="2024-01-01").episode_id
        memory.add("Bob Stone works at Acme.", occurred_at="2024-01-02")
        memory.add("Igor Reed likes jazz.", occurred_at="2024-01-03")
        memory.merge("Bob Stone", "Igor Reed")
        memory.search("Bob")
        memory.undo(first)
        memory.search("Bob")
        again = memory.add("Zed Lane likes tea.", occurred_at="2024-01-01")
        assert again.episode_id == first
        memory.search("Bob")
        assert memory.verify().differences == ()

    def test_history_shows_it(self, memory: Memory) -> None:
        home = memory.add("I live in Lyon.", occurred_at="2023-01-01").fact_ids[0]
        moved = memory.add("I moved to Turin.", occurred_at="2024-01-01")
        memory.undo(moved.episode_id)
        last = memory.history(home)[-1]
        assert (last.action, last.actor, last.episode_id) == ("UPDATE", "user", None)
        assert last.reason == "undone: holds again"
        gone = memory.history(moved.decisions[-1].fact_id)[-1]
        assert (gone.action, gone.after, gone.actor) == ("DELETE", None, "user")
        assert gone.reason.startswith("undone")

    def test_what_others_say_too_stays(self, memory: Memory) -> None:
        first = memory.add("Bob Stone works at Acme.", occurred_at="2024-01-01")
        second = memory.add("Bob Stone works at Acme.", occurred_at="2024-01-02")
        assert memory.undo(first.episode_id) == Removal(episodes=1)
        (fact,) = memory.get_all().items
        assert [source.episode_id for source in fact.sources] == [second.episode_id]
        assert memory.undo(second.episode_id) == Removal(episodes=1, facts=1, entities=2)
        assert memory.stats() == NOTHING
        assert memory.verify().ok

    def test_stated_again_it_is_counted_again(self, memory: Memory) -> None:
        ids = add_story(memory)
        before = _shown(memory)
        memory.undo(ids[5])
        assert _shown(memory) != before
        undone = memory.episode(ids[5])
        again = memory.add(undone.content, occurred_at=undone.occurred_at)
        assert (again.status, again.episode_id) == ("done", ids[5])
        assert _shown(memory) == before
        assert memory.episode(ids[5]).status == "done"
        assert memory.verify().ok

    def test_an_alias_that_only_it_brought(self, memory: Memory) -> None:
        memory.add("Robert Stone lives in Oslo.", occurred_at="2024-01-01")
        before = memory.entity("Robert Stone")
        noted = memory.add("Dr. Robert Stone works at Acme.", occurred_at="2024-02-01")
        memory.undo(noted.episode_id)
        assert memory.entity("Robert Stone") == before

    def test_what_cannot_be(self, memory: Memory) -> None:
        noted = memory.add("Bob Stone works at Acme.", occurred_at="2024-01-01")
        with pytest.raises(NotFound):
            memory.undo("nothing")
        with pytest.raises(NotFound):
            memory.undo("99999999")
        with pytest.raises(NotFound):
            memory.undo(noted.episode_id, user_id="somebody else")
        (change,) = memory.history(noted.fact_ids[0])
        with pytest.raises(UsageError, match=f"episode {noted.episode_id}: undo that"):
            memory.undo(str(change.seq))
        memory.undo(noted.episode_id)
        with pytest.raises(UsageError, match="undone already"):
            memory.undo(noted.episode_id)

    def test_then_erased_it_leaves_nothing(self, memory: Memory) -> None:
        noted = memory.add("Bob Stone works at Acme.", occurred_at="2024-01-01")
        memory.undo(noted.episode_id)
        memory.delete(noted.episode_id)
        assert all(
            change.before is change.after is None for change in memory.history(noted.fact_ids[0])
        )
        assert memory.stats() == NOTHING
        assert memory.verify().ok


class TestByHand:
    def test_an_edit(self, memory: Memory) -> None:
        id = memory.add("Bob Stone works at Acme.", occurred_at="2024-01-01").fact_ids[0]
        before = memory.get(id)
        memory.update(id, "Bob Stone runs Acme", importance=0.9, tags=["x"], metadata={"a": 1})
        memory.undo(str(memory.history(id)[-1].seq))
        after = memory.get(id)
        assert _essence(after) == _essence(before)
        last = memory.history(id)[-1]
        assert (last.actor, last.reason.partition(":")[0]) == ("user", "undone")
        with pytest.raises(UsageError, match="cannot be undone"):
            memory.undo(str(last.seq))

    def test_a_deletion(self, memory: Memory) -> None:
        id = memory.add("Bob Stone works at Acme.", occurred_at="2024-01-01").fact_ids[0]
        before = memory.get(id)
        memory.delete(id)
        memory.undo(str(memory.history(id)[-1].seq))
        assert _essence(memory.get(id)) == _essence(before)
        assert [c.action for c in memory.history(id)] == ["ADD", "DELETE", "ADD"]
        assert memory.verify().ok

    def test_an_edit_survives_what_is_stated_later(self, memory: Memory) -> None:
        id = memory.add("I live in Lyon.", occurred_at="2023-01-01").fact_ids[0]
        memory.update(id, valid_at="2019-05-01", tags=["checked"])
        memory.add("I live in Lyon.", occurred_at="2023-02-01")
        memory.add("I moved to Turin.", occurred_at="2024-01-01")
        fact = memory.get(id)
        assert fact.tags == ("checked",)
        assert fact.valid_at == datetime(2019, 5, 1, tzinfo=UTC)
        assert fact.invalid_at == datetime(2024, 1, 1, tzinfo=UTC)

    def test_what_was_deleted_by_hand_had_closed_is_open(self, memory: Memory) -> None:
        memory.add("I live in Lyon.", occurred_at="2023-01-01")
        moved = memory.add("I moved to Turin.", occurred_at="2024-01-01")
        memory.delete(moved.decisions[-1].fact_id)
        assert [r.object for r in memory.relations("ada")] == ["Lyon"]


# -- laws, on a whole memory -----------------------------------------------------------------------

TEXTS = (
    "I live in Lyon.",
    "I moved to Turin.",
    "I moved to Oslo last year.",
    "I work at Acme.",
    "I no longer work at Acme.",
    "I like tea.",
    "I don't like tea.",
    "I'm planning to move to Rome next year.",
    "Bob Stone is married to Carol Reed.",
    "Bob Stone is engaged to Dora Lane.",
    "Robert Stone works at Acme.",
    "Bob works at Initech.",
    "Tea at four.",
)
EPISODES = st.lists(
    st.tuples(st.sampled_from(TEXTS), st.integers(0, 40)), min_size=1, max_size=6, unique=True
)
FIRST = datetime(2024, 1, 1, tzinfo=UTC)


async def _open() -> AsyncMemory:
    return await open_memory("memory://", user_id="Ada", clock=ManualClock("2025-01-01"))


async def _add_all(memory: AsyncMemory, noted: Sequence[tuple[str, int]]) -> list[str]:
    return [
        (await memory.add(text, occurred_at=FIRST + timedelta(days=day))).episode_id
        for text, day in noted
    ]


async def _state(memory: AsyncMemory) -> tuple[Any, ...]:
    """The graph as it is, relations and counts. When something was recorded, and as which version,
    is history, which an undoing adds to."""
    await memory._follow()
    dump = await memory._parts.graph.dump()
    relations = await memory.relations(current=False, limit=1000)
    named = [(r.subject, r.type, r.object, r.fact, r.valid_at, r.invalid_at) for r in relations]
    stats = await memory.stats()
    return _timeless(dump), sorted(named, key=repr), (stats.episodes, stats.facts, stats.entities)


def _timeless(dump: GraphDump) -> tuple[Any, ...]:
    def bare(properties: tuple[tuple[str, object], ...]) -> tuple[tuple[str, object], ...]:
        return tuple(p for p in properties if p[0] not in {"recorded_at", "version"})

    nodes = sorted(((a, b, bare(p)) for a, b, p in dump.nodes), key=repr)
    edges = sorted(((a, b, c, bare(p)) for a, b, c, p in dump.edges), key=repr)
    return tuple(nodes), tuple(edges)


def _law(coroutine: Any) -> None:
    with asyncio.Runner() as runner:
        runner.run(coroutine)


@LAW
@given(noted=EPISODES, last=st.tuples(st.sampled_from(TEXTS), st.integers(0, 40)))
def test_add_then_undo_changes_nothing(noted: list[tuple[str, int]], last: tuple[str, int]) -> None:
    async def law() -> None:
        async with await _open() as memory:
            await _add_all(memory, [one for one in noted if one != last])
            before = await _state(memory)
            (id,) = await _add_all(memory, [last])
            with_it = await _state(memory)
            await memory.undo(id)
            assert await _state(memory) == before
            assert await replay_differences(memory) == []
            await _add_all(memory, [last])
            again = await _state(memory)
            assert again[1:] == with_it[1:]
            assert await replay_differences(memory) == []
            await _folds(memory)

    _law(law())


@LAW
@given(noted=EPISODES, which=st.integers(0, 5))
def test_undoing_one_leaves_what_the_others_say(noted: list[tuple[str, int]], which: int) -> None:
    plain = _clear(noted)

    async def law() -> None:
        if not plain:
            return
        gone = which % len(plain)
        others = [one for n, one in enumerate(plain) if n != gone]
        async with await _open() as memory, await _open() as without:
            ids = await _add_all(memory, plain)
            await memory.undo(ids[gone])
            await _add_all(without, others)
            assert await _believed(memory) == await _believed(without)
            assert (await memory.verify()).ok

    _law(law())


@LAW
@given(noted=EPISODES, order=st.randoms(use_true_random=False))
def test_any_order_of_arrival_is_believed_alike(noted: list[tuple[str, int]], order: Any) -> None:
    plain = _clear(noted)

    async def law() -> None:
        shuffled = mixed(plain, order, lambda one: one[1])
        async with await _open() as one, await _open() as other:
            await _add_all(one, plain)
            await _add_all(other, shuffled)
            assert await _believed(one) == await _believed(other)
            for memory in (one, other):
                for type in ("lives_in", "works_at", "married_to", "engaged_to"):
                    _apart(await memory.relations(type=type, current=False, limit=1000))

    _law(law())


@LAW
@given(noted=EPISODES, data=st.data())
def test_undoing_an_edit_is_the_state_before(noted: list[tuple[str, int]], data: Any) -> None:
    async def law() -> None:
        async with await _open() as memory:
            await _add_all(memory, noted)
            facts = (await memory.get_all(current=False)).items
            if not facts:
                return
            id = data.draw(st.sampled_from(sorted(fact.id for fact in facts)))
            before = await _state(memory)
            match data.draw(st.sampled_from(["text", "valid_at", "delete"])):
                case "text":
                    await memory.update(id, "Something else altogether", importance=0.25)
                case "valid_at":
                    await memory.update(id, valid_at="2010-01-01")
                case "delete":
                    await memory.delete(id)
            change = (await memory.history(id))[-1]
            await memory.undo(str(change.seq))
            assert await _state(memory) == before
            assert await replay_differences(memory) == []
            await _folds(memory)

    _law(law())


def _clear(noted: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """What is clear by itself: who "Bob" is depends on who was known by then, and stays so."""
    return [one for one in noted if not one[0].startswith(("Bob works", "Robert"))]


async def _folds(memory: AsyncMemory) -> None:
    page = await memory.get_all(current=False, limit=1000)
    assert await unfolded(memory, page.items) == []


async def _believed(memory: AsyncMemory) -> list[tuple[object, ...]]:
    names = {e.id: e.name for e in await memory.entities(limit=1000)}
    page = await memory.get_all(current=False, limit=1000)
    return sorted(
        (
            (
                fact.text,
                fact.modality,
                fact.type,
                fact.valid_at,
                fact.invalid_at,
                fact.planned_for,
                tuple(sorted(names[id].lower() for id in fact.entity_ids)),
            )
            for fact in page.items
        ),
        key=repr,
    )


def _apart(relations: Sequence[Any]) -> None:
    """Intervals of one subject never overlap."""
    for one, other in itertools.combinations(relations, 2):
        if one.subject_id != other.subject_id:
            continue
        begins = [r.valid_at or r.stated_at for r in (one, other)]
        ends = [r.invalid_at or datetime.max.replace(tzinfo=UTC) for r in (one, other)]
        starts = [min(b, e) for b, e in zip(begins, ends, strict=True)]
        assert max(starts) >= min(ends), (one, other)


def _shown(memory: Memory) -> tuple[Any, ...]:
    relations = memory.relations(current=False, limit=1000)
    named = [(r.subject, r.type, r.object, r.fact, r.valid_at, r.invalid_at) for r in relations]
    return sorted(named, key=repr), sorted(facts_of(memory)), memory.stats()


def _essence(fact: Fact) -> tuple[object, ...]:
    return (
        fact.id, fact.text, fact.valid_at, fact.invalid_at, fact.tags, fact.metadata,
        fact.importance, fact.sources, fact.entity_ids, fact.statement_ids,
    )  # fmt: skip


@pytest.mark.parametrize(("first", "then"), [("Zara", "Acme"), ("Acme", "Zara")])
async def test_of_what_is_stated_on_one_day_the_later_counts(first: str, then: str) -> None:
    async with await _open() as memory:
        await memory.add(f"Lena works at {first}.", occurred_at="2024-01-01")
        receipt = await memory.add(f"Lena works at {then}.", occurred_at="2024-01-01")
        assert receipt.decisions, "nothing is dropped without a word"
        (now,) = await memory.relations("Lena")
        assert now.object == then
