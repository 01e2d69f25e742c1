"""What is asked of one tenant costs the same whoever else is in the store: counted in the steps of
SQLite's virtual machine, over the real schema and every statement that names a tenant."""

from __future__ import annotations

import re
import sqlite3
from typing import Any

import pytest

from graphmem.adapters.ledger.sql.dialects import SQLITE
from graphmem.adapters.ledger.sqlite.runner import SQLITE_QUERIES, _bound

_OWN = 40
"""Rows of each tenant in each table."""
_FILL = """
INSERT INTO episodes (n, id, tenant, scope_key, project_id, user_id, run_id, kind, content,
  content_hash, occurred_at, time_given, recorded_at, memory_type, importance, metadata, tags,
  infer, status)
SELECT n, 'e' || n, t, t || 'p', 'p', 'u', 'r' || n % 5, 'text', 'c', 'h' || n, '2026', 0, '2026',
  'semantic', 0.5, '{}', '[]', 1, CASE WHEN n % 7 = 0 THEN 'pending' ELSE 'done' END FROM s;
INSERT INTO turns SELECT 't' || n, 'e' || n, 0, t, NULL, 'user', 'text', NULL, NULL FROM s;
INSERT INTO entities SELECT 'n' || n, t, 'name' || n, 'name' || n, 'thing', '{}', NULL, NULL FROM s;
INSERT INTO aliases SELECT tenant, key, id FROM entities;
INSERT INTO facts SELECT 'f' || n, 1, t, 'text' || n, 'n' || n, 'type' || n % 5, 'n' || n, '2026',
  NULL, NULL, NULL, 'stated', '{"sources": []}', NULL FROM s;
INSERT INTO facts SELECT 'f' || n, 0, t, 'text' || n, 'n' || n, 'type' || n % 5, 'n' || n, '2026',
  '2027', NULL, NULL, 'stated', '{"sources": []}', NULL FROM s;
INSERT INTO fact_entities SELECT 'n' || n, 'f' || n FROM s;
INSERT INTO past_entities SELECT 'n' || n, 'f' || n FROM s;
INSERT INTO sources SELECT 'f' || n, 'e' || n, 't' || n, NULL, NULL FROM s;
INSERT INTO past_sources SELECT 'f' || n, 'e' || n, 't' || n, NULL, NULL FROM s;
INSERT INTO statements SELECT 's' || n, t, 'e' || n, 'n' || n, 'type' || n % 5, 'n' || n,
  'text' || n, 0, '{}' FROM s;
INSERT INTO supports SELECT 's' || n, 'f' || n FROM s;
INSERT INTO edits SELECT 'd' || n, t, 'f' || n, '2026', 0, '{}' FROM s;
INSERT INTO merges SELECT 'm' || n, t, 'n' || n, 'n' || n + 1, '2026', 0, '{}' FROM s;
INSERT INTO mentions SELECT 't' || n, 'n' || n, 'e' || n FROM s;
INSERT INTO silences SELECT 't' || n, 'd' || n, t, '2026', NULL FROM s;
INSERT INTO events SELECT n, '2026', 'fact', 'f' || n, 'ADD', t, 'e' || n, 'a', '', '{}' FROM s;
INSERT INTO summaries SELECT t, 'n' || n, 'r' || n % 5, 't', 'm', '{}', NULL FROM s;
INSERT INTO conversations SELECT DISTINCT t, 'r' || n % 5, 't', NULL, '{}' FROM s;
INSERT INTO erasures SELECT 'x' || n, t, '2026', '', '{}' FROM s;
INSERT INTO fact_uses SELECT 'f' || n, t, 1, '2026' FROM s;
"""
_VALUES: dict[str, Any] = {
    "tenant": "w1",
    "first_tenant": "w1",
    "last_tenant": "w1",
    "after_tenant": "w1",
    "ids": ["f41", "e41", "t41", "n41", "s41"],
    "facts": ["f41"],
    "episodes": ["e41"],
    "entities": ["n41"],
    "statements": ["s41"],
    "keys": ["name41"],
    "types": ["type1"],
    "id": "f41",
    "fact_id": "f41",
    "turn_id": "t41",
    "edit_id": "d41",
    "entity_id": "n41",
    "subject_id": "n41",
    "object_id": "n41",
    "type": "type1",
    "text_key": "text41",
    "at": "2026",
    "known_at": "2026-06",
    "until": "2027",
    "before": "2027",
    "last_at": "2026",
    "limit": 50,
    "offset": 0,
    "around": 1,
    "most": 5,
    "count": 1,
    "seq": 60,
    "version": 1,
    "archived": False,
    "relations_only": False,
    "stated_only": False,
    "undone_too": False,
    "runs": ["r1"],
    "digests": ["x"],
    "wanted": [],
    "pairs": [],
    "forgotten": "gone",
    "episode_id": "e41",
    "reason": "",
    "body": "{}",
    "after_name": "",
    "after_id": "",
}


@pytest.fixture(scope="module", params=[(3, 60)], ids=["few and many"])
def stores(request: pytest.FixtureRequest) -> tuple[sqlite3.Connection, ...]:
    return tuple(map(_filled, request.param))


def _filled(tenants: int) -> sqlite3.Connection:
    raw = sqlite3.connect(":memory:", isolation_level=None)
    for script in SQLITE.migrations():
        raw.executescript(script)
    raw.execute(
        "CREATE TEMP TABLE s AS WITH RECURSIVE c (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c"
        f" WHERE n < {tenants * _OWN - 1}) SELECT n, 'w' || (n / {_OWN}) AS t FROM c"
    )
    raw.executescript(_FILL)
    return raw


def _steps(raw: sqlite3.Connection, sql: str) -> int:
    counted = 0

    def count() -> None:
        nonlocal counted
        counted += 1

    values = {name: _VALUES.get(name) for name in re.findall(r"(?<!:):(\w+)", sql)}
    raw.execute("BEGIN")
    raw.set_progress_handler(count, 1)
    try:
        raw.execute(sql, _bound(values)).fetchall()
    except sqlite3.IntegrityError:
        pass  # a row that is there already: it has been looked for
    finally:
        raw.set_progress_handler(None, 0)
        raw.execute("ROLLBACK")
    return counted


def test_it_costs_the_same_whoever_else_is_there(stores: tuple[sqlite3.Connection, ...]) -> None:
    asked = {
        key: sql
        for key, sql in SQLITE_QUERIES.items()
        if ":tenant" in sql or ":first_tenant" in sql
        if not key[0].startswith(("first_", "next_", "load_", "adopt_"))
    }
    assert len(asked) > 60
    dearer = {}
    for key, sql in asked.items():
        few, many = (_steps(raw, sql) for raw in stores)
        if many > 1.2 * few + 100:
            dearer[key[0]] = (few, many)
    assert not dearer


def test_what_was_before_an_event_is_found_by_its_id(
    stores: tuple[sqlite3.Connection, ...],
) -> None:
    """Not by walking back through all that happened in its tenant since."""
    plan = f"EXPLAIN QUERY PLAN {SQLITE_QUERIES['event_before', False]}"
    (step,) = stores[0].execute(plan, {"tenant": "w1", "id": "f41", "seq": 60})
    assert "events_of_thing (id=? AND seq<?)" in step[3]
