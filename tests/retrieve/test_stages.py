"""The stages of a read by themselves: fusion of scores, spreading, context within a budget."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphmem.adapters.graph_networkx import NetworkXGraph
from graphmem.adapters.tokens_wordllama import WordLlamaTokens
from graphmem.model import Context, Entity, Fact, Hit, Scope, SearchResult, Source
from graphmem.ports.graph import GraphChanges
from graphmem.ports.vectors import Scored
from graphmem.retrieve.context import write_context
from graphmem.retrieve.fuse import Arm, Fused, fuse, ordered, with_neighbours, with_stated
from graphmem.retrieve.spread import spread

ADA = Scope(user_id="ada")
WHEN = datetime(2024, 3, 1, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)

_SCORES = st.floats(0, 100, allow_nan=False)
_HITS = st.lists(st.builds(Scored, st.sampled_from("abcdefgh"), _SCORES), max_size=8).map(
    lambda hits: sorted({hit.id: hit for hit in hits}.values(), key=lambda h: (-h.score, h.id))
)
_ARMS = st.lists(st.builds(Arm, st.sampled_from(["bm25", "dense", "graph"]), _HITS), max_size=5)


class TestFuse:
    @given(_ARMS)
    def test_every_candidate_once_with_the_sum_of_its_arms(self, arms: list[Arm]) -> None:
        fused = fuse(arms)
        assert {one.id for one in fused} == {hit.id for arm in arms for hit in arm.hits}
        assert len({one.id for one in fused}) == len(fused)
        assert fused == ordered(fused)
        for one in fused:
            assert math.isclose(one.score, sum(arm.share for arm in one.arms), abs_tol=1e-12)
            assert all(math.isfinite(arm.share) and arm.share >= 0 for arm in one.arms)
            for said in one.arms:
                assert any(
                    arm.name == said.arm and arm.hits[said.rank - 1] == Scored(one.id, said.score)
                    for arm in arms
                    if len(arm.hits) >= said.rank
                )

    def test_scores_count_and_not_ranks_alone(self) -> None:
        """The lead of an arm's first hit is kept."""
        close = fuse([Arm("bm25", [Scored("a", 10.0), Scored("b", 9.9)])])
        far = fuse([Arm("bm25", [Scored("a", 10.0), Scored("b", 1.0)])])
        assert close[0].score == far[0].score
        assert close[1].score > far[1].score

    def test_facts_and_turns_of_one_arm_share_a_scale(self) -> None:
        fused = fuse([Arm("bm25", [Scored("fact", 2.0)]), Arm("bm25", [Scored("turn", 8.0)])])
        assert [one.id for one in fused] == ["turn", "fact"]
        assert fused[1].score == fused[0].score / 4

    def test_ties_are_broken_by_age(self) -> None:
        fused = fuse([Arm("bm25", [Scored("b", 1.0), Scored("a", 1.0)])])
        assert [one.id for one in fused] == ["a", "b"]
        assert fuse([]) == fuse([Arm("bm25", [])]) == []

    def test_a_turn_gains_from_the_better_one_beside_it(self) -> None:
        turns = [Fused("a", 0.2, ()), Fused("b", 1.0, ()), Fused("c", 0.1, ())]
        beside = {"a": ["b"], "b": ["a", "c"], "c": ["b"]}
        found = {one.id: one for one in with_neighbours(turns, beside)}
        assert found["a"].arms[-1].arm == "neighbours"
        assert found["a"].arms[-1].score == 1.0
        assert found["b"].arms[-1].score == 0.2

    def test_a_turn_gains_from_the_best_fact_that_it_states(self) -> None:
        facts = [Fused("f1", 2.0, ()), Fused("f2", 1.0, ())]
        found = with_stated([Fused("t1", 0.0, ())], facts, {"f1": ["t1"], "f2": ["t1", "t2"]})
        assert [(one.id, one.arms[-1].rank) for one in found] == [("t1", 1), ("t2", 2)]


def fact(id: str, *about: str) -> Fact:
    made = Fact(id, ADA, f"fact {id}", WHEN, entity_ids=about, sources=(Source("e"),))
    if len(about) == 2:
        made = replace(made, subject_id=about[0], type="knows", object_id=about[1])
    return made


@pytest.fixture
async def graph() -> AsyncIterator[NetworkXGraph]:
    """A chain a - b - c - d, and a hub h that a and many others are at."""
    store = NetworkXGraph()
    await store.open("s")
    names = ["a", "b", "c", "d", "h", *(f"x{n}" for n in range(20))]
    entities = tuple(Entity(name, ADA.wall, name, "thing") for name in names)
    facts = [fact("ab", "a", "b"), fact("bc", "b", "c"), fact("cd", "c", "d"), fact("ah", "a", "h")]
    facts += [fact(f"h{n}", f"x{n}", "h") for n in range(20)]
    await store.apply(GraphChanges(entities=entities, facts=tuple(facts)), 1)
    yield store
    await store.close()


class TestSpread:
    async def test_near_facts_get_more(self, graph: NetworkXGraph) -> None:
        reached = {one.fact_id: one for one in await spread(graph, ADA.wall, {"a": 1.0})}
        assert reached["ab"].score > reached["bc"].score > 0
        assert "cd" not in reached, "it is three steps away"
        assert reached["ab"].via == ("a",)
        assert reached["bc"].via == ("a", "b")

    async def test_hubs_pass_on_little(self, graph: NetworkXGraph) -> None:
        reached = {one.fact_id: one.score for one in await spread(graph, ADA.wall, {"a": 1.0})}
        assert reached["bc"] > 5 * reached["h3"]

    async def test_between_two_seeds_is_more(self, graph: NetworkXGraph) -> None:
        reached = await spread(graph, ADA.wall, {"b": 1.0, "c": 1.0})
        assert reached[0].fact_id == "bc"
        assert [one.score for one in reached] == sorted((o.score for o in reached), reverse=True)

    async def test_without_seeds_or_in_another_wall_nothing(self, graph: NetworkXGraph) -> None:
        assert await spread(graph, ADA.wall, {}) == []
        assert await spread(graph, ADA.wall, {"nobody": 1.0}) == []
        assert await spread(graph, Scope(user_id="eve").wall, {"a": 1.0}) == []


def hit(rank: int, text: str, **fields: Any) -> Hit:
    given: dict[str, Any] = {"kind": "turn", "occurred_at": WHEN, **fields}
    return Hit(id=f"h{rank}", text=text, score=1 / rank, rank=rank, arms=(), **given)


class TestContext:
    def test_lines_say_when_who_and_where_from(self) -> None:
        result = SearchResult(
            "q",
            (
                hit(1, "I like\n tea.", speaker="Bob", source_id="D1:3"),
                hit(2, "Bob likes tea", kind="fact", fact=replace(fact("f"), stated_at=LONG_AGO)),
                hit(3, "Undated.", occurred_at=None),
            ),
        )
        assert asyncio.run(written(result, 100)).splitlines() == [
            "## Other",
            "[1] 2020-01-01 Bob likes tea",
            "## Said",
            "[2] Undated.",
            "[3] 2024-03-01 Bob: I like tea.",
        ]

    def test_a_fact_that_ended_says_so_and_stands_after_what_holds(self) -> None:
        ended = replace(fact("f"), invalid_at=WHEN)
        holds = replace(fact("g"), text="Bob lives in Rome", valid_at=WHEN)
        result = SearchResult("q", (
            hit(1, "Bob lives in Oslo", kind="fact", fact=ended),
            hit(2, "Bob lives in Rome", kind="fact", fact=holds),
        ))  # fmt: skip
        lines = asyncio.run(written(result, 100)).splitlines()
        assert lines[1].endswith("Bob lives in Rome")
        assert lines[2].endswith("Bob lives in Oslo (until 2024-03-01)")

    def test_the_same_text_once(self) -> None:
        result = SearchResult("q", (hit(1, "Tea."), hit(2, "Tea."), hit(3, "Rum.")))
        assert len(asyncio.run(written(result, 100)).splitlines()) == 3

    @settings(deadline=None)
    @given(st.lists(st.text(min_size=1, max_size=80), max_size=12), st.integers(1, 120))
    def test_the_budget_holds_and_what_fits_is_in(self, texts: list[str], budget: int) -> None:
        result = SearchResult("q", tuple(hit(n, text) for n, text in enumerate(texts, start=1)))
        context = asyncio.run(written(result, budget))
        (used,) = asyncio.run(TOKENS.count([context]))
        assert used == context.tokens <= budget
        if texts and budget == 120 and len(texts[0]) < 10:
            assert f"2024-03-01 {' '.join(texts[0].split())}" in context


TOKENS = WordLlamaTokens()


async def written(result: SearchResult, budget: int) -> Context:
    return await write_context(
        result, (), seeds=(), names={}, tokens=TOKENS, budget_tokens=budget, now=WHEN
    )
