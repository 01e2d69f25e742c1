"""What every graph store must do with Cypher; part of :class:`GraphStoreContract`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

import pytest

from graphmem.clock import stamp
from graphmem.errors import UsageError
from graphmem.model import Scope, Table
from graphmem.ports.graph import GraphChanges, GraphDump, GraphStore
from graphmem.testing.graph_samples import (
    ADA_SCOPE,
    AWKWARD_IDS,
    BOB_SCOPE,
    HOSTILE,
    MOMENT,
    SMALL,
    entity,
    fact,
    hostile_changes,
    node_of,
    single_changes,
)

CRASHING: Sequence[tuple[str, Mapping[str, object]]] = (
    ("MATCH (a:Entity) WHERE a.name IN $n RETURN a.id", {"n": None}),
    ("RETURN 1 IN null AS x", {}),
    ("RETURN nodes(null) AS x", {}),
    ("RETURN keys(null) AS x", {}),
    ("RETURN rels(null) AS x", {}),
    ("RETURN label({k: 1}) AS x", {}),
    ("RETURN DISTINCT $x AS x", {"x": [{}]}),
    ("MATCH (a)-[r]->(b) RETURN single(x IN [r] WHERE x > r) AS x", {}),
    ("MATCH (a) WITH collect({k: a}.k) AS l UNWIND l AS x RETURN x", {}),
    ("MATCH p = (a)-->(b) RETURN collect(nodes(p)[1]) AS x", {}),
)
"""Queries, with parameters, that end a process in which Kuzu 0.11.3 runs."""


class CypherContract:
    """The tests that ask in Cypher."""

    async def ask(self, graph: GraphStore, query: str, **parameters: object) -> Table:
        """A query inside Ada's tenant."""
        return await graph.cypher(
            query, parameters, tenant=ADA_SCOPE.tenant, max_rows=50, timeout_s=30
        )

    async def test_cypher_reads_inside_the_tenant(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 1)
        await graph.apply(GraphChanges(entities=(entity("m1", BOB_SCOPE, name="Bob's"),)), 2)
        query = "MATCH (e:Entity) RETURN e.id AS id, e.name AS name ORDER BY id"
        mine = await self.ask(graph, query)
        assert mine.columns == ("id", "name")
        assert mine.rows == (("n1", "name of n1"), ("n2", "name of n2"), ("n3", "name of n3"))
        assert not mine.truncated
        theirs = await graph.cypher(query, {}, tenant=BOB_SCOPE.tenant, max_rows=50, timeout_s=30)
        assert theirs.rows == (("m1", "Bob's"),)
        all_of_them = await graph.cypher(query, {}, tenant=None, max_rows=50, timeout_s=30)
        assert [id for id, _ in all_of_them.rows] == ["m1", "n1", "n2", "n3"]

    async def test_cypher_gives_plain_values(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 1)
        table = await self.ask(
            graph,
            "MATCH p = (a:Entity {id: 'n1'})-[r:RELATES]->(b:Entity {id: 'n2'}) RETURN a, r, p",
        )
        ((a, r, p),) = table.rows
        assert a == {
            "label": "Entity",
            "id": "n1",
            "scope": ADA_SCOPE.tenant,
            "name": "name of n1",
            "kind": "person",
            "aliases": [],
            "recorded_at": stamp(MOMENT),
        }
        assert (r["label"], r["fact_id"], r["type"]) == ("RELATES", "f1", "knows")
        assert [node["id"] for node in p["nodes"]] == ["n1", "n2"]
        assert [edge["fact_id"] for edge in p["edges"]] == ["f1"]
        assert not [key for found in (a, r) for key in found if key.startswith("_")]

    async def test_cypher_takes_parameters(self, graph: GraphStore) -> None:
        await graph.apply(GraphChanges(entities=tuple(map(entity, AWKWARD_IDS))), 1)
        for text in AWKWARD_IDS:
            table = await self.ask(graph, "MATCH (e:Entity {id: $id}) RETURN e.id", id=text)
            assert table.rows == ((text,),)
        with pytest.raises(UsageError, match=r"no value was given for the parameter \$id"):
            await self.ask(graph, "MATCH (e:Entity {id: $id}) RETURN e.id")
        with pytest.raises(UsageError, match=r"does not use the parameter \$other"):
            await self.ask(graph, "RETURN $id", id=1, other=2)

    async def test_cypher_cuts_what_is_too_much(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 1)
        for query in (
            "MATCH (e:Entity) RETURN e.id",
            "MATCH (e:Entity) RETURN e.id LIMIT 9",
            "MATCH (e:Entity) RETURN e.id UNION ALL MATCH (e:Entity) RETURN e.id",
        ):
            table = await graph.cypher(query, {}, tenant=ADA_SCOPE.tenant, max_rows=2, timeout_s=30)
            assert (len(table.rows), table.truncated) == (2, True)
        whole = await graph.cypher(
            "MATCH (e:Entity) RETURN e.id", {}, tenant=ADA_SCOPE.tenant, max_rows=3, timeout_s=30
        )
        assert (len(whole.rows), whole.truncated) == (3, False)

    async def test_hostile_texts_are_texts(self, graph: GraphStore) -> None:
        """Names, types, ids and texts that look like Cypher are stored and found as they are, one
        by one and many at once, and nothing else comes to harm."""
        await graph.apply(SMALL, 1)
        await graph.apply(GraphChanges(entities=(entity("canary", BOB_SCOPE, name="canary"),)), 2)
        before = await graph.dump()
        changes = hostile_changes()
        await graph.apply(changes, 3)
        whole = await graph.dump()
        assert len(whole.nodes) == len(before.nodes) + 3 * len(HOSTILE)
        assert set(before.nodes) <= set(whole.nodes)
        assert set(before.edges) <= set(whole.edges)
        for i, text in enumerate(HOSTILE):
            assert node_of(whole, "Entity", f"h{i}")["name"] == text
            assert node_of(whole, "Fact", f"hf{i}")["type"] == text
        short = [text for text in HOSTILE if len(text) <= 256]
        for query in (
            "MATCH (e:Entity) WHERE e.name = t RETURN t, e.name",
            "MATCH (f:Fact) WHERE f.text = t RETURN f.text, f.type",
            "MATCH (:Entity)-[r:RELATES]->(:Entity) WHERE r.type = t RETURN r.type, r.fact",
            "MATCH (e:Episode) WHERE e.content CONTAINS t AND e.content = t RETURN t, e.content",
            "MATCH (e:Entity) WHERE t IN e.aliases RETURN t, e.summary",
        ):
            for texts in (short, [short[0]]):
                found = await self.ask(graph, f"UNWIND $texts AS t {query}", texts=texts)
                assert sorted(found.rows) == sorted((text, text) for text in texts)
        for text in short[::9]:
            found = await self.ask(
                graph, "MATCH (e:Entity {name: $text}) RETURN e.kind, $text", text=text
            )
            assert found.rows == ((text, text),)
        for one in single_changes(changes):
            await graph.apply(one, 4)
        assert await graph.dump() == whole
        everything = await self.ask(graph, "MATCH (n) RETURN n.name")
        assert ("canary",) not in everything.rows

    async def test_hostile_ids(self, graph: GraphStore) -> None:
        ids = [text for text in HOSTILE if len(text) <= 256]
        await graph.apply(
            GraphChanges(
                entities=tuple(map(entity, ids)),
                facts=tuple(fact(id, id, id, supersedes=ids[0]) for id in ids),
            ),
            1,
        )
        near = await graph.expand(ADA_SCOPE.tenant, ids, limit=3)
        assert {id: [link.fact_id for link in links] for id, links in near.items()} == {
            id: [id] for id in ids
        }
        await graph.apply(GraphChanges(removed_facts=tuple(ids), removed_entities=tuple(ids)), 2)
        assert await graph.dump() == GraphDump((), ())

    async def test_hostile_scopes(self, graph: GraphStore) -> None:
        scopes = [
            Scope(project_id=text, user_id=f"u {text}")
            for text in HOSTILE
            if len(text) <= 200 and text.isprintable() and text.strip()
        ]
        for i, scope in enumerate(scopes):
            await graph.apply(GraphChanges(entities=(entity(f"s{i}", scope),)), i)
        for i, scope in enumerate(scopes):
            assert list(await graph.expand(scope.tenant, ["s0", f"s{i}"], limit=1))[-1:] == [
                f"s{i}"
            ]
            assert [node[1] for node in (await graph.dump(scope.tenant)).nodes] == [f"s{i}"]
            found = await graph.cypher(
                "MATCH (n) RETURN n.id", {}, tenant=scope.tenant, max_rows=9, timeout_s=30
            )
            assert found.rows == ((f"s{i}",),)

    @pytest.mark.parametrize(
        "query",
        [
            "CREATE (:Entity {id: 'x'})",
            "MATCH (e:Entity) SET e.name = 'x'",
            "MATCH (e:Entity) DETACH DELETE e",
            "MERGE (e:Entity {id: 'x'}) RETURN e",
            "DROP TABLE Fact",
            "RETURN 1; MATCH (n) DELETE n",
            "MATCH (e:Store) RETURN e",
            "MATCH (e:Entity {scope: 'p/user:bob'}) RETURN e",
            "RETURN $__scope",
            "MATCH (e",
            "",
        ],
    )
    async def test_cypher_refuses(self, graph: GraphStore, query: str) -> None:
        await graph.apply(SMALL, 1)
        before = await graph.dump()
        with pytest.raises(UsageError, match="Cypher"):
            await self.ask(graph, query)
        assert await graph.dump() == before

    async def test_no_query_ends_the_program(self, graph: GraphStore) -> None:
        """Each of these crashes Kuzu 0.11.3: it answers, or is refused, and all goes on."""
        await graph.apply(SMALL, 1)
        before = await graph.dump()
        for query, parameters in CRASHING:
            with suppress(UsageError):
                await self.ask(graph, query, **parameters)
        assert (await self.ask(graph, "MATCH (e:Entity) RETURN count(*)")).rows == ((3,),)
        assert await graph.dump() == before

    async def test_a_cypher_failure_reveals_no_data(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 1)
        with pytest.raises(UsageError) as caught:
            await self.ask(graph, "MATCH (e:Entity) RETURN 1 / (size(e.id) - 2)")
        assert "name of" not in str(caught.value)
        for query in (
            "MATCH (e:Entity) WHERE e.name + 1 > 2 RETURN e.id",
            "MATCH (e:Entity) WHERE substring(e.name, e.name, 1) = 'x' RETURN e.id",
            "MATCH (e:Entity) WHERE e.name =~ '(' RETURN e.id",
            "MATCH (e:Entity) WITH e.name AS name RETURN name.length",
            "MATCH (e:Entity) RETURN sqrt(e.name)",
            "MATCH (e:Entity) RETURN e.nothing",
            "MATCH (e:Nothing)-[r:NONE]->() RETURN e",
        ):
            try:
                found = await self.ask(graph, query)
            except UsageError as error:
                assert "name of" not in str(error)  # noqa: PT017 - some engines find nothing
            else:
                assert {value for row in found.rows for value in row} <= {None}
        assert (await self.ask(graph, "RETURN 1 AS one")).rows == ((1,),)
