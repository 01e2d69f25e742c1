"""A load into the embedded graph gives what the same changes give one by one."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from graphmem.adapters.graph.kuzu.store import KuzuGraph
from graphmem.adapters.graph.networkx import NetworkXGraph
from graphmem.adapters.graph.rows import edges_of, most_of_a_kind, nodes_of
from graphmem.model import Episode, Fact, Source
from graphmem.ports.graph import GraphChanges
from graphmem.testing.graph_samples import ADA_SCOPE, entity, episode, fact


def batches(seed: int) -> list[GraphChanges]:
    """Facts that come, are said again, change, follow others and lose sources, in batches."""
    rng = random.Random(seed)
    facts: dict[str, Fact] = {}
    episodes: list[Episode] = []
    made = []
    for batch in range(4):
        new = [episode(f"e{batch}-{n}") for n in range(12)]
        episodes += new
        touched: dict[str, Fact] = {}
        for one in new:
            known = rng.choice([*facts, None])
            kind = rng.randrange(6)
            if known is None or kind == 0:
                about = rng.choice([(), ("a",)])
                made_now = fact(f"f{len(facts)}", sources=(one.id,), about=about)
            else:
                made_now = _changed(facts[known], one, kind, rng, list(facts))
            facts[made_now.id] = touched[made_now.id] = made_now
        entities = (entity("a"),) if batch == 0 else ()
        made.append(GraphChanges(tuple(new), entities, tuple(touched.values())))
    return made


def _changed(old: Fact, by: Episode, kind: int, rng: random.Random, others: list[str]) -> Fact:
    again = Source(by.id, None, ADA_SCOPE.agent_id, ADA_SCOPE.run_id)
    more = replace(old, sources=(*old.sources, again))
    if kind == 1:
        return more
    if kind == 2:
        return replace(more, text=f"{old.text}, worded anew", version=old.version + 1)
    if kind == 3:
        return replace(old, sources=(again,))
    if kind == 4:
        return replace(more, supersedes_id=rng.choice(others), tags=("x",), importance=0.25)
    return replace(more, entity_ids=() if old.entity_ids else ("a",), version=old.version + 1)


@pytest.mark.parametrize("seed", range(6))
async def test_a_load_gives_what_single_changes_give(seed: int) -> None:
    loaded, single, plain = KuzuGraph(None, copy_from=3), KuzuGraph(None), NetworkXGraph()
    for graph in (loaded, single, plain):
        await graph.open("s")
        for seq, changes in enumerate(batches(seed), start=1):
            await graph.apply(changes, seq)
            if seq % 2:
                await graph.dump()  # what was gathered is written
    assert await loaded.dump() == await single.dump() == await plain.dump()
    for graph in (loaded, single, plain):
        await graph.close()


@pytest.mark.parametrize("seed", range(3))
def test_a_batch_has_no_more_of_a_kind_than_was_estimated(seed: int) -> None:
    for changes in batches(seed):
        made = [*nodes_of(changes).values(), *edges_of(changes).values()]
        assert most_of_a_kind(changes) >= max(map(len, made))
