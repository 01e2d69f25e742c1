"""LlamaIndex: a memory block, tools and a property-graph store."""

from __future__ import annotations

import asyncio
from typing import Any

from llama_index.core import Document, PropertyGraphIndex
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.graph_stores import SimplePropertyGraphStore
from llama_index.core.graph_stores.types import (
    KG_NODES_KEY,
    KG_RELATIONS_KEY,
    ChunkNode,
    EntityNode,
    Relation,
)
from llama_index.core.memory import Memory as AgentMemory
from llama_index.core.schema import BaseNode, TransformComponent

from graphmem import Memory
from graphmem.frameworks.llama_index import GraphmemBlock, llama_index_tools
from graphmem.frameworks.llama_index_graph import GraphmemPropertyGraphStore


def test_what_leaves_the_short_term_memory_is_known() -> None:
    async def talk(memory: Memory) -> Any:
        block = GraphmemBlock(memory=memory, scope={"run_id": "talk"}, budget_tokens=200)
        agent = AgentMemory.from_defaults(
            session_id="talk", token_limit=60, chat_history_token_ratio=0.4, memory_blocks=[block]
        )
        await agent.aput(ChatMessage(role="user", content="Anna Schmidt works at Acme."))
        for number in range(12):
            text = f"This is message number {number}, which says little."
            await agent.aput(ChatMessage(role="assistant", content=text))
        await agent.aput(ChatMessage(role="user", content="Where does Anna Schmidt work?"))
        shown = await agent.aget()
        await agent.sql_store._async_engine.dispose()  # it has no other way of being closed
        return shown

    with Memory("memory://", user_id="ada") as memory:
        shown = asyncio.run(talk(memory))
        assert [r.object for r in memory.relations("Anna Schmidt")] == ["Acme"]
        assert "Anna Schmidt works at Acme" in str(shown[0].content)
        assert [run.id for run in memory.runs()] == ["talk"]


def test_tools_are_called_with_what_a_model_gives() -> None:
    with Memory("memory://", user_id="ada") as memory:
        tools = {tool.metadata.name: tool for tool in llama_index_tools(memory)}
        tools["remember"].call(text="Anna Schmidt works at Acme.")
        assert "Acme" in str(tools["recall"].call(question="Where does Anna Schmidt work?"))


def _triplets(found: list[Any]) -> set[tuple[str, str, str]]:
    return {(one.id, relation.id, other.id) for one, relation, other in found}


def test_a_property_graph_store_answers_as_llama_indexs_own() -> None:
    nodes = [
        EntityNode(name="Anna", label="PERSON", properties={"age": 31, "city": "Oslo"}),
        EntityNode(name="Acme", label="COMPANY", properties={"city": "Bern"}),
        EntityNode(name="Bob", label="PERSON"),
        ChunkNode(text="Anna works at Acme.", id_="chunk-1", properties={"ref_doc_id": "d1"}),
    ]
    relations = [
        Relation(label="WORKS_AT", source_id="Anna", target_id="Acme", properties={"since": 2020}),
        Relation(label="KNOWS", source_id="Anna", target_id="Bob"),
        Relation(label="OWNS", source_id="Bob", target_id="Acme"),
    ]
    with Memory("memory://", user_id="ada") as memory:
        ours, theirs = GraphmemPropertyGraphStore(memory), SimplePropertyGraphStore()
        for store in (ours, theirs):
            store.upsert_nodes(nodes)
            store.upsert_relations(relations)
        asked: list[dict[str, Any]] = [
            {"ids": ["Anna"]},
            {"ids": ["nobody"]},
            {"properties": {"city": "Oslo"}},
            {"properties": {"since": 2020}},
            {"ids": ["Bob", "chunk-1"]},
        ]
        for one in asked:
            assert sorted(ours.get(**one), key=str) == sorted(theirs.get(**one), key=str), one
            assert _triplets(ours.get_triplets(**one)) == _triplets(theirs.get_triplets(**one)), one
        for names in (["KNOWS"], ["KNOWS", "OWNS"], ["NOTHING"]):
            mine, own = (s.get_triplets(relation_names=names) for s in (ours, theirs))
            assert _triplets(mine) == _triplets(own)
        assert ours.get_triplets() == []
        for depth in (1, 2):
            mine, own = (s.get_rel_map([nodes[0]], depth=depth) for s in (ours, theirs))
            assert _triplets(mine) == _triplets(own)
        assert not _triplets(ours.get_rel_map([nodes[0]], depth=1, ignore_rels=["KNOWS"])) - {
            ("Anna", "WORKS_AT", "Acme")
        }
        rows = ours.structured_query(
            "MATCH (a:Entity)-[r:RELATES]->(b:Entity) WHERE b.name = $name RETURN a.name AS who",
            {"name": "Bob"},
        )
        assert rows == [{"who": "Anna"}]
        ours.delete(relation_names=["KNOWS"])
        theirs.delete(relation_names=["KNOWS"])
        assert _triplets(ours.get_triplets(ids=["Anna"])) == {("Anna", "WORKS_AT", "Acme")}
        ours.delete(ids=["chunk-1"])
        assert ours.get(ids=["chunk-1"]) == []
        ours.delete()
        assert ours.get(ids=["Anna"]) == [nodes[0]]
        # What ends a relation takes it out of the triplets.
        ours.upsert_relations([Relation(label="lives_in", source_id="Bob", target_id="Oslo")])
        ours.upsert_relations([Relation(label="lives_in", source_id="Bob", target_id="Rome")])
        found = ours.get_triplets(relation_names=["lives_in"])
        assert _triplets(found) == {("Bob", "lives_in", "Rome")}


def test_an_index_over_it() -> None:
    class Extractor(TransformComponent):
        def __call__(self, nodes: list[BaseNode], **kwargs: Any) -> list[BaseNode]:
            for node in nodes:
                node.metadata[KG_NODES_KEY] = [EntityNode(name="Anna"), EntityNode(name="Acme")]
                relation = Relation(label="WORKS_AT", source_id="Anna", target_id="Acme")
                node.metadata[KG_RELATIONS_KEY] = [relation]
            return nodes

    with Memory("memory://", user_id="ada") as memory:
        store = GraphmemPropertyGraphStore(memory)
        PropertyGraphIndex.from_documents(
            [Document(text="Anna works at Acme.")],
            kg_extractors=[Extractor()],
            property_graph_store=store,
            embed_kg_nodes=False,
            show_progress=False,
        )
        assert _triplets(store.get_triplets(ids=["Anna"])) == {("Anna", "WORKS_AT", "Acme")}
        (chunk,) = [node for node in store.get() if isinstance(node, ChunkNode)]
        assert store.get_llama_nodes([chunk.id])[0].get_content() == "Anna works at Acme."
        assert [r.object for r in memory.relations("Anna")] == ["Acme"]
