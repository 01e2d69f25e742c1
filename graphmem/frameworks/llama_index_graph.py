"""A property-graph store for LlamaIndex over a memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from llama_index.core.graph_stores.types import (
    ChunkNode,
    EntityNode,
    LabelledNode,
    PropertyGraphStore,
    Relation,
)
from llama_index.core.vector_stores.types import VectorStoreQuery

from graphmem.errors import NotFound, UsageError
from graphmem.model import Relation as KnownRelation
from graphmem.sync import Memory

Triplet: TypeAlias = tuple[LabelledNode, Relation, LabelledNode]
_KIND = "llama_index"
_PAGE = 500
_SCHEMA = """\
(:Entity {name, kind}) -[:RELATES {type, fact, valid_at, invalid_at}]-> (:Entity)
(:Episode) -[:STATES]-> (:Fact {text}) -[:ABOUT]-> (:Entity); (:Episode) -[:MENTIONS]-> (:Entity)
type is a verb phrase in lower snake case: works_at"""


class GraphmemPropertyGraphStore(PropertyGraphStore):
    """Nodes are documents of the memory, relations what is related in it: a relation that a newer
    one ends (somebody moved) is not among the triplets any more, and history keeps it.

    ``scope`` says whose memory it is (without it, as the memory was opened). What the memory knows
    otherwise is among the triplets too. Structured queries are Cypher, read-only and within that
    scope. Vectors stay with LlamaIndex's own vector store: nodes' ``embedding`` is not kept.
    """

    supports_structured_queries = True
    supports_vector_queries = False

    def __init__(self, memory: Memory, **scope: Any) -> None:
        self._memory = memory
        self._scope = scope

    @property
    def client(self) -> Memory:
        return self._memory

    def get(
        self, properties: dict[str, Any] | None = None, ids: list[str] | None = None
    ) -> list[LabelledNode]:
        if ids:
            found = (self._memory.documents(document=_document(id), **self._scope) for id in ids)
            stored = [document for one in found for document in one]
        else:
            stored = self._memory.documents(under=f"{_KIND}:", **self._scope)
        nodes = (self._node(document.episode_ids[-1]) for document in stored)
        return [node for node in nodes if _has_any(properties, node.properties)]

    def get_triplets(
        self,
        entity_names: list[str] | None = None,
        relation_names: list[str] | None = None,
        properties: dict[str, Any] | None = None,
        ids: list[str] | None = None,
    ) -> list[Triplet]:
        if not (ids or properties or entity_names or relation_names):
            return []
        return [
            triplet for _, triplet in self._found(entity_names, relation_names, properties, ids)
        ]

    def get_rel_map(
        self,
        graph_nodes: list[LabelledNode],
        depth: int = 2,
        limit: int = 30,
        ignore_rels: list[str] | None = None,
    ) -> list[Triplet]:
        ignored = set(ignore_rels or ())
        found: dict[str, Triplet] = {}
        names = [node.id for node in graph_nodes]
        for _ in range(depth):
            if not names:
                break
            more = {
                fact_id: triplet
                for fact_id, triplet in self._found(names)
                if fact_id not in found and triplet[1].id not in ignored
            }
            found |= more
            names = list(dict.fromkeys(n.id for t in more.values() for n in (t[0], t[2])))
            if len(found) >= limit:
                break
        return list(found.values())[:limit]

    def upsert_nodes(self, nodes: Sequence[LabelledNode]) -> None:
        for node in nodes:
            text = node.text if isinstance(node, ChunkNode) else node.id
            about = node.model_dump(mode="json", exclude={"embedding", "text"}, exclude_none=True)
            self._memory.add_document(
                _document(node.id),
                [{"content": text if text.strip() else "(empty)"}],
                metadata={_KIND: about, "node": node.id},
                infer=False,
                **self._scope,
            )

    def upsert_relations(self, relations: list[Relation]) -> None:
        for one in relations:
            about = {"label": one.label, "properties": one.properties}
            self._memory.relate(
                one.source_id, one.label, one.target_id, metadata={_KIND: about}, **self._scope
            )

    def delete(
        self,
        entity_names: list[str] | None = None,
        relation_names: list[str] | None = None,
        properties: dict[str, Any] | None = None,
        ids: list[str] | None = None,
    ) -> None:
        """What matches is known no more; history keeps it. Without anything given, nothing."""
        if not (ids or properties or entity_names or relation_names):
            return
        for fact_id, _ in list(self._found(entity_names, relation_names, properties, ids)):
            self._memory.delete(fact_id, **self._scope)
        named = [*(ids or ()), *(entity_names or ())]
        if named or properties:
            for node in self.get(properties, named or None):
                self._memory.remove_document(_document(node.id), **self._scope)

    def structured_query(self, query: str, param_map: dict[str, Any] | None = None) -> Any:
        table = self._memory.cypher(query, param_map or {}, **self._scope)
        return [dict(zip(table.columns, row, strict=True)) for row in table.rows]

    def vector_query(
        self, query: VectorStoreQuery, **kwargs: Any
    ) -> tuple[list[LabelledNode], list[float]]:
        raise UsageError("this store keeps no vectors of nodes: ask Memory.search, by words")

    def get_schema(self, refresh: bool = False) -> str:
        return _SCHEMA

    def _found(
        self,
        entity_names: Sequence[str] | None = None,
        relation_names: Sequence[str] | None = None,
        properties: Mapping[str, Any] | None = None,
        ids: Sequence[str] | None = None,
    ) -> Iterator[tuple[str, Triplet]]:
        """What is known that fits all that is given, each with the id of its fact."""
        nodes: dict[str, LabelledNode] = {}
        seen: set[str] = set()
        for one in self._relations([*(entity_names or ()), *(ids or ())]):
            if one.fact_id in seen:
                continue
            seen.add(one.fact_id)
            relation = self._relation(one)
            ends = [self._named(name, nodes) for name in (one.subject, one.object)]
            here = {ends[0].id, ends[1].id}
            if (
                (not entity_names or here & set(entity_names))
                and (not ids or here & set(ids))
                and (not relation_names or {relation.id, one.type} & set(relation_names))
                and any(_has_any(properties, x.properties) for x in (*ends, relation))
            ):
                yield one.fact_id, (ends[0], relation, ends[1])

    def _relations(self, names: Sequence[str]) -> Iterator[KnownRelation]:
        wanted: Sequence[str | None] = names or [None]
        for name in wanted:
            after = 0
            try:
                while some := self._memory.relations(
                    name, limit=_PAGE, offset=after, **self._scope
                ):
                    yield from some
                    after += len(some)
            except NotFound:
                continue  # nothing is related to it

    def _relation(self, one: KnownRelation) -> Relation:
        """As it was given, or (for what is known otherwise) with when it held."""
        about = self._memory.get(one.fact_id, **self._scope).metadata.get(_KIND) or {}
        times = {"valid_at": one.valid_at, "invalid_at": one.invalid_at}
        known = {name: at.isoformat() for name, at in times.items() if at is not None}
        return Relation(
            label=about.get("label", one.type),
            source_id=one.subject,
            target_id=one.object,
            properties={**known, "fact": one.fact, **about.get("properties", {})},
        )

    def _named(self, name: str, known: dict[str, LabelledNode]) -> LabelledNode:
        if name not in known:
            stored = self.get(ids=[name])
            known[name] = stored[0] if stored else EntityNode(name=name)
        return known[name]

    def _node(self, episode_id: str) -> LabelledNode:
        episode = self._memory.episode(episode_id, **self._scope)
        about = episode.metadata[_KIND]
        if "name" in about:
            return EntityNode(**about)
        return ChunkNode(text=episode.turns[0].text, **about)


def _document(id: str) -> str:
    return f"{_KIND}:{id}"


def _has_any(wanted: Mapping[str, Any] | None, properties: Mapping[str, Any]) -> bool:
    """As LlamaIndex has it: one of them is enough."""
    return not wanted or any(properties.get(name) == value for name, value in wanted.items())
