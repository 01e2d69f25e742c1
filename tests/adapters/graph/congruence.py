"""A state machine that does the same to several graph stores and compares all that they hold, what
they expand to, and what they answer in Cypher."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from graphmem.adapters.graph.cypher_files import statements
from graphmem.adapters.graph.kuzu.store import KuzuGraph
from graphmem.adapters.graph.neo4j.store import Neo4jGraph
from graphmem.adapters.graph.networkx import NetworkXGraph
from graphmem.clock import stamp
from graphmem.model import Table
from graphmem.ports.graph import GraphChanges, GraphStore
from graphmem.testing.graph_samples import ADA_SCOPE, BOB_SCOPE, MOMENT, entity, episode, fact
from tests.faults.sizes import FUZZ

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_NAME = st.sampled_from(["Ada", "Bo", "Café Ö", "'; //", "x"])
_TYPE = st.sampled_from(["knows", "lives_in", "`} DELETE"])
_TIME = st.integers(0, 6).map(lambda days: MOMENT + timedelta(days=days))
_INSPECT = sorted(statements("inspect.cypher"))
_NOT_READ = ("dump_", "show_", "checkpoint")  # compared as dumps; of Kuzu only
_READ = sorted(name for name in statements("read.cypher") if not name.startswith(_NOT_READ))


class _World:
    """Which ids are there, per tenant; removed ones never come back, as in a ledger."""

    def __init__(self) -> None:
        self.scopes = {"a": ADA_SCOPE, "b": BOB_SCOPE}
        self.live: dict[str, dict[str, list[str]]] = {
            tenant: {"episode": [], "entity": [], "fact": []} for tenant in self.scopes
        }
        self.count = 0

    def new(self, tenant: str, kind: str) -> str:
        self.count += 1
        self.live[tenant][kind].append(f"{tenant}-{kind}-{self.count}")
        return self.live[tenant][kind][-1]


def _batch(draw: Callable[[st.SearchStrategy[Any]], Any], world: _World) -> GraphChanges:
    tenant = draw(st.sampled_from(sorted(world.scopes)))
    scope, live = world.scopes[tenant], world.live[tenant]

    def some(kind: str, most: int) -> list[str]:
        if not live[kind]:
            return []
        return list(draw(st.lists(st.sampled_from(live[kind]), max_size=most)))

    def one(kind: str) -> Any:
        return draw(st.sampled_from([*live[kind], None]))

    removed = {kind: some(kind, 2) for kind in live if draw(st.integers(0, 4)) == 0}
    for kind, gone in removed.items():
        live[kind][:] = [id for id in live[kind] if id not in gone]
    again = {kind: some(kind, 2) for kind in live}
    fresh = {
        kind: [world.new(tenant, kind) for _ in range(draw(st.integers(0, 4)))] for kind in live
    }
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
        facts.append(
            replace(
                made,
                type=draw(_TYPE) if made.type else None,
                recorded_at=draw(_TIME),
                importance=draw(st.sampled_from([0.0, 0.5, 1.0])),
                **{
                    name: draw(st.none() | _TIME)
                    for name in ("valid_at", "invalid_at", "expires_at", "archived_at")
                },
            )
        )
    return GraphChanges(
        episodes=tuple(
            replace(
                episode(id, scope, previous_id=one("episode"), text=draw(_TEXT)),
                occurred_at=draw(_TIME),
            )
            for id in ids["episode"]
        ),
        entities=tuple(
            replace(
                entity(
                    id, scope, name=draw(_NAME), aliases=tuple(draw(st.lists(_TEXT, max_size=2)))
                ),
                kind=draw(st.sampled_from(["person", "place"])),
            )
            for id in ids["entity"]
        ),
        facts=tuple(facts),
        mentions=tuple(zip(some("episode", 3), some("entity", 3), strict=False)),
        removed_episodes=tuple(removed.get("episode", ())),
        removed_entities=tuple(removed.get("entity", ())),
        removed_facts=tuple(removed.get("fact", ())),
    )


def _parameters(
    draw: Callable[[st.SearchStrategy[Any]], Any], text: str, world: _World, tenant: str
) -> dict[str, object]:
    """Values for whatever parameters a statement takes, most of them found in the world."""
    live = world.live[tenant]

    def some_id(kind: str) -> Any:
        return draw(st.sampled_from([*live[kind], "nobody"]))

    label = re.search(r"\(n?:(Episode|Entity|Fact) \{id", text)
    kind = label.group(1).lower() if label else "entity"
    known: dict[str, Callable[[], object]] = {
        "name": lambda: draw(_NAME),
        "one": lambda: draw(_NAME),
        "other": lambda: draw(_NAME),
        "type": lambda: draw(_TYPE),
        "at": lambda: stamp(draw(_TIME)),
        "since": lambda: stamp(draw(_TIME)),
        "until": lambda: stamp(draw(_TIME)),
        "episode_id": lambda: some_id("episode"),
        "fact_id": lambda: some_id("fact"),
        "entity_id": lambda: some_id("entity"),
        "id": lambda: some_id(kind),
        "ids": lambda: [*live[kind], "nobody"],
        "scope": lambda: world.scopes[tenant].tenant,
        "limit": lambda: draw(st.integers(0, 4)),
    }
    return {name: known[name]() for name in sorted(set(re.findall(r"\$(\w+)", text)))}


def _comparable(table: Table, text: str) -> tuple[object, ...]:
    """An answer: its columns, its rows in any order, and the order as far as the query sets it by
    plain columns."""
    columns = list(table.columns)
    order: list[int] = []
    if found := re.search(r"ORDER BY ([^\n]+)\s*\Z", text):
        for key in found.group(1).split(", "):
            name = key.removesuffix(" DESC").strip()
            if name not in columns:
                break
            order.append(columns.index(name))
    rows = [tuple(map(repr, row)) for row in table.rows]
    return columns, sorted(rows), [tuple(row[at] for at in order) for row in rows]


async def _raw(store: GraphStore, text: str, parameters: Mapping[str, object]) -> list[list[Any]]:
    """A statement of ``read.cypher`` as an adapter runs it."""
    if isinstance(store, KuzuGraph):
        return await store._read(lambda reader: reader.run(text, dict(parameters)))
    assert isinstance(store, Neo4jGraph)
    return await store._server.ask(text, parameters)


class CongruenceMachine(RuleBasedStateMachine):
    """What :func:`congruence_machine` makes."""

    filled: ClassVar[Counter[str]]
    """How often each query of the tour had an answer with rows."""


def congruence_machine(
    make: Callable[[], Sequence[GraphStore]], *, examples: int
) -> type[CongruenceMachine]:
    """A machine that compares each of ``make()`` with the NetworkX graph, and the answers of
    those that speak Cypher with one another."""

    class Congruence(CongruenceMachine):
        filled: ClassVar[Counter[str]] = Counter()

        def __init__(self) -> None:
            super().__init__()
            self.runner = asyncio.Runner()
            self.world, self.seq = _World(), 0
            self.oracle, self.stores = NetworkXGraph(), make()
            for graph in (self.oracle, *self.stores):
                self.runner.run(graph.open("store"))
                self.runner.run(graph.clear())  # a server has what the example before left there

        @initialize(data=st.data())
        def begin(self, data: st.DataObject) -> None:
            for _ in range(4):
                self.apply(data, twice=False)

        @rule(data=st.data(), twice=st.booleans())
        def apply(self, data: st.DataObject, twice: bool) -> None:
            changes = _batch(data.draw, self.world)
            self.seq += 1
            for graph in (self.oracle, *self.stores):
                for _ in range(1 + twice):
                    self.runner.run(graph.apply(changes, self.seq))

        @rule()
        def reopen(self) -> None:
            for graph in (self.oracle, *self.stores):
                assert self.runner.run(graph.open("store")).applied_seq == self.seq

        @rule(limit=st.sampled_from([0, 1, 2, 100]))
        def compare(self, limit: int = 100) -> None:
            for tenant in (None, ADA_SCOPE.tenant, BOB_SCOPE.tenant):
                expected = self.runner.run(self.oracle.dump(tenant))
                for store in self.stores:
                    assert self.runner.run(store.dump(tenant)) == expected
            for name, scope in self.world.scopes.items():
                ids = [*self.world.live[name]["entity"], "nobody"]
                near = self.runner.run(self.oracle.expand(scope.tenant, ids, limit=limit))
                for store in self.stores:
                    assert self.runner.run(store.expand(scope.tenant, ids, limit=limit)) == near

        @rule(data=st.data(), tenant=st.sampled_from(["a", "b"]))
        def inspect(self, data: st.DataObject, tenant: str) -> None:
            for name in _INSPECT if len(self.stores) > 1 else ():
                self.inspect_one(data, name, tenant)

        def inspect_one(self, data: st.DataObject, name: str, tenant: str) -> None:
            """The whole answer, as a limit may cut among equals."""
            text = re.sub(r"\nLIMIT \d+\s*\Z", "", statements("inspect.cypher")[name].text)
            given = _parameters(data.draw, text, self.world, tenant)
            scope = self.world.scopes[tenant].tenant
            answers = [
                self.runner.run(
                    store.cypher(text, given, tenant=scope, max_rows=5000, timeout_s=60)
                )
                for store in self.stores
            ]
            first, *others = (_comparable(answer, text) for answer in answers)
            for other in others:
                assert other == first, name
            self.filled[name] += bool(answers[0].rows)

        @rule(data=st.data(), tenant=st.sampled_from(["a", "b"]))
        def read(self, data: st.DataObject, tenant: str) -> None:
            for name in _READ if len(self.stores) > 1 else ():
                self.read_one(data, name, tenant)

        def read_one(self, data: st.DataObject, name: str, tenant: str) -> None:
            text = statements("read.cypher")[name].text
            given = _parameters(data.draw, text, self.world, tenant)
            first, *others = (
                sorted(map(repr, self.runner.run(_raw(store, text, given))))
                for store in self.stores
            )
            for other in others:
                assert other == first, name

        @invariant()
        def never_crosses(self) -> None:
            dump = self.runner.run(self.oracle.dump())
            assert all(edge[1][0] == edge[2][0] for edge in dump.edges)

        def teardown(self) -> None:
            try:
                self.compare()
            finally:
                for store in self.stores:
                    self.runner.run(store.close())
                self.runner.close()

    Congruence.TestCase.settings = settings(
        max_examples=int(examples * max(1, FUZZ / 5)),
        stateful_step_count=16,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],  # shrinking a whole history takes minutes
        suppress_health_check=list(HealthCheck),
    )
    return Congruence
