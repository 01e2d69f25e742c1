"""The SQLite ledger under the contract, and what is its own: files, versions, damage."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from graphmem.adapters.ledger.sql.queries import migrations, sql_file
from graphmem.adapters.ledger.sql.steps import Ask
from graphmem.adapters.ledger.sqlite import database as sqlite_db
from graphmem.adapters.ledger.sqlite.database import STATEMENTS, SqliteDatabase
from graphmem.adapters.ledger.sqlite.ledger import SqliteLedger
from graphmem.clock import parse_when
from graphmem.errors import Rejected, UsageError
from graphmem.filters import parse
from graphmem.model import Source
from graphmem.ports.ledger import EntityQuery, FactQuery, Ledger, StatementQuery
from graphmem.testing.ledger import ADA, Draft, LedgerContract, store
from tests.adapters.ledger.conftest import opened


class OneProcess(LedgerContract):
    """What a second process would open is the same object: there is one process."""

    @pytest.fixture
    def second(self, ledger: Ledger) -> Ledger:
        return ledger


class TestOnDisk(OneProcess):
    @pytest.fixture
    async def ledger(self, tmp_path: Path) -> AsyncIterator[Ledger]:
        async with opened(SqliteLedger(tmp_path / "ledger.sqlite")) as ledger:
            yield ledger

    @pytest.fixture
    async def another(self, tmp_path: Path) -> AsyncIterator[Ledger]:
        async with opened(SqliteLedger(tmp_path / "another.sqlite")) as ledger:
            yield ledger


class TestInMemory(OneProcess):
    @pytest.fixture
    async def ledger(self) -> AsyncIterator[Ledger]:
        async with opened(SqliteLedger(None)) as ledger:
            yield ledger

    @pytest.fixture
    async def another(self) -> AsyncIterator[Ledger]:
        async with opened(SqliteLedger(None)) as ledger:
            yield ledger


async def test_reopening_finds_everything(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    draft = Draft()
    ledger = SqliteLedger(path)
    await ledger.open()
    episode = draft.episode()
    await store(ledger, episode, draft.fact(episode))
    facts, head = await ledger.facts(FactQuery(ADA.tenant)), await ledger.head()
    await ledger.remember_setting("store_id", "s")
    await ledger.close()
    await ledger.close()
    with pytest.raises(UsageError, match="closed"):
        await ledger.stats()
    again = SqliteLedger(path)
    await again.open()
    assert await again.facts(FactQuery(ADA.tenant)) == facts
    assert await again.head() == head
    assert await again.setting("store_id") == "s"
    assert await again.setting("unknown") is None
    await again.close()


async def test_an_older_store_believes_what_it_did(tmp_path: Path) -> None:
    """Its facts become statements of their own; its names are filed as they are looked up now."""
    path = tmp_path / "ledger.sqlite"
    with sqlite3.connect(path) as raw:
        raw.executescript(sql_file("sqlite_001.sql") + sql_file("sqlite_002.sql"))
        raw.executescript("PRAGMA user_version = 2; PRAGMA application_id = 1735552357;")
        raw.executescript(_OLDER)
    raw.close()
    ledger = SqliteLedger(path)
    await ledger.open()
    (fact,) = await ledger.facts(FactQuery(ADA.tenant))
    assert (fact.text, fact.modality, fact.statement_ids) == ("Bob is at Acme", "stated", ())
    told = await ledger.statements(StatementQuery(ADA.tenant, places=(("works_at", "b", None),)))
    assert [(s.id, s.episode_id) for s in told.statements] == [("f", "e1"), ("f:2", "e2")]
    assert [s.sources for s in told.statements] == [(Source("e1", "t1"),), (Source("e2", "t2"),)]
    assert told.statements[0].metadata == {"a": {"b": [1]}}
    assert told.statements[0].scope == ADA
    assert told.facts == (fact,)
    day = parse_when("2024-01-01")
    assert await ledger.facts(FactQuery(ADA.tenant, at=day)) == [fact]
    assert await ledger.facts(FactQuery(ADA.tenant, at=parse_when("2023-12-31"))) == []
    hint = EntityQuery(ADA.tenant, keys=("~n robert stone",))
    assert [entity.name for entity in await ledger.entities(hint)] == ["Bob Stone"]
    await ledger.close()


_OLDER = """
INSERT INTO episodes (n, id, tenant, place, project_id, user_id, kind, content, content_hash,
  occurred_at, time_given, recorded_at, memory_type, importance, metadata, tags, infer, status)
SELECT n, 'e' || n, 'default/user:ada', 'p', 'default', 'ada', 'text', 'x', 'h' || n,
  '2024-01-01T00:00:00.000000Z', 1, '2024-01-01T00:00:00.000000Z', 'semantic', 0.5, '{}', '[]', 1,
  'done' FROM (SELECT 1 AS n UNION SELECT 2);
INSERT INTO entities VALUES ('b', 'default/user:ada', 'Bob Stone', 'bob stone', 'person',
  '{"id":"b","tenant":"default/user:ada","name":"Bob Stone","kind":"person","aliases":[],
    "summary":null,"recorded_at":null}');
INSERT INTO aliases VALUES ('default/user:ada', 'bob stone', 'b');
INSERT INTO facts VALUES ('f', 1, 'default/user:ada', 'bob is at acme', 'b', 'works_at', 'a',
  '2024-01-02T00:00:00.000000Z', NULL, NULL,
  '{"id":"f","scope":{"project_id":"default","user_id":"ada","agent_id":null,"run_id":null},
    "text":"Bob is at Acme","recorded_at":"2024-01-02T00:00:00.000000Z","version":1,
    "stated_at":"2024-01-01T00:00:00.000000Z","retired_at":null,"valid_at":null,
    "invalid_at":null,"expires_at":null,"archived_at":null,"subject_id":"b","type":"works_at",
    "object_id":"a","entity_ids":["b","a"],"sources":[
      {"episode_id":"e1","turn_id":"t1","agent_id":null,"run_id":null},
      {"episode_id":"e2","turn_id":"t2","agent_id":null,"run_id":null}],
    "supersedes_id":null,"memory_type":"semantic","importance":0.5,
    "metadata":{"a":{"b":[1]}},"tags":["t"]}');
INSERT INTO sources VALUES ('f', 'e1', 't1', NULL, NULL), ('f', 'e2', 't2', NULL, NULL);
"""


async def test_a_newer_version_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    ledger = SqliteLedger(path)
    await ledger.open()
    await ledger.close()
    with sqlite3.connect(path) as raw:
        raw.execute("PRAGMA user_version = 99")
    raw.close()
    newer = SqliteLedger(path)
    with pytest.raises(Rejected, match="newer graphmem"):
        await newer.open()
    await newer.close()
    raw = sqlite3.connect(path)
    assert raw.execute("PRAGMA user_version").fetchone() == (99,)
    raw.close()


async def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as raw:
        raw.execute("CREATE TABLE mine (x)")
    raw.close()
    noise = tmp_path / "noise.sqlite"
    noise.write_bytes(b"not a database at all, whatever its name says" * 100)
    for path, why in ((other, "something else"), (noise, "not a database")):
        ledger = SqliteLedger(path)
        with pytest.raises(Rejected, match=why):
            await ledger.open()
        await ledger.close()


async def test_commits_are_flushed_to_disk(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.sqlite")
    await ledger.open()
    database = cast(SqliteDatabase, ledger._db)

    def modes() -> list[object]:
        names = ("journal_mode", "synchronous", "secure_delete")
        connection = database._connection()
        return [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

    assert await database._submit(database._writer, modes) == ["wal", 2, 1]
    await ledger.close()


def test_no_lookup_walks_a_whole_tenant(tmp_path: Path) -> None:
    """The cost of a read must not grow with what is stored: each way in has its own index."""
    expected = {
        "facts_by_id": "facts_now (tenant=? AND id=?)",
        "facts_by_text": "facts_by_text (tenant=? AND text_key=?)",
        "facts_by_subject": "facts_by_subject (tenant=? AND subject_id=?",
        "facts_by_subject_type": "facts_by_subject (tenant=? AND subject_id=? AND type=?)",
        "facts_by_triple": (
            "facts_by_subject (tenant=? AND subject_id=? AND type=? AND object_id=?)"
        ),
        "facts_by_subject_object": "facts_by_object (tenant=? AND object_id=?",
        "facts_by_object": "facts_by_object (tenant=? AND object_id=?",
        "facts_by_object_type": "facts_by_object (tenant=? AND object_id=? AND type=?)",
        "facts_by_type": "facts_by_type (tenant=? AND type=?)",
        "facts_about": "PRIMARY KEY (entity_id=?",
        "facts_from_episode": "facts_now (tenant=? AND id=?)",
        "entities_by_id": "PRIMARY KEY (id=?)",
        "entities_by_key": "PRIMARY KEY (tenant=? AND key=?)",
        "same_content": "episodes_by_content (place=? AND content_hash=?",
        "same_key": "episodes_by_key (place=? AND idempotency_key=?)",
        "known_keys": "episodes_by_key (place=? AND idempotency_key=?)",
        "last_episode": "episodes_by_place (place=?)",
        "turns_around": "(episode_id=? AND ordinal>? AND ordinal<?)",
    }
    raw = sqlite3.connect(tmp_path / "plans.sqlite")
    for script in migrations("sqlite"):
        raw.executescript(sql_file(script))
    for name, index in expected.items():
        both_ways = (name, True) in STATEMENTS
        sql = STATEMENTS[name, both_ways]
        values = dict.fromkeys(re.findall(r":(\w+)", sql))
        plan = [row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
        assert any(index in step for step in plan), (name, plan)
        if name.startswith("facts_"):
            where = parse("tag = work and not metadata.n > 1 or speaker = Ada")
            sql, more = STATEMENTS.filtered(Ask(name, {}, both_ways, where))
            filtered = raw.execute(f"EXPLAIN QUERY PLAN {sql}", {**values, **dict.fromkeys(more)})
            assert any(index in row[3] for row in filtered), name
    raw.close()


def test_a_disk_without_room_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not sqlite_db._full(tmp_path / "ledger.sqlite")
    assert not sqlite_db._full(None)
    monkeypatch.setattr(sqlite_db, "_LEAST_ROOM", 1 << 62)
    assert sqlite_db._full(tmp_path / "ledger.sqlite")
    assert not sqlite_db._full(tmp_path / "gone" / "ledger.sqlite")


WALKS = {
    "episodes",  # what is listed, page by page
    "facts_of_tenant",
    "facts_of_tenant_then",
    "statements_of_scope",
    "erase_targets",
    "entities_then",  # a whole past
    "entities_then_by_id",
    "type_uses",  # how often each type is said, and moving what one says to another
    "count_sayings",
    "type_rules",  # few, in a tenant of their own
    "changed_last",  # the end of an index
    "spend",
    "stats",
    "erase_facts_from",
    "erase_embeddings",
}
"""What is there to read a whole tenant, or all."""


def test_no_other_statement_walks_either(tmp_path: Path) -> None:
    """A new one that does must be named above, with its reason."""
    raw = sqlite3.connect(tmp_path / "plans.sqlite")
    for script in migrations("sqlite"):
        raw.executescript(sql_file(script))
    tables = {row[0] for row in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    walks: dict[str, list[str]] = {}
    for (name, _), sql in STATEMENTS.items():
        if name in WALKS or name.startswith(("first_", "next_", "present_")):
            continue
        named = dict(re.findall(r"(?:FROM|JOIN) (\w+) AS (\w+)", sql))
        real = tables | {alias for table, alias in named.items() if table in tables}
        values = dict.fromkeys(re.findall(r"(?<!:):(\w+)", sql))
        for row in raw.execute(f"EXPLAIN QUERY PLAN {sql}", values):
            step = re.match(r"(SCAN|SEARCH) (\w+)(.*)", row[3])
            if step and step[2] in real and (step[1] == "SCAN" or step[3].endswith("(tenant=?)")):
                walks.setdefault(name, []).append(row[3])
    assert walks == {}
    raw.close()
