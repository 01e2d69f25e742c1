"""LangGraph's store: against LangGraph's own store in memory, and in a graph."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path
from typing import Any

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.store.base import (
    BaseStore,
    GetOp,
    InvalidNamespaceError,
    Item,
    ListNamespacesOp,
    MatchCondition,
    PutOp,
    SearchOp,
)
from langgraph.store.memory import InMemoryStore

from graphmem import Memory
from graphmem.errors import UsageError
from graphmem.frameworks.langgraph import GraphmemStore


def _shown(found: Any) -> Any:
    """What two stores must agree on: not the times, and not the order of a list without query."""
    if isinstance(found, Item):
        return found.namespace, found.key, found.value
    if isinstance(found, list) and found and isinstance(found[0], Item):
        return sorted(map(_shown, found), key=repr)
    return found


_LABELS = ("users", "ada", "bob", "prefs", "a/b", "é", '"', "*")
_KEYS = ("k1", "k 2", "k/3", "ключ", "a.b")
_VALUES: tuple[dict[str, Any], ...] = (
    {"text": "Ada likes pizza.", "n": 1},
    {"text": "Bob lives in Oslo.", "n": 2, "tags": ["x", "y"]},
    {"n": 2.5, "deep": {"colour": "red", "size": [1, 2]}},
    {"flag": True, "none": None, "text": ""},
    {},
)
_FILTERS: tuple[dict[str, Any] | None, ...] = (
    None,
    {"n": 2},
    {"n": {"$gte": 1, "$lt": 2.5}},
    {"n": {"$ne": 1}},
    {"deep": {"colour": "red"}},
    {"tags": ["x", "y"]},
    {"flag": True, "none": None},
)


def _op(rng: random.Random) -> Any:
    namespace = tuple(rng.choice(_LABELS) for _ in range(rng.randint(1, 3)))
    what = rng.random()
    if what < 0.45:
        value = rng.choice((*_VALUES, None))
        return PutOp(namespace, rng.choice(_KEYS), value)
    if what < 0.65:
        return GetOp(namespace, rng.choice(_KEYS))
    if what < 0.85:
        wanted = rng.choice(_FILTERS)
        if wanted and "n" in wanted and isinstance(wanted["n"], dict) and "$ne" not in wanted["n"]:
            wanted = None  # InMemoryStore fails where a value has no number
        return SearchOp(namespace[: rng.randint(0, 2)], filter=wanted, limit=1000)
    path = tuple(rng.choice((*_LABELS[:4], "*")) for _ in range(rng.randint(1, 2)))
    condition = MatchCondition(rng.choice(("prefix", "suffix")), path)
    conditions = rng.choice((None, (condition,)))
    return ListNamespacesOp(conditions, rng.choice((None, 1, 2)), rng.choice((100, 2)))


def _emptied(store: InMemoryStore) -> None:
    """It lists namespaces that are empty, even those that were only asked for."""
    for namespace in [name for name, items in store._data.items() if not items]:
        del store._data[namespace]


def test_it_answers_as_langgraphs_own_store() -> None:
    rng = random.Random(7)
    with Memory("memory://", user_id="ada") as memory:
        ours, theirs = GraphmemStore(memory), InMemoryStore()
        for _ in range(60):
            ops = [_op(rng) for _ in range(rng.randint(1, 4))]
            ops.sort(key=lambda op: not isinstance(op, ListNamespacesOp))
            _emptied(theirs)
            assert [*map(_shown, ours.batch(ops))] == [*map(_shown, theirs.batch(ops))], ops


def test_a_store_outlives_its_process_and_keeps_times(tmp_path: Path) -> None:
    with Memory(tmp_path / "store", user_id="ada") as memory:
        store = GraphmemStore(memory)
        store.put(("users", "ada"), "profile", {"text": "Ada likes pizza."})
        first = store.get(("users", "ada"), "profile")
        time.sleep(0.01)
        store.put(("users", "ada"), "profile", {"text": "Ada likes tea."})
        second = store.get(("users", "ada"), "profile")
    assert first is not None
    assert second is not None
    assert first.created_at == second.created_at < second.updated_at
    with Memory(tmp_path / "store", user_id="ada") as memory:
        found = GraphmemStore(memory).get(("users", "ada"), "profile")
        assert found == second
        assert GraphmemStore(memory, user_id="bob").get(("users", "ada"), "profile") is None


def test_a_query_ranks_within_its_namespace() -> None:
    with Memory("memory://", user_id="ada") as memory:
        store = GraphmemStore(memory, fields=["text"])
        for number, text in enumerate(
            ("The cat sleeps on the sofa.", "Rust is a compiled language.", "Bread needs yeast.")
        ):
            store.put(("notes", "ada"), f"n{number}", {"text": text, "number": number})
        store.put(("notes", "bob"), "n0", {"text": "Python is a programming language."})
        store.put(("notes", "ada"), "hidden", {"text": "Go is a language too."}, index=False)
        store.put(("notes", "ada"), "n9", {"text": "Nothing.", "more": "language"}, index=["more"])
        found = store.search(("notes", "ada"), query="programming language", limit=2)
        assert {item.key for item in found} == {"n1", "n9"}
        assert all(item.score and 0 < item.score <= 1 for item in found)
        everywhere = store.search(("notes",), query="programming language", limit=1)
        assert everywhere[0].namespace == ("notes", "bob")
        few = store.search(("notes",), query="language", filter={"number": {"$gte": 2}}, limit=5)
        assert [item.key for item in few] == ["n2"]
        assert "hidden" not in {i.key for i in store.search(("notes",), query="Go", limit=9)}
        assert store.get(("notes", "ada"), "hidden") is not None
        store.delete(("notes", "ada"), "n1")
        rest = store.search(("notes", "ada"), query="compiled language", limit=9)
        assert "n1" not in {item.key for item in rest}
        store.put(("notes", "ada"), "same", {"text": "Python is a programming language."})
        both = store.search(("notes",), query="programming language Python", limit=2)
        assert {item.namespace for item in both} == {("notes", "ada"), ("notes", "bob")}
        (own,) = store.search(("notes", "ada"), query="programming language Python", limit=1)
        assert own.key == "same"
        page = store.search(("notes", "ada"), query="cat bread", limit=1, offset=1)
        assert len(page) == 1


def test_an_item_expires() -> None:
    with Memory("memory://", user_id="ada") as memory:
        store = GraphmemStore(memory)
        store.put(("a",), "short", {"text": "soon gone"}, ttl=0.3 / 60)
        store.put(("a",), "long", {"text": "stays here"}, ttl=60)
        store.put(("a",), "ages", {"text": "stays for ages"}, ttl=1e15)
        assert store.get(("a",), "short") is not None
        time.sleep(0.35)
        assert store.get(("a",), "short") is None
        assert {item.key for item in store.search(("a",))} == {"long", "ages"}
        found = store.search(("a",), query="gone stays")
        assert {item.key for item in found} == {"long", "ages"}


def test_what_cannot_be_stored_is_refused_and_changes_nothing() -> None:
    with Memory("memory://", user_id="ada") as memory:
        store = GraphmemStore(memory)
        store.put(("a",), "k", {"text": "first"})
        for value in ({"n": float("nan")}, {"n": 10**400}, {"big": "x" * 70_000}, {"o": object()}):
            with pytest.raises(UsageError):
                store.put(("a",), "k", value)
        with pytest.raises(InvalidNamespaceError):
            store.put((), "k", {})
        with pytest.raises(UsageError, match="compares by"):
            store.search(("a",), filter={"n": {"$regex": "x"}})
        found = store.get(("a",), "k")
        assert found is not None
        assert found.value == {"text": "first"}


def test_facts_are_drawn_where_asked() -> None:
    with Memory("memory://", user_id="ada") as memory:
        store = GraphmemStore(memory, infer=True)
        store.put(("facts",), "1", {"text": "Anna Schmidt works at Acme."})
        assert [r.object for r in memory.relations("Anna Schmidt")] == ["Acme"]
        store.put(("facts",), "1", {"text": "Anna Schmidt works at Bolt."})
        assert [r.object for r in memory.relations("Anna Schmidt")] == ["Bolt"]
        store.delete(("facts",), "1")
        assert not memory.relations(type="works_at")


def test_in_a_graph(tmp_path: Path) -> None:
    async def remember(state: dict[str, str], *, store: BaseStore) -> dict[str, str]:
        await store.aput(("memories",), "last", {"text": state["text"]})
        (found,) = await store.asearch(("memories",), query=state["text"])
        return {"text": found.value["text"].upper()}

    with Memory(tmp_path / "store", user_id="ada") as memory:
        graph = StateGraph(dict)
        graph.add_node("remember", remember)
        graph.add_edge(START, "remember")
        graph.add_edge("remember", END)
        compiled = graph.compile(store=GraphmemStore(memory))
        done = asyncio.run(compiled.ainvoke({"text": "I like tea."}))
    assert done == {"text": "I LIKE TEA."}
