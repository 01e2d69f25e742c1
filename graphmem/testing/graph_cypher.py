"""What every graph store must do with Cypher; part of :class:`GraphStoreContract`."""

from __future__ import annotations

import pytest

from graphmem.clock import stamp
from graphmem.errors import UsageError
from graphmem.model import Table
from graphmem.ports.graph import GraphChanges, GraphStore
from graphmem.testing.graph_samples import ADA, AWKWARD, BOB, MOMENT, SMALL, entity


class CypherContract:
    """The tests that ask in Cypher."""

    async def ask(self, graph: GraphStore, query: str, **parameters: object) -> Table:
        """A query inside Ada's wall."""
        return await graph.cypher(query, parameters, wall=ADA.wall, max_rows=50, timeout_s=30)

    async def test_cypher_reads_inside_the_wall(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 1)
        await graph.apply(GraphChanges(entities=(entity("m1", BOB, name="Bob's"),)), 2)
        query = "MATCH (e:Entity) RETURN e.id AS id, e.name AS name ORDER BY id"
        mine = await self.ask(graph, query)
        assert mine.columns == ("id", "name")
        assert mine.rows == (("n1", "name of n1"), ("n2", "name of n2"), ("n3", "name of n3"))
        assert not mine.truncated
        theirs = await graph.cypher(query, {}, wall=BOB.wall, max_rows=50, timeout_s=30)
        assert theirs.rows == (("m1", "Bob's"),)
        all_of_them = await graph.cypher(query, {}, wall=None, max_rows=50, timeout_s=30)
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
            "scope": ADA.wall,
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
        await graph.apply(GraphChanges(entities=tuple(entity(t) for t in AWKWARD if t)), 1)
        for text in filter(None, AWKWARD):
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
            table = await graph.cypher(query, {}, wall=ADA.wall, max_rows=2, timeout_s=30)
            assert (len(table.rows), table.truncated) == (2, True)
        whole = await graph.cypher(
            "MATCH (e:Entity) RETURN e.id", {}, wall=ADA.wall, max_rows=3, timeout_s=30
        )
        assert (len(whole.rows), whole.truncated) == (3, False)

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

    async def test_a_cypher_failure_tells_no_data(self, graph: GraphStore) -> None:
        await graph.apply(SMALL, 1)
        for query in (
            "MATCH (e:Entity) RETURN 1 / (size(e.id) - 2)",
            "MATCH (e:Entity) WHERE e.name + 1 > 2 RETURN e.id",
            "MATCH (e:Entity) RETURN e.nothing",
        ):
            with pytest.raises(UsageError) as caught:
                await self.ask(graph, query)
            assert "name of" not in str(caught.value)
        assert (await self.ask(graph, "RETURN 1 AS one")).rows == ((1,),)
