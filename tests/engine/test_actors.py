"""In whose name something was changed: given with the call, or on opening, and kept in history."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from graphmem import AsyncMemory, Memory
from graphmem.engine.calls import takes_actor
from graphmem.errors import UsageError
from graphmem.ports.api import MemoryAPI


def actors(memory: Memory, id: str) -> list[str]:
    return [change.actor for change in memory.history(id)]


def test_every_write_with_a_scope_takes_it() -> None:
    taking = {
        name
        for name, promised in inspect.getmembers(MemoryAPI, inspect.iscoroutinefunction)
        if takes_actor(promised)
    }
    assert taking >= {
        "add", "add_many", "relate", "relate_many", "unrelate", "update", "delete", "delete_all",
        "forget", "undo", "merge", "unmerge",
    }  # fmt: skip
    assert not {"search", "get", "stats", "history"} & taking
    assert all(hasattr(AsyncMemory, name) for name in taking)


def test_without_it_history_is_as_ever(memory: Memory) -> None:
    (id,) = memory.add("Tea is at five.", infer=False).fact_ids
    memory.update(id, importance=1)
    assert actors(memory, id) == ["graphmem", "user"]


def test_each_change_has_its_own(memory: Memory) -> None:
    (id,) = memory.add("Tea is at five.", infer=False, actor="mcp:ada").fact_ids
    memory.update(id, importance=1, actor="explorer:bob")
    memory.delete(id, actor="server:key-7")
    memory.undo(memory.history(id)[-1].seq, actor="cli:root")
    assert actors(memory, id) == ["mcp:ada", "explorer:bob", "server:key-7", "cli:root"]
    assert memory.verify().ok


def test_a_relation_an_item_and_a_merge(memory: Memory) -> None:
    memory.relate("Ada", "works_at", "Acme", actor="crm")
    memory.add_many([{"content": "Tea.", "actor": "one"}, "Coffee."], infer=False, actor="many")
    found = {f.text: actors(memory, f.id) for f in memory.get_all().items}
    assert found == {"Ada works at Acme.": ["crm"], "Tea.": ["one"], "Coffee.": ["many"]}
    memory.relate("Zoe", "works_at", "Acme")
    memory.merge("Ada", "Zoe", actor="bob")
    (one,) = memory.relations("Ada")
    assert actors(memory, one.fact_id)[-1] == "bob"


def test_what_is_read_later_is_in_the_name_of_who_told_it(memory: Memory) -> None:
    memory.add("Bob Stone works at Acme.", wait=False, actor="importer")
    assert memory.flush() == []
    (relation,) = memory.relations("Bob Stone")
    assert actors(memory, relation.fact_id) == ["importer"]


def test_given_on_opening_it_holds_for_every_call(tmp_path: Path) -> None:
    with Memory(tmp_path / "store", user_id="ada", actor="worker-3") as memory:
        (id,) = memory.add("Tea is at five.", infer=False).fact_ids
        memory.update(id, importance=1, actor="bob")
        memory.update(id, importance=0.1)
        assert actors(memory, id) == ["worker-3", "bob", "worker-3"]
        assert memory.rebuild().ok
    with Memory(tmp_path / "store", user_id="ada") as again:
        assert actors(again, id) == ["worker-3", "bob", "worker-3"]


def test_what_is_no_name_is_refused(memory: Memory) -> None:
    for wrong in ("", "two\nlines", 7):
        with pytest.raises(UsageError, match="actor"):
            memory.add("Tea.", infer=False, actor=wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="actor"):
        memory.get_all(actor="ada")  # type: ignore[call-arg]
    assert memory.stats().episodes == 0


def test_who_is_forgotten_is_not_kept_as_who_did_it(tmp_path: Path) -> None:
    name = "Zebediah-Quint"
    with Memory(tmp_path / "store", user_id=name) as memory:
        (id,) = memory.add("Tea is at five.", infer=False, actor=name).fact_ids
        memory.update(id, importance=1, actor=name)
        memory.forget(wait=True)
    kept = [p for p in tmp_path.rglob("*") if p.is_file() and name.encode() in p.read_bytes()]
    assert kept == []


def test_who_told_what_is_erased_is_not_kept_either(tmp_path: Path) -> None:
    """Only who erased it is."""
    name = "Zebediah-Quint"
    with Memory(tmp_path / "store", user_id="ada") as memory:
        memory.add("Tea is at five.", infer=False, actor=name)
        memory.add("Bob Stone lives in Oslo.", actor=name)
        memory.delete_all()
        memory.rebuild()
    kept = [p for p in tmp_path.rglob("*") if p.is_file() and name.encode() in p.read_bytes()]
    assert kept == []
