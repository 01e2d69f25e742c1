"""The one mapping from model values to nodes and edges, which every graph adapter writes.

Because all adapters share it, two of them can differ only in how they store, never in what.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from graphmem.clock import stamp, stamp_or_none
from graphmem.errors import Rejected
from graphmem.model import Entity, Episode, Fact, Scope
from graphmem.ports.graph import GraphChanges, GraphDump, Link

NODE_LABELS = ("Episode", "Entity", "Fact")
EDGE_ENDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "MENTIONS": ("Episode", "Entity"),
        "STATES": ("Episode", "Fact"),
        "ABOUT": ("Fact", "Entity"),
        "RELATES": ("Entity", "Entity"),
        "SUPERSEDES": ("Fact", "Fact"),
        "NEXT": ("Episode", "Episode"),
    }
)
"""Every type of edge, with the labels of where it starts and ends."""

Properties = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Node:
    """One node; ``properties`` hold ``scope`` but not ``id``. None is an absent property."""

    label: str
    id: str
    properties: Properties

    @property
    def scope(self) -> str:
        return str(self.properties["scope"])


@dataclass(frozen=True, slots=True)
class Edge:
    """One edge. Its scope is that of its ends, which must be the same (and ``scope``, where the
    properties hold it), or it is left out."""

    type: str
    source: str
    target: str
    properties: Properties


def episode_node(episode: Episode) -> Node:
    return Node(
        "Episode",
        episode.id,
        {
            **_scope(episode.scope),
            "kind": episode.kind,
            "content": episode.content,
            "occurred_at": stamp(episode.occurred_at),
            "recorded_at": stamp(episode.recorded_at),
            "expires_at": stamp_or_none(episode.expires_at),
            "memory_type": episode.memory_type,
            "importance": float(episode.importance),
            "tags": list(episode.tags),
        },
    )


def entity_node(entity: Entity) -> Node:
    return Node(
        "Entity",
        entity.id,
        {
            "scope": entity.tenant,
            "name": entity.name,
            "kind": entity.kind,
            "aliases": list(entity.aliases),
            "summary": entity.summary,
            "recorded_at": stamp_or_none(entity.recorded_at),
        },
    )


def fact_node(fact: Fact) -> Node:
    return Node(
        "Fact",
        fact.id,
        {
            **_scope(fact.scope),
            "text": fact.text,
            "version": fact.version,
            **_times(fact),
            "subject_id": fact.subject_id,
            "type": fact.type,
            "object_id": fact.object_id,
            "entity_ids": list(entity_ids_of(fact)),
            "memory_type": fact.memory_type,
            "importance": float(fact.importance),
            "tags": list(fact.tags),
            "stated_at": stamp_or_none(fact.stated_at),
            "modality": fact.modality,
            "planned_for": stamp_or_none(fact.planned_for),
            "planned_precision": fact.planned_precision,
        },
    )


def entity_ids_of(fact: Fact) -> tuple[str, ...]:
    """Every entity that a fact is about, its subject and object included, without repeats."""
    ends = [end for end in (fact.subject_id, fact.object_id) if end is not None]
    return tuple(dict.fromkeys((*fact.entity_ids, *ends))) if ends or fact.entity_ids else ()


def stated_in(fact: Fact) -> list[str]:
    """The episodes that are a fact's sources, without repeats."""
    return list(dict.fromkeys([source.episode_id for source in fact.sources]))


def fact_edges(fact: Fact) -> list[Edge]:
    """Every edge that a fact owns: sources, what it is about, its relation, what it replaced."""
    edges = [Edge("STATES", episode_id, fact.id, {}) for episode_id in stated_in(fact)]
    if entity_ids := entity_ids_of(fact):
        link = {
            "fact_id": fact.id,
            "entity_ids": json.dumps(entity_ids, ensure_ascii=False),
            "subject_id": fact.subject_id,
            "type": fact.type,
            "object_id": fact.object_id,
            "valid_at": stamp_or_none(fact.valid_at),
            "invalid_at": stamp_or_none(fact.invalid_at),
            "stated_at": stamp_or_none(fact.stated_at),
            "modality": fact.modality,
        }
        edges += [Edge("ABOUT", fact.id, entity_id, link) for entity_id in entity_ids]
    # What is planned, hearsay, supposed or denied is a fact, but no relation that holds.
    stated = fact.modality == "stated"
    if stated and fact.type and fact.subject_id is not None and fact.object_id is not None:
        face = {
            "scope": fact.scope.tenant,
            "type": fact.type,
            "fact_id": fact.id,
            "fact": fact.text,
            "valid_at": stamp_or_none(fact.valid_at),
            "valid_precision": fact.valid_precision,
            "invalid_at": stamp_or_none(fact.invalid_at),
            "invalid_precision": fact.invalid_precision,
            "recorded_at": stamp(fact.recorded_at),
            "stated_at": stamp_or_none(fact.stated_at),
        }
        edges.append(Edge("RELATES", fact.subject_id, fact.object_id, face))
    if fact.supersedes_id is not None:
        edges.append(Edge("SUPERSEDES", fact.id, fact.supersedes_id, {}))
    return edges


def link_of(properties: Properties) -> Link:
    """What an ABOUT edge says of its fact."""
    rest = ("fact_id", "subject_id", "type", "object_id", "valid_at", "invalid_at", "stated_at")
    entity_ids = tuple(json.loads(properties["entity_ids"]))
    return Link(
        entity_ids=entity_ids,
        modality=properties["modality"],
        **{name: properties[name] for name in rest},
    )


def next_edges(episodes: Iterable[Episode]) -> list[Edge]:
    return [
        Edge("NEXT", episode.previous_id, episode.id, {})
        for episode in episodes
        if episode.previous_id is not None
    ]


def nodes_of(changes: GraphChanges) -> dict[str, dict[str, Node]]:
    """The nodes that a batch writes, by label and id. Of repeats the last counts."""
    return {
        "Episode": {episode.id: episode_node(episode) for episode in changes.episodes},
        "Entity": {entity.id: entity_node(entity) for entity in changes.entities},
        "Fact": {fact.id: fact_node(fact) for fact in changes.facts},
    }


def edges_of(changes: GraphChanges) -> dict[str, list[Edge]]:
    """The edges that a batch writes, by type, without repeats."""
    episodes = {episode.id: episode for episode in changes.episodes}
    facts = {fact.id: fact for fact in changes.facts}
    return by_type(
        [
            *next_edges(episodes.values()),
            *(edge for fact in facts.values() for edge in fact_edges(fact)),
            *(Edge("MENTIONS", *pair, {}) for pair in dict.fromkeys(changes.mentions)),
        ]
    )


def by_type(edges: Iterable[Edge]) -> dict[str, list[Edge]]:
    """Edges by their type, every type being there."""
    found: dict[str, list[Edge]] = {type: [] for type in EDGE_ENDS}
    for edge in edges:
        found[edge.type].append(edge)
    return found


def text_in(properties: Properties) -> int:
    """How many characters of text a node or an edge carries."""
    values = properties.values()
    lists = [value for value in values if type(value) is list and value]
    texts = [value for value in values if type(value) is str]
    return sum(map(len, texts)) + sum(sum(map(len, value)) for value in lists)


def merged(batches: Sequence[GraphChanges]) -> GraphChanges:
    """All batches as one, the later of repeats. Only the first may remove anything."""
    if len(batches) == 1:
        return batches[0]
    episodes = {found.id: found for batch in batches for found in batch.episodes}
    entities = {found.id: found for batch in batches for found in batch.entities}
    facts = {found.id: found for batch in batches for found in batch.facts}
    return replace(
        batches[0],
        episodes=tuple(episodes.values()),
        entities=tuple(entities.values()),
        facts=tuple(facts.values()),
        mentions=tuple(dict.fromkeys(pair for batch in batches for pair in batch.mentions)),
    )


def size_of(changes: GraphChanges) -> tuple[int, int]:
    """How many nodes a batch writes, and about how many characters of text."""
    nodes = len(changes.episodes) + len(changes.entities) + len(changes.facts)
    texts = (*(e.content for e in changes.episodes), *(f.text for f in changes.facts))
    return nodes, sum(map(len, texts))


def check_writable(changes: GraphChanges, most_bytes: int) -> None:
    """:class:`~graphmem.errors.Rejected` for the first thing that cannot be written, where writing
    it only later would stop what is written with it."""
    for episode in changes.episodes:
        _check(episode, most_bytes, episode.content, *episode.tags)
    for entity in changes.entities:
        _check(entity, most_bytes, entity.name, *entity.aliases)
    for fact in changes.facts:
        _check(fact, most_bytes, fact.text, *fact.tags)


def _check(thing: Episode | Entity | Fact, most_bytes: int, *texts: str) -> None:
    try:
        fits = all(
            4 * len(text) <= most_bytes or len(text.encode()) <= most_bytes for text in texts
        )
        if not all(text.isascii() for text in texts):
            "".join(texts).encode()
        weight = 0.5 if isinstance(thing, Entity) else float(thing.importance)
    except (AttributeError, OverflowError, TypeError, ValueError) as error:
        raise Rejected(f"{thing.id} holds a value that no graph can hold") from error
    if not fits or not math.isfinite(weight):
        raise Rejected(
            f"{thing.id} holds more than the graph can hold (text of {most_bytes:,} bytes)"
        )


def most_of_a_kind(changes: GraphChanges) -> int:
    """No fewer than the nodes of any label and the edges of any type that a batch writes; told
    without making them."""
    facts = changes.facts
    return max(
        len(changes.episodes),
        len(changes.entities),
        len(facts),
        len(changes.mentions),
        sum([len(fact.sources) for fact in facts]),
        sum([len(fact.entity_ids) + 2 for fact in facts if _about(fact)]),
    )


def _about(fact: Fact) -> bool:
    return bool(fact.entity_ids or fact.type or fact.subject_id or fact.object_id)


def dump_of(
    nodes: Iterable[tuple[str, str, Properties]],
    edges: Iterable[tuple[str, str, str, Properties]],
) -> GraphDump:
    """Canonical form: sorted, absent and empty properties left out, lists as tuples."""
    return GraphDump(
        tuple(sorted(((a, b, _canonical(p)) for a, b, p in nodes), key=repr)),
        tuple(sorted(((a, b, c, _canonical(p)) for a, b, c, p in edges), key=repr)),
    )


def _canonical(properties: Properties) -> tuple[tuple[str, object], ...]:
    return tuple(
        (name, tuple(value) if isinstance(value, list) else value)
        for name, value in sorted(properties.items())
        if value is not None and value != []
    )


def _scope(scope: Scope) -> dict[str, str | None]:
    return {
        "scope": scope.tenant,
        "project_id": scope.project_id,
        "user_id": scope.user_id,
        "agent_id": scope.agent_id,
        "run_id": scope.run_id,
    }


def _times(fact: Fact) -> dict[str, str | None]:
    return {
        "valid_at": stamp_or_none(fact.valid_at),
        "valid_precision": fact.valid_precision,
        "invalid_at": stamp_or_none(fact.invalid_at),
        "invalid_precision": fact.invalid_precision,
        "expires_at": stamp_or_none(fact.expires_at),
        "archived_at": stamp_or_none(fact.archived_at),
        "recorded_at": stamp(fact.recorded_at),
    }
