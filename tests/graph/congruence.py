"""A state machine that does the same to two graph stores and compares all that they hold."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from graphmem.adapters.graph_networkx import NetworkXGraph
from graphmem.ports.graph import GraphChanges, GraphStore
from graphmem.testing.graph_samples import ADA, BOB, MOMENT, entity, episode, fact

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


class _World:
    """Which ids are there, per wall; removed ones never come back, as in a ledger."""

    def __init__(self) -> None:
        self.scopes = {"a": ADA, "b": BOB}
        self.live: dict[str, dict[str, list[str]]] = {
            wall: {"episode": [], "entity": [], "fact": []} for wall in self.scopes
        }
        self.count = 0

    def new(self, wall: str, kind: str) -> str:
        self.count += 1
        self.live[wall][kind].append(f"{wall}-{kind}-{self.count}")
        return self.live[wall][kind][-1]


def _batch(draw: Callable[[st.SearchStrategy[Any]], Any], world: _World) -> GraphChanges:
    wall = draw(st.sampled_from(sorted(world.scopes)))
    scope, live = world.scopes[wall], world.live[wall]

    def some(kind: str, most: int) -> list[str]:
        if not live[kind]:
            return []
        return list(draw(st.lists(st.sampled_from(live[kind]), max_size=most)))

    def one(kind: str) -> str | None:
        found = some(kind, 1)
        return found[0] if found else None

    removed = {kind: some(kind, 2) for kind in live if draw(st.integers(0, 4)) == 0}
    for kind, gone in removed.items():
        live[kind][:] = [id for id in live[kind] if id not in gone]
    again = {kind: some(kind, 2) for kind in live}
    fresh = {kind: [world.new(wall, kind) for _ in range(draw(st.integers(0, 3)))] for kind in live}
    ids = {kind: list(dict.fromkeys(again[kind] + fresh[kind])) for kind in live}
    facts = []
    for id in ids["fact"]:
        made = fact(
            id,
            one("entity"),
            one("entity"),
            scope=scope,
            about=some("entity", 2),
            sources=some("episode", 2),
            supersedes=next((x for x in some("fact", 1) if x != id), None),
            text=draw(_TEXT),
        )
        ends = MOMENT + timedelta(days=draw(st.integers(0, 9)))
        facts.append(replace(made, invalid_at=draw(st.sampled_from([None, ends]))))
    return GraphChanges(
        episodes=tuple(episode(id, scope, previous_id=one("episode")) for id in ids["episode"]),
        entities=tuple(entity(id, scope, name=draw(_TEXT) or "x") for id in ids["entity"]),
        facts=tuple(facts),
        mentions=tuple(zip(some("episode", 3), some("entity", 3), strict=False)),
        removed_episodes=tuple(removed.get("episode", ())),
        removed_entities=tuple(removed.get("entity", ())),
        removed_facts=tuple(removed.get("fact", ())),
    )


def congruence_machine(
    make: Callable[[], GraphStore], *, examples: int
) -> type[RuleBasedStateMachine]:
    """A machine that compares ``make()`` with the NetworkX graph."""

    class Congruence(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.runner = asyncio.Runner()
            self.world, self.seq = _World(), 0
            self.oracle, self.store = NetworkXGraph(), make()
            for graph in (self.oracle, self.store):
                self.runner.run(graph.open("store"))

        @rule(data=st.data(), twice=st.booleans())
        def apply(self, data: st.DataObject, twice: bool) -> None:
            changes = _batch(data.draw, self.world)
            self.seq += 1
            for graph in (self.oracle, self.store):
                for _ in range(1 + twice):
                    self.runner.run(graph.apply(changes, self.seq))

        @rule()
        def reopen(self) -> None:
            marks = [self.runner.run(graph.open("store")) for graph in (self.oracle, self.store)]
            assert marks[0] == marks[1]
            assert marks[0].applied_seq == self.seq

        @rule()
        def compare(self) -> None:
            for wall in (None, ADA.wall, BOB.wall):
                expected = self.runner.run(self.oracle.dump(wall))
                assert self.runner.run(self.store.dump(wall)) == expected
            for name, scope in self.world.scopes.items():
                ids = [*self.world.live[name]["entity"], "nobody"]
                found = [
                    self.runner.run(graph.expand(scope.wall, ids, limit=100))
                    for graph in (self.oracle, self.store)
                ]
                assert {k: set(v) for k, v in found[0].items()} == {
                    k: set(v) for k, v in found[1].items()
                }

        @invariant()
        def never_crosses(self) -> None:
            dump = self.runner.run(self.oracle.dump())
            assert all(edge[1][0] == edge[2][0] for edge in dump.edges)

        def teardown(self) -> None:
            try:
                self.compare()
            finally:
                self.runner.run(self.store.close())
                self.runner.close()

    Congruence.TestCase.settings = settings(
        max_examples=examples,
        stateful_step_count=12,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],  # shrinking a whole history takes minutes
        suppress_health_check=list(HealthCheck),
    )
    return Congruence
