"""Changing and forgetting: updates, retirement, erasure, and what history says of them."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from graphmem import Memory
from graphmem.errors import NotFound, UsageError
from graphmem.model import Removal
from tests.engine.helpers import NOTHING, add_story, facts_of


@pytest.fixture
def story(memory: Memory) -> Memory:
    """A story of its own: these tests change it."""
    add_story(memory)
    return memory


def the_fact(memory: Memory, text: str) -> str:
    (found,) = [f.id for f in memory.get_all(current=False).items if f.text == text]
    return found


class TestUpdate:
    def test_what_is_given_changes_and_the_rest_stays(self, story: Memory) -> None:
        id = the_fact(story, "Dora Lane lives in Oslo")
        before = story.get(id)
        after = story.update(
            id,
            "Dora Lane lives in the middle of Oslo",
            metadata={"checked": True},
            tags=["home"],
            importance=0.75,
            valid_at="2020-01-01",
            expires_at="2999-01-01",
        )
        assert story.get(id) == after
        assert (after.text, after.tags) == ("Dora Lane lives in the middle of Oslo", ("home",))
        assert (after.metadata, after.importance) == ({"checked": True}, 0.75)
        assert after.valid_at == datetime(2020, 1, 1, tzinfo=UTC)
        assert after.version == before.version + 1
        assert (after.subject_id, after.sources) == (before.subject_id, before.sources)
        assert story.search("middle", kinds=["fact"])[0].text == after.text
        changes = story.history(id)
        assert [(c.action, c.actor) for c in changes] == [("ADD", "graphmem"), ("UPDATE", "user")]
        assert (changes[1].before, changes[1].after) == (changes[0].after, after)
        assert story.verify().ok

    def test_an_end_takes_it_out_of_the_present(self, story: Memory) -> None:
        id = the_fact(story, "Dora Lane lives in Oslo")
        story.update(id, invalid_at="2025-06-01")
        assert story.relations("Dora Lane") == []
        (ended,) = story.relations("Dora Lane", current=False)
        assert ended.invalid_at == datetime(2025, 6, 1, tzinfo=UTC)
        assert id not in [hit.id for hit in story.search("Where does Dora Lane live?")]
        assert story.get(id).text == "Dora Lane lives in Oslo"

    def test_words_that_state_something_else_are_no_relation(self, story: Memory) -> None:
        id = the_fact(story, "Dora Lane lives in Oslo")
        (home,) = story.relations("Dora Lane", type="lives_in")
        query = "MATCH (a:Entity {name: 'Dora Lane'})-[r:RELATES]->(b:Entity) RETURN b.name"
        for text in ("Dora Lane lives in Lima", "Dora has a home in Peru"):
            after = story.update(id, text)
            assert (after.type, after.subject_id, after.object_id) == (None, None, None)
            assert after.entity_ids == (home.subject_id,)
            assert story.relations("Dora Lane") == []
            assert story.cypher(query).rows == ()
        for text in ("She lives in Oslo", "Dora is at home in Oslo"):
            assert story.update(id, text).type == "lives_in"
            assert story.cypher(query).rows == (("Oslo",),)
        story.update(id, "Dora Lane lives in Lima")
        story.undo(story.history(id)[-1].seq)
        story.update(id, "Dora Lane lives in Oslo")
        assert [str(r) for r in story.relations("Dora Lane")] == [
            "Dora Lane -lives_in→ Oslo (said 2025-05-01)"
        ]
        assert story.verify().ok

    def test_what_was_worded_away_may_be_stated_again(self, story: Memory) -> None:
        id = the_fact(story, "Dora Lane lives in Oslo")
        story.update(id, "Dora Lane lives in Lima")
        story.add("Dora Lane lives in Oslo.", occurred_at="2026-06-01")
        assert [r.object for r in story.relations("Dora Lane", type="lives_in")] == ["Oslo"]

    def test_nothing_new_is_no_new_version(self, story: Memory) -> None:
        id = the_fact(story, "Dora Lane lives in Oslo")
        assert story.update(id, "Dora Lane lives in Oslo").version == 1
        assert len(story.history(id)) == 1

    def test_what_cannot_be(self, story: Memory) -> None:
        id = the_fact(story, "Ada Lovelace moved to Berlin")
        with pytest.raises(UsageError, match="invalid_at is before valid_at"):
            story.update(id, invalid_at="2001-01-01")
        with pytest.raises(UsageError, match="nothing to change"):
            story.update(id)
        with pytest.raises(NotFound):
            story.update("nobody", importance=0.1)
        assert len(story.history(id)) == 1


class TestDelete:
    def test_a_fact_is_retired_and_its_history_stays(self, story: Memory) -> None:
        id = the_fact(story, "Dora Lane lives in Oslo")
        count = story.stats().facts
        assert story.delete(id) == Removal(facts=1, silenced=1)
        assert story.stats().facts == count - 1
        assert id not in [hit.id for hit in story.search("Dora Lane Oslo", current=False)]
        assert story.relations("Dora Lane", current=False) == []
        with pytest.raises(NotFound):
            story.get(id)
        with pytest.raises(NotFound):
            story.update(id, importance=1)
        with pytest.raises(NotFound):
            story.delete(id)
        last = story.history(id)[-1]
        assert (last.action, last.after, last.actor) == ("DELETE", None, "user")
        assert last.before is not None
        assert last.before.text == "Dora Lane lives in Oslo"
        assert story.verify().ok

    def test_a_retired_fact_may_be_stated_again(self, story: Memory) -> None:
        id = the_fact(story, "Dora Lane lives in Oslo")
        story.delete(id)
        again = story.add("Dora Lane lives in Oslo.", occurred_at="2025-07-01")
        assert [d.action for d in again.decisions] == ["ADD"]
        assert again.fact_ids != (id,)

    def test_an_erased_fact_is_gone_from_history_too(self, story: Memory) -> None:
        id = the_fact(story, "Dora Lane lives in Oslo")
        story.update(id, "Dora Lane lives in a secret place")
        assert story.delete(id, erase=True).facts == 1
        assert all(change.before is change.after is None for change in story.history(id))
        assert [change.reason for change in story.history(id)] == [""] * 3
        found = story.search("Dora Lane secret place", current=False)
        assert [hit.text for hit in found if "secret" in hit.text or hit.id == id] == []
        assert story.verify().ok

    def test_a_retired_fact_can_still_be_erased(self, story: Memory) -> None:
        id = the_fact(story, "Dora Lane lives in Oslo")
        story.delete(id)
        assert story.delete(id, erase=True).facts == 1
        assert all(change.before is change.after is None for change in story.history(id))

    def test_an_episode_goes_with_all_that_only_it_supports(self, memory: Memory) -> None:
        ids = add_story(memory)
        before = memory.stats()
        assert memory.delete(ids[-1]) == Removal(episodes=1, facts=1, entities=2)
        after = memory.stats()
        assert (after.episodes, after.turns) == (before.episodes - 1, before.turns - 1)
        assert (after.facts, after.entities) == (before.facts - 1, before.entities - 2)
        with pytest.raises(NotFound):
            memory.episode(ids[-1])
        with pytest.raises(NotFound):
            memory.entity("Dora Lane")
        found = memory.search("Dora Lane", current=False)
        assert (found.seeds, [hit for hit in found if "Dora" in hit.text]) == ((), [])
        assert memory.verify().ok

    def test_what_another_episode_says_too_stays(self, memory: Memory) -> None:
        first = memory.add("Bob Stone works at Acme.", occurred_at="2024-01-01")
        second = memory.add("Bob Stone works at Acme.", occurred_at="2024-01-02")
        assert memory.delete(first.episode_id) == Removal(episodes=1)
        (fact,) = memory.get_all().items
        assert [source.episode_id for source in fact.sources] == [second.episode_id]
        assert memory.search("Acme", kinds=["fact"])[0].episode_id == second.episode_id
        assert memory.delete(second.episode_id) == Removal(episodes=1, facts=1, entities=2)
        assert memory.stats() == NOTHING
        assert memory.verify().ok

    def test_what_an_erased_episode_had_closed_is_open_again(self, memory: Memory) -> None:
        ids = add_story(memory)
        assert memory.delete(ids[5]).facts == 1  # moved to Berlin
        (home,) = memory.relations("Ada Lovelace", type="lives_in")
        assert (home.object, home.invalid_at) == ("Paris", None)
        assert memory.delete(ids[6]).facts == 0  # no longer works at Acme
        assert [r.subject for r in memory.relations("Acme")] == ["Ada Lovelace", "Bob Stone"]
        assert memory.verify().ok

    def test_a_retired_fact_goes_with_its_episode(self, memory: Memory) -> None:
        receipt = memory.add("Dora Lane lives in Oslo.")
        memory.delete(receipt.fact_ids[0])
        memory.delete(receipt.episode_id)
        assert all(change.before is None for change in memory.history(receipt.fact_ids[0]))
        assert memory.stats() == NOTHING

    def test_telling_again_what_was_erased_is_new(self, memory: Memory) -> None:
        first = memory.add("Tea.", occurred_at="2024-01-01", idempotency_key="k")
        memory.delete(first.episode_id)
        again = memory.add("Tea.", occurred_at="2024-01-01", idempotency_key="k")
        assert (again.status, again.episode_id == first.episode_id) == ("done", False)


class TestDeleteAll:
    def test_one_owner_and_no_other(self, memory: Memory) -> None:
        add_story(memory)
        add_story(memory, user_id="bob")
        add_story(memory, project_id="other")
        removal = memory.delete_all()
        assert removal == Removal(episodes=8, facts=7, entities=9)
        assert memory.stats() == NOTHING
        assert memory.search("Ada Lovelace", current=False).hits == ()
        assert memory.stats(user_id="bob").facts == 7
        assert memory.stats(project_id="other").facts == 7
        assert memory.verify().ok
        assert memory.delete_all() == Removal()

    def test_one_run_of_an_owner(self, memory: Memory) -> None:
        memory.add("Bob Stone works at Acme.", occurred_at="2024-01-01", run_id="r1")
        memory.add("Bob Stone works at Acme.", occurred_at="2024-01-02", run_id="r2")
        memory.add("Carol Reed lives in Lisbon.", occurred_at="2024-01-03", run_id="r1")
        assert memory.delete_all(run_id="r1") == Removal(episodes=2, facts=1, entities=2)
        assert facts_of(memory) == ["Bob Stone works at Acme"]
        assert facts_of(memory, run_id="r1") == []
        assert memory.stats(run_id="r1").episodes == 0
        assert memory.verify().ok

    def test_one_agent_of_a_user(self, memory: Memory) -> None:
        memory.add("One.", infer=False, agent_id="a")
        memory.add("Two.", infer=False, agent_id="b")
        memory.add("Three.", infer=False)
        assert memory.delete_all(agent_id="a").episodes == 1
        assert facts_of(memory) == ["Two.", "Three."]


def test_erased_text_is_in_no_file(tmp_path: Path) -> None:
    """Not in the ledger, its log, the graph or the vectors."""
    folder = tmp_path / "store"
    with Memory(folder, user_id="ada") as memory:
        memory.add("Bob Stone works at Acme.")
        secret = memory.add("Zanzibarova lives in Quixopolis.")
        memory.update(secret.fact_ids[0], "Zanzibarova lives in Quixopolis, in a red house")
        assert memory.search("Zanzibarova")[0].text
        memory.delete(secret.episode_id)
        memory.rebuild()
    ledger = [path for path in folder.iterdir() if path.name.startswith("ledger")]
    for path in ledger:
        assert b"uixopolis" not in path.read_bytes(), path.name
    with sqlite3.connect(folder / "ledger.sqlite") as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    raw.close()
    others = [p for p in folder.rglob("*") if p.is_file() and p not in ledger]
    assert [p.name for p in others if b"uixopolis" in p.read_bytes()] == []


class TestEmptied:
    """What is given as None is emptied; what is not given stays."""

    def test_an_expiry(self, story: Memory) -> None:
        id = the_fact(story, "Dora Lane lives in Oslo")
        story.update(id, expires_at="2999-01-01", tags=["home"])
        after = story.update(id, expires_at=None)
        assert (after.expires_at, after.tags) == (None, ("home",))
        story.undo(story.history(id)[-1].seq)
        assert story.get(id).expires_at == datetime(2999, 1, 1, tzinfo=UTC)
        assert story.verify().ok

    def test_the_expiry_that_it_was_told_with(self, memory: Memory) -> None:
        receipt = memory.add("Tea is at five.", infer=False, expires_at="2999-01-01")
        assert memory.update(receipt.fact_ids[0], expires_at=None).expires_at is None

    def test_tags_and_metadata(self, memory: Memory) -> None:
        (id,) = memory.add("Tea is at five.", infer=False, tags=["a"], metadata={"k": 1}).fact_ids
        after = memory.update(id, tags=None, metadata=None)
        assert (after.tags, after.metadata) == ((), {})
        assert memory.search("tea", where="tag = a", kinds=["fact"]).hits == ()

    def test_dates_and_an_end_that_was_set_by_hand(self, story: Memory) -> None:
        id = the_fact(story, "Dora Lane lives in Oslo")
        story.update(id, valid_at="2020-01-01", invalid_at="2021-01-01")
        after = story.update(id, valid_at=None, invalid_at=None)
        assert (after.valid_at, after.invalid_at) == (None, None)
        assert [r.fact_id for r in story.relations("Dora Lane")] == [id]
        assert story.verify().ok

    def test_an_end_that_something_else_brought_stays(self, memory: Memory) -> None:
        memory.relate("Ada", "lives_in", "Paris", valid_at="2020")
        memory.relate("Ada", "lives_in", "Oslo", valid_at="2021")
        (ended,) = memory.relations("Ada", other="Paris", current=False)
        with pytest.raises(UsageError, match="something else that was told ended it"):
            memory.update(ended.fact_id, invalid_at=None)
        assert memory.relations("Ada", other="Paris", current=False) == [ended]

    def test_importance_and_type_are_as_they_were_stated(self, memory: Memory) -> None:
        (id,) = memory.add("Tea.", infer=False, importance=0.25, memory_type="rule").fact_ids
        memory.update(id, importance=0.9, memory_type="preference")
        after = memory.update(id, importance=None, memory_type=None)
        assert (after.importance, after.memory_type) == (0.25, "rule")


class TestMerged:
    def test_metadata_is_laid_over_what_there_was(self, memory: Memory) -> None:
        (id,) = memory.add("Tea.", infer=False, metadata={"a": 1, "b": 2}).fact_ids
        after = memory.update(id, metadata={"b": 3, "a": None, "c": 4}, merge_metadata=True)
        assert after.metadata == {"b": 3, "c": 4}
        assert memory.update(id, metadata={"d": 5}).metadata == {"d": 5}
        memory.undo(memory.history(id)[-1].seq)
        assert memory.get(id).metadata == {"b": 3, "c": 4}

    def test_an_edit_in_between_that_is_undone_is_not_in_it(self, memory: Memory) -> None:
        (id,) = memory.add("Tea.", infer=False, metadata={"a": 1}).fact_ids
        memory.update(id, metadata={"b": 2}, merge_metadata=True)
        between = memory.history(id)[-1].seq
        memory.update(id, metadata={"c": 3}, merge_metadata=True)
        memory.undo(between)
        assert memory.get(id).metadata == {"a": 1, "c": 3}


class TestAnotherType:
    def test_it_is_found_as_that(self, memory: Memory) -> None:
        (id,) = memory.add("Tea is at five.", infer=False).fact_ids
        memory.update(id, memory_type="preference")
        for kind, found in (("preference", [id]), ("semantic", []), ("rule", [])):
            where = f"memory_type = {kind}"
            assert [f.id for f in memory.get_all(where=where).items] == found
            assert [h.id for h in memory.search("tea", kinds=["fact"], where=where)] == found
        assert memory.verify().ok

    def test_what_is_unknown_is_refused(self, memory: Memory) -> None:
        (id,) = memory.add("Tea.", infer=False).fact_ids
        with pytest.raises(UsageError, match="known are: semantic"):
            memory.update(id, memory_type="longterm")  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="unknown argument tga"):
            memory.update(id, tga=["x"])  # type: ignore[call-arg]
