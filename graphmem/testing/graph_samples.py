"""Episodes, entities and facts for tests of graph stores, and texts that stores trip over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from graphmem.model import Entity, Episode, Fact, Scope, Source
from graphmem.ports.graph import GraphChanges, GraphDump

MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)
ADA_SCOPE = Scope(project_id="p", user_id="ada", agent_id="bot", run_id="r1")
BOB_SCOPE = Scope(project_id="p", user_id="bob")

AWKWARD = (
    "plain",
    "it's \"quoted\" `back` 'twice''",
    "comma, semicolon; pipe| tab\tline\nreturn\r\nend",
    "back\\slash \\n \\u0041 \\",
    "",
    " ",
    "ünïcode 漢字 😀 \u2028 e\u0301",
    "[a, b]",
    "{a: 1}",
    "null",
    "true",
    "1.50",
    "2026-01-01",
    "\x00\x01 and more",
    "\x01\x1b\x7f\x85",
    "}) DETACH DELETE n //",
    "$scope /* */ -- #",
    "x" * 70_000,
)
"""Texts that a store must give back as they were."""

HOSTILE = (
    "'",
    '"',
    "`",
    "``",
    "'' OR 1=1",
    "\\",
    "\\'",
    "\\u0027",
    "\\u0060",
    "\\U0001F600",
    "'}) MATCH (n) DETACH DELETE n //",
    '"}) MATCH (n) DETACH DELETE n //',
    "`) MATCH (n) DETACH DELETE n //",
    "`]->() DELETE r //",
    "') RETURN 1 UNION MATCH (n) RETURN n.name //",
    "// comment",
    "/* comment */",
    "*/ RETURN 1 /*",
    "; DROP TABLE Fact;",
    "MATCH",
    "DETACH DELETE",
    "RETURN",
    "NULL",
    "CALL db.labels()",
    "LOAD CSV FROM 'file:///etc/x' AS l",
    "$scope",
    "$__scope",
    "{scope}",
    "%s",
    "{0}",
    "${jndi:ldap://x}",
    "p/user:bob",
    "scope",
    "_entity",
    "__x",
    "\u2028\u2029",
    "\u202e\u200b",
    "\ufeff",
    "😀👩‍👩‍👧",
    "\x00",
    "a\x00b",
    "\r\n\t",
    "ﷺ" * 30,
    "'\"`;//*/" * 4000,
)
"""Texts that would do harm if a store took any part of them for Cypher."""

AWKWARD_IDS = tuple(text for text in AWKWARD if 0 < len(text) <= 256)
"""Ids that a store must take: an id is never empty, and short enough for an index."""


def episode(
    id: str, scope: Scope = ADA_SCOPE, *, previous_id: str | None = None, text: str = ""
) -> Episode:
    """An episode for tests."""
    return Episode(
        id=id,
        scope=scope,
        content=text or f"content of {id}",
        kind="text",
        content_hash=id,
        occurred_at=MOMENT,
        recorded_at=MOMENT + timedelta(seconds=1),
        previous_id=previous_id,
    )


def entity(
    id: str, scope: Scope = ADA_SCOPE, *, name: str = "", aliases: tuple[str, ...] = ()
) -> Entity:
    """An entity for tests."""
    return Entity(id, scope.tenant, name or f"name of {id}", "person", aliases, None, MOMENT)


def fact(
    id: str,
    subject: str | None = None,
    object: str | None = None,
    *,
    scope: Scope = ADA_SCOPE,
    about: Iterable[str] = (),
    sources: Iterable[str] = (),
    supersedes: str | None = None,
    text: str = "",
) -> Fact:
    """A fact for tests; with subject and object it is a relation of type ``knows``."""
    ends = tuple(end for end in (subject, object) if end is not None)
    return Fact(
        id=id,
        scope=scope,
        text=text or f"text of {id}",
        recorded_at=MOMENT,
        subject_id=subject,
        type="knows" if subject and object else None,
        object_id=object,
        entity_ids=tuple(dict.fromkeys((*ends, *about))),
        sources=tuple(Source(episode_id) for episode_id in sources),
        supersedes_id=supersedes,
    )


SMALL = GraphChanges(
    episodes=(episode("e1"), episode("e2", previous_id="e1")),
    entities=(entity("n1"), entity("n2"), entity("n3")),
    facts=(
        fact("f1", "n1", "n2", sources=["e1"]),
        fact("f2", "n1", "n3", sources=["e1", "e2"], supersedes="f1"),
        fact("f3", about=["n2"], sources=["e2"]),
    ),
    mentions=(("e1", "n1"), ("e1", "n2"), ("e2", "n1")),
)
"""A small graph with every kind of node and edge."""


def edges_in(dump: GraphDump, type: str | None = None) -> set[tuple[str, str, str]]:
    """Edges as (type, from, to)."""
    return {edge[:3] for edge in dump.edges if type in (None, edge[0])}


def node_of(dump: GraphDump, label: str, id: str) -> dict[str, object]:
    """A node's properties."""
    return next(dict(found[2]) for found in dump.nodes if found[:2] == (label, id))


def large(size: int) -> GraphChanges:
    """A batch of ``size`` episodes, entities and facts, with all their edges."""
    names = [f"L{i}" for i in range(size)]
    return GraphChanges(
        episodes=tuple(
            episode(f"e{n}", previous_id=f"e{before}" if before else None)
            for before, n in zip([None, *names], names, strict=False)
        ),
        entities=tuple(entity(f"n{n}") for n in names),
        facts=tuple(
            fact(
                f"f{n}",
                f"n{n}",
                f"n{names[i // 2]}",
                sources=[f"e{n}", "nowhere"],
                supersedes=f"f{names[i - 1]}" if i % 3 == 0 and i else None,
            )
            for i, n in enumerate(names)
        ),
        mentions=tuple((f"e{n}", f"n{names[i // 3]}") for i, n in enumerate(names)),
    )


def hostile_changes() -> GraphChanges:
    """Every text of :data:`HOSTILE` as a name, an alias, a type, a text, a tag and a content."""
    return GraphChanges(
        episodes=tuple(episode(f"he{i}", text=text) for i, text in enumerate(HOSTILE)),
        entities=tuple(
            replace(entity(f"h{i}", name=text, aliases=(text, "t")), kind=text, summary=text)
            for i, text in enumerate(HOSTILE)
        ),
        facts=tuple(
            replace(
                fact(f"hf{i}", f"h{i}", "h0", sources=[f"he{i}"], text=text),
                type=text,
                tags=(text,),
            )
            for i, text in enumerate(HOSTILE)
        ),
        mentions=tuple((f"he{i}", f"h{i}") for i in range(len(HOSTILE))),
    )


def single_changes(changes: GraphChanges) -> Iterable[GraphChanges]:
    """A batch as many of one node each."""
    yield from (GraphChanges(episodes=(found,)) for found in changes.episodes)
    yield from (GraphChanges(entities=(found,)) for found in changes.entities)
    yield from (GraphChanges(facts=(found,)) for found in changes.facts)


def removal_of_large(size: int) -> GraphChanges:
    """What takes :func:`large` away again."""
    batch = large(size)
    return GraphChanges(
        removed_episodes=tuple(found.id for found in batch.episodes),
        removed_entities=tuple(found.id for found in batch.entities),
        removed_facts=tuple(found.id for found in batch.facts),
    )


def parts(whole: GraphChanges, size: int) -> Iterable[GraphChanges]:
    """A batch cut into smaller ones."""
    for at in range(0, len(whole.facts), size):
        yield GraphChanges(
            episodes=whole.episodes[at : at + size],
            entities=whole.entities[at : at + size],
            facts=whole.facts[at : at + size],
            mentions=whole.mentions[at : at + size],
        )
