"""Communities: who belongs together, the same in every run and order, and of one owner alone."""

from __future__ import annotations

import random
import time

import networkx as nx
import pytest

from graphmem import Memory
from graphmem.errors import UsageError
from graphmem.retrieve.relationships.communities import find_communities

TEAMS = (("Ada", "Bob", "Carol", "Dora"), ("Eve", "Finn", "Gail", "Hugo"), ("Ivo", "Jane", "Kim"))


def pairs() -> list[tuple[str, str, str]]:
    within = [(a, "knows", b) for team in TEAMS for a in team for b in team if a < b]
    return [*within, ("Ada", "knows", "Eve"), ("Eve", "knows", "Ivo")]


def names(memory: Memory, **more: int) -> list[set[str]]:
    return [{entity.name for entity in one.entities} for one in memory.communities(**more)]  # type: ignore[arg-type]


def test_who_belongs_together(memory: Memory) -> None:
    memory.relate_many(pairs())
    found = memory.communities()
    assert sorted(map(sorted, names(memory))) == sorted(map(list, TEAMS))
    assert (found.total, [one.relations for one in found]) == (3, [6, 6, 3])
    assert found[0].name.split(", ")[0] in {"Ada", "Eve"}
    assert names(memory, min_size=4) == names(memory)[:2]
    assert names(memory, limit=1, offset=1) == names(memory)[1:2]
    with pytest.raises(UsageError):
        memory.communities(min_size=0)


def test_the_order_of_what_was_told_does_not_matter() -> None:
    found = []
    for seed in range(3):
        rows = pairs()
        random.Random(seed).shuffle(rows)
        with Memory("memory://", user_id="ada") as memory:
            memory.relate_many(rows)
            found.append([[e.name for e in one.entities] for one in memory.communities()])
    assert found[0] == found[1] == found[2]


def test_what_has_ended_and_what_is_somebody_elses_counts_nothing(memory: Memory) -> None:
    memory.relate_many(pairs(), user_id="eve")
    assert memory.communities().total == 0
    memory.relate_many([("A", "knows", "B"), ("B", "knows", "C")])
    assert names(memory) == [{"A", "B", "C"}]
    memory.unrelate("A", "knows", "B", invalid_at="2024-01-01", occurred_at="2999-01-01")
    assert memory.communities(user_id="eve").total == 3


def many_pairs(entities: int) -> list[tuple[str, str, str]]:
    """Three relations of each, most of them within its fifty."""
    random_ = random.Random(7)
    rows = []
    for at in range(entities):
        for _ in range(3):
            near = at // 50 * 50 + random_.randrange(50)
            other = near if random_.random() < 0.9 else at * 7 % entities
            rows += [(f"Name {at}", "knows", f"Name {other}")] if other != at else []
    return rows


@pytest.mark.slow
def test_ten_thousand_entities_take_seconds() -> None:
    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    for one, _, other in many_pairs(10_000):
        graph.add_node(one, name=one)
        graph.add_node(other, name=other)
        graph.add_edge(one, other)
    before = time.process_time()
    found = find_communities(graph, 3)
    took = time.process_time() - before
    assert took < 5
    assert sum(map(len, found)) > 9_000
