"""Asking: searches and their explanations, context, listings, history."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

from graphmem import Memory
from graphmem.errors import NotFound, UsageError
from graphmem.model import Hit
from graphmem.ports.api.arguments import ScopeArgs
from tests.engine.helpers import facts_of


class TestSearch:
    def test_the_answer_comes_first_as_a_fact_and_as_a_turn(self, story: Memory) -> None:
        found = story.search("Where does Carol Reed live?")
        assert found.query == "Where does Carol Reed live?"
        assert [entity.name for entity in found.seeds] == ["Carol Reed"]
        top = {hit.kind: hit for hit in found[:2]}
        assert top["fact"].text == "Carol Reed lives in Lisbon"
        assert top["turn"].text == "Carol Reed lives in Lisbon."
        assert top["fact"].turn_id == top["turn"].id
        assert top["fact"].episode_id == top["turn"].episode_id
        assert top["turn"].occurred_at == datetime(2024, 2, 3, tzinfo=UTC)
        assert top["fact"].path == "Carol Reed -lives_in→ Lisbon"
        assert top["fact"].fact == story.get(top["fact"].id)

    def test_every_total_is_the_sum_of_its_arms(self, story: Memory) -> None:
        found = story.search("Who works at Acme with Ada Lovelace?", limit=20)
        assert len(found) > 5
        assert [hit.rank for hit in found] == list(range(1, len(found) + 1))
        assert sorted(found, key=lambda hit: -hit.total) == list(found)
        assert sorted(found, key=lambda hit: -hit.score) == list(found)
        for hit in found:
            assert 0 < hit.score <= found.answerable <= 1
            shares = sum(signal.share for signal in hit.signals)
            assert math.isclose(hit.total, shares, abs_tol=1e-9)
            assert hit.signals
            assert all(signal.rank >= 1 for signal in hit.signals)
            against = {signal.name for signal in hit.signals if signal.share < 0}
            assert against <= {"asks", "answers", "assistant", "length", "outdated"}
            assert len({signal.name for signal in hit.signals}) == len(hit.signals)
        assert len({(hit.kind, hit.id) for hit in found}) == len(found)

    def test_the_graph_brings_what_shares_no_word(self, story: Memory) -> None:
        found = {hit.text: hit for hit in story.search("Bob Stone", kinds=["fact"], limit=20)}
        hit = found["Carol Reed lives in Lisbon"]
        assert hit.path == "Bob Stone · Carol Reed -lives_in→ Lisbon"
        assert "graph" in {signal.name for signal in hit.signals}

    def test_kinds_and_limit(self, story: Memory) -> None:
        assert {hit.kind for hit in story.search("Acme", kinds=["fact"])} == {"fact"}
        assert {hit.kind for hit in story.search("Acme", kinds=("turn",))} == {"turn"}
        assert {hit.kind for hit in story.search("Acme", kinds=["turn", "fact", "fact"])} == {
            "fact",
            "turn",
        }
        everything = story.search("Acme", limit=100)
        for limit in (1, 2, 5):
            assert story.search("Acme", limit=limit).hits == everything.hits[:limit]

    def test_what_has_ended_only_when_asked_for(self, story: Memory) -> None:
        def homes(current: bool) -> set[str]:
            found = story.search("Where does Ada Lovelace live?", kinds=["fact"], current=current)
            return {hit.text for hit in found if hit.fact and hit.fact.type == "lives_in"}

        assert "Ada Lovelace moved to Berlin" in homes(current=True)
        assert "Ada Lovelace lives in Paris" not in homes(current=True)
        assert {"Ada Lovelace moved to Berlin", "Ada Lovelace lives in Paris"} <= homes(False)

    def test_the_sources_own_id_is_on_both_kinds(self, memory: Memory) -> None:
        memory.add([
            {"name": "Bob", "content": "I live in Lisbon.", "id": "D1:1"},
            {"name": "Carol", "content": "I live in Oslo.", "id": "D1:2"},
        ])  # fmt: skip
        found = memory.search("Where does Carol live?")
        assert {(hit.kind, hit.source_id, hit.speaker) for hit in found[:2]} == {
            ("fact", "D1:2", "Carol"),
            ("turn", "D1:2", "Carol"),
        }

    def test_i_is_the_owner(self, memory: Memory) -> None:
        memory.add("I work at Acme.")
        found = memory.search("Where do I work?")
        assert [entity.name for entity in found.seeds] == ["ada"]
        assert found[0].text in {"I work at Acme.", "ada works at Acme"}

    def test_an_empty_memory_has_no_answer(self, memory: Memory) -> None:
        assert memory.search("anything").hits == ()
        assert memory.context("anything") == ""

    @pytest.mark.parametrize(
        "query",
        ["😀", "...", "日本語", "SELECT * FROM facts; --", '"" OR 1=1', "a" * 20_000, "\t?"],
    )
    def test_any_text_is_a_question(self, memory: Memory, query: str) -> None:
        memory.add("Bob Stone works at Acme.")
        assert memory.search(query).query == query

    def test_a_write_is_seen_by_the_next_read(self, memory: Memory) -> None:
        for number in range(5):
            id = memory.add(f"Parcel {number} is at the door.", infer=False).fact_ids[0]
            assert id in {hit.id for hit in memory.search(f"parcel {number}")}
            memory.delete(id)
            assert id not in {hit.id for hit in memory.search(f"parcel {number}")}


class TestListings:
    def test_pages_are_complete_and_in_order(self, memory: Memory) -> None:
        memory.add_many([f"Note {number}." for number in range(25)], infer=False)
        texts: list[str] = []
        after: str | None = None
        while True:
            page = memory.get_all(limit=10, after=after)
            assert len(page.items) <= 10
            texts += [fact.text for fact in page.items]
            if page.next is None:
                break
            after = page.next
        assert texts == [f"Note {number}." for number in range(25)]
        exact = memory.get_all(limit=25)
        assert (len(exact.items), exact.next) == (25, None)

    def test_what_has_ended_is_listed_only_when_asked_for(self, story: Memory) -> None:
        current, everything = facts_of(story, current=True), facts_of(story)
        ended = {"Ada Lovelace lives in Paris", "Bob Stone works at Acme"}
        assert set(everything) - set(current) == ended

    def test_history_says_what_happened_and_why(self, story: Memory) -> None:
        fact = next(f for f in story.get_all(current=False).items if f.text.endswith("in Paris"))
        added, closed = story.history(fact.id)
        assert (added.action, added.before) == ("ADD", None)
        assert (closed.action, closed.before, closed.after) == ("UPDATE", added.after, fact)
        assert added.seq < closed.seq
        assert story.episode(str(closed.episode_id)).content == "Ada Lovelace moved to Berlin."
        berlin = next(f for f in story.get_all().items if f.text.endswith("moved to Berlin"))
        assert berlin.id in closed.reason
        assert berlin.supersedes_id == fact.id

    def test_unknown_ids_are_not_found(self, story: Memory) -> None:
        for ask in (story.get, story.history, story.episode, story.delete, story.entity):
            with pytest.raises(NotFound, match="'unknown'"):
                ask("unknown")


def test_narrowing_shows_only_what_was_stated_there(memory: Memory) -> None:
    """Facts, their turns and their sources' ids: of the run and agent asked for."""
    for run, mark in (("r1", "A:1"), ("r2", "B:1")):
        message = {"content": "Bob Stone works at Acme.", "id": mark, "name": f"speaker {run}"}
        memory.add(message, run_id=run, agent_id=f"agent {run}")
    memory.add("Carol Reed works at Acme.", run_id="r3")

    def shown(hit: Hit) -> tuple[str | None, str | None]:
        return hit.source_id, hit.speaker

    for run, mark in (("r1", "A:1"), ("r2", "B:1")):
        scopes: list[ScopeArgs] = [{"run_id": run}, {"agent_id": f"agent {run}"}]
        for scope in scopes:
            found = memory.search("Who works at Acme?", limit=50, **scope)
            assert {hit.kind for hit in found} == {"fact", "turn"}
            assert {shown(hit) for hit in found} == {(mark, f"speaker {run}")}
            ids = {memory.episode(str(hit.episode_id)).scope.run_id for hit in found}
            assert ids == {run}
    assert facts_of(memory, run_id="r3") == ["Carol Reed works at Acme"]
    assert memory.stats(run_id="r1").facts == 1
    assert memory.search("Acme", run_id="r4").hits == ()
    assert [r.subject for r in memory.relations("Acme", run_id="r3")] == ["Carol Reed"]
    assert [r.subject for r in memory.neighbours("Acme", run_id="r3").relations] == ["Carol Reed"]
    assert memory.paths("Bob Stone", "Acme", run_id="r3") == []
    assert [m.fact.text for m in memory.timeline(run_id="r3")] == ["Carol Reed works at Acme"]
    assert memory.to_networkx(run_id="r3").number_of_edges() == 1
    fact = memory.relations("Bob Stone")[0].fact_id
    for erase in (False, True):
        with pytest.raises(NotFound):
            memory.delete(fact, erase=erase, run_id="r3")
        with pytest.raises(NotFound):
            memory.get(fact, run_id="r3")
    memory.delete(fact, run_id="r1")
    with pytest.raises(NotFound):
        memory.delete(fact, erase=True, run_id="r3")
    assert memory.delete(fact, erase=True, run_id="r2").facts == 1


def _narrow(name: str, where: str) -> ScopeArgs:
    return {"run_id": f"in {where}"} if name == "run_id" else {"agent_id": f"in {where}"}


@pytest.mark.parametrize("name", ["run_id", "agent_id"])
def test_narrowing_hides_what_was_stated_elsewhere_of_the_same_fact(
    memory: Memory, name: str
) -> None:
    here, there, nowhere = (_narrow(name, where) for where in ("here", "there", "nowhere"))
    first = memory.add("Zoe lives in Lisbon.", **there)
    (fact,) = first.fact_ids
    for ask in (memory.history, memory.explain, memory.get):
        with pytest.raises(NotFound):
            ask(fact, **here)
    memory.add("Zoe lives in Lisbon.", **here)
    moved = memory.add("Zoe moved to Rome.", **there)
    memory.update(fact, tags=["home"], **here)

    explained = memory.explain(fact, **here)
    begun = memory.get(fact).stated_at
    assert begun is not None
    noted = (
        explained,
        memory.history(fact, **here),
        memory.get(fact, **here),
        memory.get_all(current=False, **here),
        memory.search("Where did Zoe live?", current=False, **here),
        memory.context("Where did Zoe live?", **here),
        memory.timeline("Zoe", **here),
        memory.relations("Zoe", current=False, **here),
        memory.diff("2000-01-01", begun, **here),
        memory.diff(begun, "2100-01-01", **here),
    )
    assert all(noted)
    for secret in (first.episode_id, moved.episode_id, "in there"):
        assert secret not in repr(noted)
        assert secret in repr(memory.explain(fact))
    stated, ended, edited = memory.history(fact, **here)
    assert (stated.action, stated.before, stated.reason) == ("NONE", None, "said again")
    assert ended.after is not None
    assert (ended.action, ended.episode_id) == ("UPDATE", None)
    assert ended.after.invalid_at is not None
    assert (edited.actor, edited.after) == ("user", memory.get(fact, **here))
    assert tuple(memory.history(fact, **here)) == explained.history
    assert len(memory.history(fact)) == 4
    memory.delete(fact)
    assert memory.history(fact, **here)[-1].action == "DELETE"
    with pytest.raises(NotFound):
        memory.history(fact, **nowhere)


def test_what_expired_is_not_shown_beside_a_fact_that_lives_on(memory: Memory) -> None:
    """The same was said once for a while and once for good."""
    old = memory.add(
        {"content": "Bob Stone works at Acme.", "id": "old"},
        occurred_at="2020-01-01",
        expires_at="2020-02-01",
    )
    memory.add({"content": "Bob Stone works at Acme.", "id": "new"}, occurred_at="2021-01-01")
    found = memory.search("Where does Bob Stone work?")
    assert "fact" in {hit.kind for hit in found}, "what was said for good is known"
    assert old.episode_id not in {hit.episode_id for hit in found if hit.kind == "turn"}


def test_a_search_costs_the_same_words_whatever_the_case(memory: Memory) -> None:
    memory.add("Zoë Müller lives in Lisbon.")
    for query in ("ZOË MÜLLER", "zoe muller", "Where does Zoe live?"):
        assert memory.search(query)[0].text.startswith("Zoë")
    with pytest.raises(UsageError, match="query is empty"):
        memory.search(" ")
