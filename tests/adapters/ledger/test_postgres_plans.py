"""The cost of a read must not grow with what is stored: PostgreSQL's plans over 50,000 facts."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from graphmem.adapters.ledger.postgres.session import STATEMENTS, to_psycopg
from graphmem.adapters.ledger.sql.dialects import POSTGRES
from graphmem.adapters.ledger.sql.ledger_reads import fact_fetches
from graphmem.filters import parse_filter
from graphmem.ports.ledger import FactQuery
from tests.adapters.ledger.conftest import fresh_schema

_FILL = """
INSERT INTO episodes SELECT n, 'e' || n, w, w || 'p', 'p', 'u', NULL, NULL, 'text', 'c', 'h' || n,
  '2026-' || lpad(n::text, 8, '0'), false, '2026', NULL, 'k' || n, NULL, 'semantic', 0.5, '{}',
  '[]', true, CASE WHEN n % 1000 = 0 THEN 'pending' ELSE 'done' END, NULL
FROM (SELECT n, 'w' || n % 5 AS w FROM generate_series(1, 50000) AS n);
INSERT INTO turns SELECT 't' || n, 'e' || n, 0, 'w' || n % 5, NULL, 'user', 'text', NULL, NULL
FROM generate_series(1, 50000) AS n;
INSERT INTO entities SELECT 'n' || n, 'w' || n % 5, 'name ' || n, 'name ' || n, 'thing', '{}'
FROM generate_series(1, 20000) AS n;
INSERT INTO aliases SELECT tenant, key, id FROM entities;
INSERT INTO facts SELECT 'f' || n, 1, 'w' || n % 5, 'text ' || n, 'n' || n % 20000 + 1,
  'type_' || n % 300, 'n' || n % 7000 + 1, '2026', NULL, NULL, NULL, 'stated', '{}'
FROM generate_series(1, 50000) AS n;
INSERT INTO facts SELECT 'f' || n, 0, 'w' || n % 5, 'text ' || n, 'n' || n % 20000 + 1,
  'type_' || n % 300, 'n' || n % 7000 + 1, '2026', '2027', NULL, NULL, 'stated', '{}'
FROM generate_series(1, 50000) AS n;
INSERT INTO past_entities SELECT 'n' || n % 20000 + 1, 'f' || n
FROM generate_series(1, 50000) AS n;
INSERT INTO past_sources SELECT 'f' || n, 'e' || n, 't' || n, NULL, NULL
FROM generate_series(1, 50000) AS n;
INSERT INTO statements SELECT 's' || n, 'w' || n % 5, 'e' || n, 'n' || n % 20000 + 1,
  'type_' || n % 300, 'n' || n % 7000 + 1, 'text ' || n, false, '{}'
FROM generate_series(1, 50000) AS n;
INSERT INTO supports SELECT 's' || n, 'f' || n FROM generate_series(1, 50000) AS n;
INSERT INTO edits SELECT 'd' || n, 'w' || n % 5, 'f' || n, '2026-' || n, false, '{}'
FROM generate_series(1, 20000) AS n;
INSERT INTO merges SELECT 'm' || n, 'w' || n % 5, 'n' || n, 'n' || n + 1, '2026-' || n, false, '{}'
FROM generate_series(1, 5000) AS n;
UPDATE entities SET merged_into = 'n' || substr(id, 2)::int + 1 WHERE right(id, 2) = '77';
INSERT INTO fact_entities SELECT 'n' || n % 20000 + 1, 'f' || n FROM generate_series(1, 50000) AS n;
INSERT INTO sources SELECT 'f' || n, 'e' || n, 't' || n, NULL, NULL
FROM generate_series(1, 50000) AS n;
INSERT INTO mentions SELECT 't' || n, 'n' || n % 20000 + 1, 'e' || n
FROM generate_series(1, 50000) AS n;
INSERT INTO events SELECT n, '2026', 'fact', 'f' || n, 'ADD', 'w' || n % 5, 'e' || n, 'a', '', '{}'
FROM generate_series(1, 50000) AS n;
INSERT INTO embeddings SELECT 'm', 'd' || n, '\\x00' FROM generate_series(1, 20000) AS n;
ANALYZE;
"""
_VALUES: dict[str, Any] = {
    "tenant": "w1",
    "ids": ["f11", "e11", "t11", "n11", "s11", "d11", "m11"],
    "first_tenant": "w1",
    "last_tenant": "w1",
    "facts": ["f11"],
    "episodes": ["e11"],
    "entities": ["n11"],
    "keys": ["name 11", "name 16", "k11"],
    "scope_key": "w1p",
    "document": "d11",
    "digests": ["d1", "d2"],
    "id": "f11",
    "seq": 40_000,
    "model": "m",
    "text_key": "text 11",
    "subject_id": "n12",
    "object_id": "n12",
    "type": "type_11",
    "entity_id": "n12",
    "episode_id": "e11",
    "scope_keys": ["w1p", "w2p"],
    "after": None,
    "archived": None,
    "limit": 1000,
    "relations_only": False,
    "around": 1,
    "status": "pending",
    "version": 1,
    "retired_at": "2026",
    "body": "{}",
    "reason": None,
    "at": "2026-11",
    "known_at": "2026-05",
    "stated_only": False,
    "undone_too": False,
    "types": ["type_11", "type_11"],
    "subjects": ["n12", "n12"],
    "objects": ["n12", "n13"],
    "statement_id": "s11",
    "fact_id": "f11",
}
_WANTED = {
    "same_key": ['["w1p", "k11"]', '["w1p", "k16"]'],
    "same_content": ['["w1p", "h11", false, "2026", "2027"]'],
    "known_sentences": ['["w1", "text 11"]', '["w2", "text 11"]'],
    "statements_by_subject": ['["type_1", "n11"]', '["type_2", "n12"]'],
    "statements_by_triple": ['["type_1", "n11", "n12"]', '["type_2", "n12", "n13"]'],
    "statements_by_object": ['["type_1", "n11"]', '["type_2", "n12"]'],
}
_PAIRS = ['["type_1", "n11"]', '["type_2", "n12"]']
_FEW = {
    *("same_key", "same_content", "last_episode", "statuses", "facts_now", "last_change"),
    *("known_keys", "document_parts"),
    *("facts_by_id", "facts_by_text", "facts_by_subject", "facts_by_subject_type"),
    *("facts_by_triple", "facts_by_subject_object", "facts_by_object", "facts_by_object_type"),
    *("facts_by_type", "facts_about", "facts_from_episode", "entities_by_id", "entities_by_key"),
    *("episodes_by_id", "turns_of_episodes", "turns_around", "episodes_unfinished", "history"),
    *("head", "extraction", "existing_episode", "existing_entity", "existing_fact", "cached"),
    *("erase_targets_by_id", "erase_facts_of_tenant", "bodies_of", "erase_facts_from"),
    *("erase_orphans", "entities_touched", "erase_facts", "erase_fact_entities", "erase_sources"),
    *("erase_mentions", "erase_turns", "erase_episodes", "erase_aliases", "erase_entities"),
    *(
        "erase_embeddings",
        "erase_event_contents",
        "updates_by_episodes",
        "state_before",
        "retire_fact",
    ),
    *("replace_fact", "set_done", "postpone", "clear_aliases", "clear_sources"),
    *("clear_fact_entities", "statements_by_subject", "statements_by_triple"),
    *("statements_by_object", "statements_by_text", "statements_of_episodes", "statements_by_id"),
    *("statements_of_facts", "statements_of_entities", "facts_made_of", "edits_over", "merged_of"),
    *(
        "undo_statements",
        "set_episode_undone",
        "clear_mentions",
        "episode_after",
        "turns_of_episode",
    ),
    *("undo_edit", "undo_merge", "merges_of", "merge_by_id", "merged_away", "mentions_of"),
    *("event_by_seq", "event_before", "edits_at", "merges_at", "existing_by_recorded"),
    *(
        "entity_states_by_episodes",
        "entities_now",
        "entity_events",
        "merges_bodies",
        "merged_group",
    ),
    *("merges_from", "merges_into", "entities_with_events"),
    *(
        "statements_like",
        "statements_of_value",
        "replace_statement",
        "erase_statements",
        "erase_supports",
        "erase_edits_of",
        "edits_of_statements",
    ),
    *("erase_edits", "erase_merges", "erase_past_entities", "erase_past_sources"),
    *("facts_resting_on", "versions_of", "events_of", "drop_statements_of", "note_past_entities"),
    *("note_past_sources", "entity_body", "set_pending", "type_rules", "known_sentences"),
    *("speakers", "episode_kinds", "turn_mentions"),
    *("facts_by_id_then", "facts_by_text_then", "facts_by_subject_then", "facts_about_then"),
    *("facts_by_object_then", "facts_by_triple_then", "facts_from_episode_then"),
}
_PAGES: dict[str, dict[str, Any]] = {
    "facts_of_tenant": {"after": "f2"},
    "facts_related": {},
    "entities_of_tenant": {"after_name": "name 2", "after_id": "x"},
    "episodes": {"status": None},
    "events": {"after": 45_000},
    "typed_subjects": {
        "types": ["type_1", "type_2"],
        "after_tenant": "w2",
        "after_subject": "n2",
        "after_type": "",
        "last_tenant": "\U0010ffff",
    },
    "next_episodes": {"after_n": 45_000},
    "next_facts": {"after_id": "f2", "after_version": 1},
    "next_aliases": {"after_entity_id": "n5", "after_key": "x", "after_tenant": ""},
    "next_sources": {"after_fact_id": "f5", "after_episode_id": "x", "after_turn_id": "x"},
}


@pytest.fixture(scope="module")
def filled(postgres_url: str) -> Iterator[psycopg.Connection[Any]]:
    with fresh_schema(postgres_url) as url:
        _, _, schema = url.partition("?schema=")
        with psycopg.connect(postgres_url, autocommit=True) as raw:
            raw.execute(f"CREATE SCHEMA {schema}; SET search_path TO {schema}".encode())
            for script in POSTGRES.migrations():
                raw.execute(script.encode())
            raw.execute(_FILL.encode())
            yield raw


def steps(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from steps(inner)


def looked_at(raw: psycopg.Connection[Any], name: str, values: dict[str, Any]) -> int:
    """How many rows the statement looked at in tables and indexes, and threw away."""
    return looked_at_sql(raw, STATEMENTS[name, (name, True) in STATEMENTS], values)


def looked_at_sql(raw: psycopg.Connection[Any], statement: bytes, values: dict[str, Any]) -> int:
    sql = b"EXPLAIN (ANALYZE, FORMAT JSON) " + statement
    with raw.transaction(force_rollback=True):
        raw.execute("SET LOCAL session_replication_role = replica")  # no foreign keys: plans alone
        ((plan,),) = raw.execute(sql, values).fetchall()
    return sum(
        int(
            (step.get("Actual Rows", 0) + step.get("Rows Removed by Filter", 0))
            * step["Actual Loops"]
        )
        for step in steps(plan[0]["Plan"])
        if "Scan" in step["Node Type"] and "Subquery" not in step["Node Type"]
    )


@pytest.mark.parametrize("name", sorted(_FEW))
def test_a_lookup_reads_little_more_than_it_finds(
    filled: psycopg.Connection[Any], name: str
) -> None:
    values = {**_VALUES, "wanted": _WANTED.get(name), "pairs": _PAIRS}
    assert looked_at(filled, name, _missing_as_none(values)) <= 500


@pytest.mark.parametrize("name", sorted(_PAGES))
def test_a_page_reads_little_more_than_the_page(filled: psycopg.Connection[Any], name: str) -> None:
    values = _missing_as_none({**_VALUES, "limit": 20, **_PAGES[name]})
    assert looked_at(filled, name, values) <= 200


def _missing_as_none(values: dict[str, Any]) -> dict[str, Any]:
    others = ("agent_id", "run_id", "current", "kind", "contains")
    return {**dict.fromkeys(others), "name": str(uuid.uuid4()), **values}


@pytest.mark.parametrize(
    ("where", "most"),
    [
        ("about = n12", 500),
        ("subject = n12 and tag = work", 500),
        ("type = type_11 and occurred_at < 2025", 500),
        (
            "episode in (e11, e12) or tag = work",
            10_500,
        ),  # nothing that must hold: one tenant, in order
        ("episode in (e11, e12) and not tag = work", 500),
    ],
)
def test_a_filter_goes_by_what_must_hold(
    filled: psycopg.Connection[Any], where: str, most: int
) -> None:
    query = FactQuery("w1", where=parse_filter(where), limit=20)
    for fetch in fact_fetches(query):
        sql, values = to_psycopg(fetch)
        assert looked_at_sql(filled, sql, _missing_as_none({**_VALUES, **values})) <= most
