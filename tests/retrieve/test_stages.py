"""The stages of a read by themselves: fusion of scores, spreading, context within a budget."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from graphmem.adapters.graph.networkx import NetworkXGraph
from graphmem.adapters.models.wordllama.embedder import WordLlamaTokens
from graphmem.model import Context, Entity, Fact, Hit, Scope, SearchResult, Source
from graphmem.ports.graph import GraphChanges, Link
from graphmem.ports.vectors import Scored
from graphmem.retrieve.candidates.gather import ArmHits, fuse_arms
from graphmem.retrieve.candidates.graph import CachedGraph, reach_facts
from graphmem.retrieve.present.context import write_context
from graphmem.retrieve.rank.ranking import rank
from graphmem.text import printable

ADA = Scope(user_id="ada")
WHEN = datetime(2024, 3, 1, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)

_SCORES = st.floats(0, 100, allow_nan=False)
_HITS = st.lists(st.builds(Scored, st.sampled_from("abcdefgh"), _SCORES), max_size=8).map(
    lambda hits: sorted({hit.id: hit for hit in hits}.values(), key=lambda h: (-h.score, h.id))
)
_ARMS = st.lists(st.builds(ArmHits, st.sampled_from(["bm25", "dense"]), _HITS), max_size=5)


class TestFuseArms:
    @given(_ARMS)
    def test_every_candidate_once(self, arms: list[ArmHits]) -> None:
        found = list(fuse_arms(arms))
        assert len(set(found)) == len(found)
        assert set(found) == {hit.id for arm in arms for hit in arm.hits}

    def test_what_two_arms_find_comes_first(self) -> None:
        words = ArmHits("bm25", [Scored("a", 3.0), Scored("b", 2.9), Scored("c", 1.0)])
        near = ArmHits("dense", [Scored("b", 0.9), Scored("d", 0.1)])
        assert list(fuse_arms([words, near])) == ["b", "a", "c", "d"]


class TestRank:
    @given(st.lists(st.lists(st.floats(-1, 1, width=32), min_size=4, max_size=4), max_size=5))
    def test_shares_add_up_and_order_falls(self, rows: list[list[float]]) -> None:
        ids = list("dbca")
        arms = {f"arm {n}": np.array(row, dtype=np.float32) for n, row in enumerate(rows)}
        ranking = rank(ids, arms, {name: n - 1.5 for n, name in enumerate(arms)})
        places = list(ranking.order)
        assert sorted(places) == [0, 1, 2, 3]
        keys = [(-ranking.totals[place], ids[place]) for place in places]
        assert keys == sorted(keys)
        for place, why in zip(places, ranking.explained(places), strict=True):
            assert math.isclose(sum(a.share for a in why), ranking.totals[place], abs_tol=1e-9)
            for one in why:
                values = arms[one.name]
                assert one.score == values[place]
                assert one.rank == 1 + int((values > values[place]).sum())

    def test_scores_count_and_not_ranks_alone(self) -> None:
        """The lead of an arm's first hit is kept."""
        close = rank(["a", "b"], {"x": np.array([1.0, 0.99], dtype=np.float32)}, {"x": 1.0})
        far = rank(["a", "b"], {"x": np.array([1.0, 0.1], dtype=np.float32)}, {"x": 1.0})
        assert close.totals[0] == far.totals[0]
        assert close.totals[1] > far.totals[1]

    def test_ties_are_broken_by_age_and_nothing_is_nothing(self) -> None:
        same = rank(["b", "a"], {"x": np.ones(2, dtype=np.float32)}, {"x": 1.0})
        assert [same.ids[place] for place in same.order] == ["a", "b"]
        none = rank([], {"x": np.zeros(0, dtype=np.float32)}, {"x": 1.0})
        assert (list(none.order), none.explained([])) == ([], [])


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
    entities = tuple(Entity(name, ADA.tenant, name, "thing") for name in names)
    facts = [fact("ab", "a", "b"), fact("bc", "b", "c"), fact("cd", "c", "d"), fact("ah", "a", "h")]
    facts += [fact(f"h{n}", f"x{n}", "h") for n in range(20)]
    await store.apply(GraphChanges(entities=entities, facts=tuple(facts)), 1)
    yield store
    await store.close()


class TestReachFacts:
    async def test_near_facts_get_more(self, graph: NetworkXGraph) -> None:
        reached = {one.fact_id: one for one in await reach_facts(graph, ADA.tenant, {"a": 1.0})}
        assert reached["ab"].score > reached["bc"].score > 0
        assert "cd" not in reached, "it is three steps away"
        assert reached["ab"].via == ("a",)
        assert reached["bc"].via == ("a", "b")

    async def test_hubs_pass_on_little(self, graph: NetworkXGraph) -> None:
        reached = {
            one.fact_id: one.score for one in await reach_facts(graph, ADA.tenant, {"a": 1.0})
        }
        assert reached["bc"] > 5 * reached["h3"]

    async def test_between_two_seeds_is_more(self, graph: NetworkXGraph) -> None:
        reached = await reach_facts(graph, ADA.tenant, {"b": 1.0, "c": 1.0})
        assert reached[0].fact_id == "bc"
        assert [one.score for one in reached] == sorted((o.score for o in reached), reverse=True)

    async def test_without_seeds_or_in_another_tenant_nothing(self, graph: NetworkXGraph) -> None:
        assert await reach_facts(graph, ADA.tenant, {}) == []
        assert await reach_facts(graph, ADA.tenant, {"nobody": 1.0}) == []
        assert await reach_facts(graph, Scope(user_id="eve").tenant, {"a": 1.0}) == []


class TestCachedGraph:
    async def test_it_answers_as_the_graph_does_and_asks_once(self, graph: NetworkXGraph) -> None:
        asked: list[list[str]] = []

        class Counted:
            async def expand(
                self, tenant: str, entity_ids: Sequence[str], *, limit: int
            ) -> Mapping[str, tuple[Link, ...]]:
                asked.append(list(entity_ids))
                return await graph.expand(tenant, entity_ids, limit=limit)

        near = CachedGraph(Counted())
        for names in (["a", "b"], ["b", "nobody"], ["a", "nobody"]):
            expected = await graph.expand(ADA.tenant, names, limit=5)
            assert await near.expand(ADA.tenant, names, limit=5) == expected
        assert asked == [["a", "b"], ["nobody"]]
        await near.expand("default/user:eve", ["a"], limit=5)
        await near.expand(ADA.tenant, ["a"], limit=6)
        assert asked[2:] == [["a"], ["a"]], "tenants and limits are apart"
        await graph.apply(GraphChanges(facts=(fact("ad", "a", "d"),)), 2)
        near.forget({"default/user:eve"})
        await near.expand(ADA.tenant, ["a"], limit=5)
        assert len(asked) == 4, "another tenant's changes are nothing to this one"
        near.forget({ADA.tenant})
        found = await near.expand(ADA.tenant, ["a"], limit=5)
        assert "ad" in {link.fact_id for link in found["a"]}

    async def test_what_was_read_before_a_change_is_not_kept_after_it(
        self, graph: NetworkXGraph
    ) -> None:
        go_on = asyncio.Event()

        class Slow:
            async def expand(
                self, tenant: str, entity_ids: Sequence[str], *, limit: int
            ) -> Mapping[str, tuple[Link, ...]]:
                found = await graph.expand(tenant, entity_ids, limit=limit)
                await go_on.wait()
                return found

        near = CachedGraph(Slow())
        for tenants in ({ADA.tenant}, None):
            go_on.clear()
            reading = asyncio.ensure_future(near.expand(ADA.tenant, ["a"], limit=50))
            await asyncio.sleep(0)
            id = f"new{tenants is None}"
            await graph.apply(GraphChanges(facts=(fact(id, "a", "d"),)), 2)
            near.forget(tenants)
            go_on.set()
            assert id not in {link.fact_id for link in (await reading)["a"]}
            found = await near.expand(ADA.tenant, ["a"], limit=50)
            assert id in {link.fact_id for link in found["a"]}

    async def test_it_holds_no_more_than_so_much(
        self, graph: NetworkXGraph, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("graphmem.retrieve.candidates.graph._MOST_LINKS", 20)
        near = CachedGraph(graph)
        for n in range(100):
            await near.expand(ADA.tenant, ["a", f"nobody{n}"], limit=50)
            assert sum(map(len, near._known.values())) <= 22


def hit(rank: int, text: str, **fields: Any) -> Hit:
    given: dict[str, Any] = {"kind": "turn", "occurred_at": WHEN, **fields}
    return Hit(id=f"h{rank}", text=text, score=1 / rank, rank=rank, signals=(), **given)


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
    @example(["\x1b"], 120)
    def test_the_budget_holds_and_what_fits_is_in(self, texts: list[str], budget: int) -> None:
        result = SearchResult("q", tuple(hit(n, text) for n, text in enumerate(texts, start=1)))
        context = asyncio.run(written(result, budget))
        (used,) = asyncio.run(TOKENS.count([context]))
        assert used == context.tokens <= budget
        if texts and budget == 120 and len(texts[0]) < 10:
            assert f"2024-03-01 {printable(' '.join(texts[0].split()))}" in context


TOKENS = WordLlamaTokens()


async def written(result: SearchResult, budget: int) -> Context:
    return await write_context(
        result, (), seeds=(), names={}, tokens=TOKENS, budget_tokens=budget, now=WHEN
    )
