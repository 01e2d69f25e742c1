"""The graph in memory, as a NetworkX multigraph: for ``memory://``, and the oracle of the others.

It says what the embedded and the server stores must hold, in the fewest lines that can be read
and believed. It speaks no Cypher of its own: a query is run on a copy of the tenant in a throwaway
Kuzu database.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import networkx as nx

from graphmem.adapters.graph.cypher_guard.guard import guard
from graphmem.adapters.graph.digests import digests_of_changes, digests_of_dump
from graphmem.adapters.graph.rows import (
    EDGE_ENDS,
    Edge,
    Node,
    dump_of,
    entity_node,
    episode_node,
    fact_edges,
    fact_node,
    link_of,
    next_edges,
)
from graphmem.errors import Rejected, UsageError
from graphmem.model import Table
from graphmem.ports.graph import Checkpoint, Digests, GraphChanges, GraphDump, Link
from graphmem.ports.part import Part

if TYPE_CHECKING:
    from graphmem.adapters.graph.kuzu.store import KuzuGraph

_Key = tuple[str, str]
"""Label and id."""


class NetworkXGraph:
    """A graph store that lives as long as the object does; see the port for the contract."""

    def __init__(self) -> None:
        self._graph: nx.MultiDiGraph[_Key] = nx.MultiDiGraph()
        self._checkpoint = Checkpoint("", 0)
        self._is_open = False
        self._changes = 0
        self._copy: KuzuGraph | None = None
        self._copy_of: tuple[str | None, int] = (None, 0)
        self._asking = asyncio.Lock()

    @property
    def successor(self) -> None:
        return None

    async def open(self, store_id: str) -> Checkpoint:
        """Open; what it held for another store is forgotten."""
        if self._checkpoint.store_id != store_id:
            self._graph.clear()
            self._changes += 1
            self._checkpoint = Checkpoint(store_id, 0)
        self._is_open = True
        return self._checkpoint

    async def apply(self, changes: GraphChanges, applied_seq: int) -> None:
        """Apply a batch and move the checkpoint; see the port."""
        self._check()
        nodes = [
            *map(episode_node, changes.episodes),
            *map(entity_node, changes.entities),
            *map(fact_node, changes.facts),
        ]
        removed = [
            *(("Fact", id) for id in changes.removed_facts),
            *(("Episode", id) for id in changes.removed_episodes),
            *(("Entity", id) for id in changes.removed_entities),
        ]
        self._check_tenants(nodes, removed)
        self._changes += 1
        for key in removed:
            self._remove(key)
        for id in changes.renewed_mentions:
            self._forget_mentions(("Episode", id))
        for node in nodes:
            self._put(node)
        self._link(next_edges(changes.episodes))
        for fact in {fact.id: fact for fact in changes.facts}.values():
            self._link(fact_edges(fact))
        self._link(Edge("MENTIONS", *pair, {}) for pair in changes.mentions)
        self._checkpoint = Checkpoint(self._checkpoint.store_id, applied_seq)

    async def expand(
        self, tenant: str, entity_ids: Sequence[str], *, limit: int
    ) -> Mapping[str, tuple[Link, ...]]:
        """One hop per entity; an entity without facts gives an empty tuple."""
        self._check()
        if limit < 0:
            raise UsageError(f"limit must not be negative, got {limit}")
        found: dict[str, tuple[Link, ...]] = {}
        for entity_id in entity_ids:
            key = ("Entity", entity_id)
            if key in self._graph and self._graph.nodes[key]["scope"] == tenant:
                links = (
                    link_of(data)
                    for _, _, type, data in self._graph.in_edges(key, keys=True, data=True)
                    if type == "ABOUT"
                )
                found[entity_id] = tuple(sorted(links, key=lambda link: link.fact_id))[:limit]
        return found

    async def cypher(
        self,
        query: str,
        parameters: Mapping[str, object],
        *,
        tenant: str | None,
        max_rows: int,
        timeout_s: float,
    ) -> Table:
        """Run a guarded query on a copy of the tenant in a throwaway Kuzu database."""
        self._check()
        guard(query, parameters, tenant=tenant, max_rows=max_rows, timeout_s=timeout_s)
        async with self._asking:
            if self._copy is None or self._copy_of != (tenant, self._changes):
                await self._drop_copy()
                await self._make_copy(tenant)
            copy = self._copy
            assert copy is not None  # noqa: S101 - just made
            return await copy.cypher(
                query, parameters, tenant=tenant, max_rows=max_rows, timeout_s=timeout_s
            )

    async def _make_copy(self, tenant: str | None) -> None:
        """A copy for console queries, which serves until something changes."""
        from graphmem.adapters.graph.kuzu.store import KuzuGraph

        copy = KuzuGraph(None, engine="ladybug" if "ladybug" in sys.modules else "kuzu")
        changes = self._changes
        await copy.open("copy")
        try:
            await copy.load(*self._rows(tenant))
        except BaseException:
            await copy.close()
            raise
        self._copy, self._copy_of = copy, (tenant, changes)

    async def _drop_copy(self) -> None:
        copy, self._copy = self._copy, None
        if copy is not None:
            await copy.close()

    async def dump(self, tenant: str | None = None) -> GraphDump:
        """Everything, or everything inside one tenant, in canonical order."""
        self._check()
        nodes, edges = self._rows(tenant)
        return dump_of(
            ((node.label, node.id, node.properties) for node in nodes),
            ((edge.type, edge.source, edge.target, edge.properties) for edge in edges),
        )

    async def digests(self, part: Part | None = None) -> Digests:
        return digests_of_dump(await self.dump(), part)

    def digests_of(self, changes: GraphChanges) -> Digests:
        return digests_of_changes(changes)

    async def clear(self) -> None:
        """Remove everything; the checkpoint goes back to 0."""
        self._check()
        self._graph.clear()
        self._changes += 1
        self._checkpoint = Checkpoint(self._checkpoint.store_id, 0)

    async def close(self) -> None:
        """Close; what was stored stays for this object's next ``open``."""
        self._is_open = False
        async with self._asking:
            await self._drop_copy()

    def _check(self) -> None:
        if not self._is_open:
            raise UsageError("the graph is not open: call open() first")

    def _check_tenants(self, nodes: Iterable[Node], removed: Sequence[_Key]) -> None:
        for node in nodes:
            key = (node.label, node.id)
            if key in removed or key not in self._graph:
                continue
            if self._graph.nodes[key]["scope"] != node.scope:
                raise Rejected(f"the {node.label.lower()} {node.id} belongs to another scope")

    def _remove(self, key: _Key) -> None:
        if key[0] == "Fact":
            self._drop_relation(key[1])
        if key in self._graph:
            self._graph.remove_node(key)

    def _forget_mentions(self, key: _Key) -> None:
        if key in self._graph:
            edges = list(self._graph.out_edges(key, keys=True))
            self._graph.remove_edges_from([edge for edge in edges if edge[2] == "MENTIONS"])

    def _put(self, node: Node) -> None:
        """The node as it is now, without the edges that it owns."""
        key = (node.label, node.id)
        if key in self._graph:
            edges = (*self._graph.in_edges(key, keys=True), *self._graph.out_edges(key, keys=True))
            self._graph.remove_edges_from([e for e in edges if _owns(node.label, key, e)])
            if node.label == "Fact":
                self._drop_relation(node.id)
            self._graph.nodes[key].clear()
        self._graph.add_node(key, **node.properties)

    def _drop_relation(self, fact_id: str) -> None:
        data = self._graph.nodes.get(("Fact", fact_id), {})
        edge = (("Entity", data.get("subject_id")), ("Entity", data.get("object_id")))
        if self._graph.has_edge(*edge, f"RELATES {fact_id}"):
            self._graph.remove_edge(*edge, f"RELATES {fact_id}")

    def _link(self, edges: Iterable[Edge]) -> None:
        """Edges whose ends are there, in one scope."""
        for edge in edges:
            start, end = EDGE_ENDS[edge.type]
            source, target = (start, edge.source), (end, edge.target)
            if source not in self._graph or target not in self._graph:
                continue
            scope = self._graph.nodes[source]["scope"]
            wanted = edge.properties.get("scope", scope)
            if not scope == self._graph.nodes[target]["scope"] == wanted:
                continue
            key = edge.type
            if edge.type == "RELATES":
                key = f"RELATES {edge.properties['fact_id']}"
            if not self._graph.has_edge(source, target, key):
                self._graph.add_edge(source, target, key, **{"scope": scope, **edge.properties})

    def _rows(self, tenant: str | None) -> tuple[list[Node], list[Edge]]:
        inside = [
            (key, data)
            for key, data in self._graph.nodes(data=True)
            if tenant is None or data["scope"] == tenant
        ]
        nodes = [Node(label, id, data) for (label, id), data in inside]
        edges = [
            Edge(type.split(" ")[0], source[1], target[1], data)
            for key, _ in inside
            for source, target, type, data in self._graph.out_edges(key, keys=True, data=True)
        ]
        return nodes, edges


def _owns(label: str, key: _Key, edge: tuple[_Key, _Key, str]) -> bool:
    """Whether writing this node anew replaces that edge: see :class:`GraphChanges`."""
    source, target, type = edge
    if label == "Fact":
        return (source == key and type in ("ABOUT", "SUPERSEDES")) or (
            target == key and type == "STATES"
        )
    return label == "Episode" and target == key and type == "NEXT"
