"""The SQLite ledger under the contract, and what is its own: files, versions, damage."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from graphmem.adapters.ledger.sql.dialects import SQLITE, SqlDialect
from graphmem.adapters.ledger.sql.steps import Fetch, execute
from graphmem.adapters.ledger.sqlite import runner as sqlite_runner
from graphmem.adapters.ledger.sqlite.database import SqliteDatabase
from graphmem.adapters.ledger.sqlite.ledger import SqliteLedger
from graphmem.adapters.ledger.sqlite.runner import SQLITE_QUERIES
from graphmem.errors import Rejected, UsageError
from graphmem.filters import parse_filter
from graphmem.model import Scope
from graphmem.ports.ledger import FactQuery, Ledger
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


async def test_a_later_schema_is_applied_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was stored is still there, and the version says what was applied."""
    path = tmp_path / "ledger.sqlite"
    async with opened(SqliteLedger(path)) as old:
        await old.journal([Draft().episode()], 0)
    later = [*SQLITE.migrations(), "ALTER TABLE episodes ADD COLUMN note TEXT DEFAULT 'new';"]
    monkeypatch.setattr(SqlDialect, "migrations", lambda _: later)
    for _ in range(2):
        async with opened(SqliteLedger(path)) as ledger:
            assert await ledger.head() == 1
    raw = sqlite3.connect(path)
    assert raw.execute("PRAGMA user_version").fetchone() == (len(later),)
    assert raw.execute("SELECT note FROM episodes").fetchall() == [("new",)]
    raw.close()


async def test_a_ledger_of_the_first_schema_is_brought_up(tmp_path: Path) -> None:
    """As one that an earlier version made: what it holds is read, and all that came since works."""
    path = tmp_path / "ledger.sqlite"
    raw = sqlite3.connect(path)
    raw.executescript(SQLITE.migrations()[0])
    raw.execute(f"PRAGMA application_id = {sqlite_runner.APPLICATION_ID}")
    raw.execute("PRAGMA user_version = 1")
    now = "2026-01-01T00:00:00.000000Z"
    scope = Scope("default", agent_id="a")
    raw.execute(
        "INSERT INTO episodes (n, id, tenant, scope_key, project_id, agent_id, kind, content, "
        "content_hash, occurred_at, time_given, recorded_at, memory_type, importance, metadata, "
        f"tags, infer, status) VALUES (1, 'e', '{scope.tenant}', 'k', 'default', 'a', 'text', "
        f"'Old.', 'h', '{now}', 1, '{now}', 'semantic', 0.5, '{{}}', '[]', 1, 'done')"
    )
    raw.commit()
    raw.close()
    async with opened(SqliteLedger(path)) as ledger:
        (old,) = await ledger.episodes(scope)
        assert (old.content, old.document, old.actor) == ("Old.", None, None)
        draft = Draft()
        (new,) = await ledger.journal([draft.episode(document="/notes/a.md")], 0)
        assert len(await ledger.document_parts(new.scope)) == 1


async def test_a_later_schema_that_fails_leaves_the_store_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.sqlite"
    async with opened(SqliteLedger(path)):
        pass
    broken = "ALTER TABLE episodes ADD COLUMN note TEXT; INSERT INTO nowhere VALUES (1);"
    scripts = [*SQLITE.migrations(), broken]
    with monkeypatch.context() as patch:
        patch.setattr(SqlDialect, "migrations", lambda _: scripts)
        newer = SqliteLedger(path)
        with pytest.raises(Rejected, match="nowhere"):
            await newer.open()
        await newer.close()
    async with opened(SqliteLedger(path)) as ledger:
        assert await ledger.head() == 0
    raw = sqlite3.connect(path)
    assert raw.execute("PRAGMA user_version").fetchone() == (len(SQLITE.migrations()),)
    assert "note" not in [row[1] for row in raw.execute("PRAGMA table_info(episodes)")]
    raw.close()


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
        "same_content": "episodes_by_content (scope_key=? AND content_hash=?",
        "same_key": "episodes_by_key (scope_key=? AND idempotency_key=?)",
        "known_keys": "episodes_by_key (scope_key=? AND idempotency_key=?)",
        "document_parts": "episodes_of_documents (scope_key=? AND document=?)",
        "parts_of_documents": "episodes_of_documents (scope_key=? AND document>?)",
        "last_episode": "episodes_by_scope (scope_key=?)",
        "turns_around": "(episode_id=? AND ordinal>? AND ordinal<?)",
    }
    raw = sqlite3.connect(tmp_path / "plans.sqlite")
    for script in SQLITE.migrations():
        raw.executescript(script)
    for name, index in expected.items():
        both_ways = (name, True) in SQLITE_QUERIES
        sql = SQLITE_QUERIES[name, both_ways]
        values = dict.fromkeys(re.findall(r":(\w+)", sql))
        plan = [row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
        assert any(index in step for step in plan), (name, plan)
        if name.startswith("facts_"):
            where = parse_filter("tag = work and not metadata.n > 1 or speaker = Ada")
            sql, more = SQLITE_QUERIES.filtered(Fetch(name, {}, both_ways, where))
            filtered = raw.execute(f"EXPLAIN QUERY PLAN {sql}", {**values, **dict.fromkeys(more)})
            assert any(index in row[3] for row in filtered), name
    raw.close()


def test_a_full_disk_is_recognised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not sqlite_runner._disk_full(tmp_path / "ledger.sqlite")
    assert not sqlite_runner._disk_full(None)
    monkeypatch.setattr(sqlite_runner, "_MIN_FREE_BYTES", 1 << 62)
    assert sqlite_runner._disk_full(tmp_path / "ledger.sqlite")
    assert not sqlite_runner._disk_full(tmp_path / "gone" / "ledger.sqlite")


WALKS = {
    # What `verify` looks through is everything.
    "changed_facts",
    "lost_facts",
    "changed_entities",
    "lost_turns",
    "stray_turns",
    "stray_mentions",
    "stray_sources",
    "count_rows",
    "episodes",  # what is listed, page by page
    "facts_of_tenant",
    "facts_of_tenant_then",
    "statements_of_scope",
    "erase_targets",
    "entities_then",  # a whole past
    "type_uses",  # how often each type is used, and moving statements from one to another
    "count_typed_subjects",
    *("facts_counted", "facts_counted_then", "tenants_of"),
    *("facts_archived", "facts_archived_then"),  # by an index of their own, or of a whole past
    *("type_rules", "ruling_tenants", "clear_rules"),  # few, in an index of their own
    "last_change",  # the end of an index
    "spend",
    "stats",
    "erase_facts_from",
    "erase_embeddings",
    "stored_before",  # once a night, at most
    "stored_until",
    "retention_rules",  # few, in an index of their own
    "erasures",  # receipts, and whole tenants that are forgotten
    "erasures_pending",
    "tenants_with_events",
    "count_tenant",
    "left_in_tenant",
    "clear_statements",
    "clear_edits",
    "clear_silences",
    "clear_conversations",
    *("clear_summaries", "made_of_in"),  # few: what a model was asked for
    "episodes_summing_up",  # few, in an index of their own
    "clear_events",
    "erase_rules",
    "grants_of_kind",  # what an administrator lists, and few there are
    *("key_uses", "audit_entries"),  # of everybody, by time or from the end
    "audit_due",  # the oldest of an index, a few at a time
    "types_in",
    "types_used",
    "every_id",
}
"""What is there to read a whole tenant, or all."""


def test_no_other_statement_walks_either(tmp_path: Path) -> None:
    """A new one that does must be named above, with its reason."""
    raw = sqlite3.connect(tmp_path / "plans.sqlite")
    for script in SQLITE.migrations():
        raw.executescript(script)
    tables = {row[0] for row in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    walks: dict[str, list[str]] = {}
    for (name, _), sql in SQLITE_QUERIES.items():
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


async def test_a_write_is_waited_for_however_often_it_is_cancelled(tmp_path: Path) -> None:
    """A timeout around it, and then the memory is closed: what decides next reads what it left."""
    database, busy = SqliteDatabase(tmp_path / "l.sqlite"), threading.Event()
    await database.open()
    database._writer.submit(busy.wait, 60)
    setting = {"name": "written", "value": "yes"}
    writing = asyncio.create_task(database.write(lambda _: execute("set_setting", setting)))
    for _ in range(3):
        await asyncio.sleep(0.02)
        writing.cancel()
    await asyncio.sleep(0.02)
    assert not writing.done()
    busy.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    (found,) = await database.fetch(Fetch("setting", {"name": "written"}))
    assert found[0]["value"] == "yes"
    await database.close()
