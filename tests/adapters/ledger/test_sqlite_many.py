"""Rows that go to SQLite many at a time come out as if they went one by one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from graphmem.adapters.ledger.sqlite.bulk_insert import insert_many
from graphmem.adapters.ledger.sqlite.runner import SQLITE_QUERIES

INSERT = "-- With a remark (in brackets).\nINSERT INTO t (a, b, c) VALUES (:a, :b, 0)"


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT, c INTEGER)")
    yield connection
    connection.close()


def rows(count: int) -> list[dict[str, object]]:
    return [{"b": f"text {n}", "unused": n, "a": n} for n in range(count)]


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 128, 129, 300, 1024, 2600])
def test_every_row_of_a_bulk_insert_is_stored(connection: sqlite3.Connection, count: int) -> None:
    done = insert_many(connection, INSERT, rows(count))
    assert count - 16 < done <= count
    found = connection.execute("SELECT a, b, c FROM t ORDER BY a").fetchall()
    assert found == [(n, f"text {n}", 0) for n in range(done)]


def test_conflicts_are_each_rows_own(connection: sqlite3.Connection) -> None:
    twice = [*rows(16), *rows(16)]
    tail = " ON CONFLICT (a) DO UPDATE SET b = excluded.b || '!'"
    assert insert_many(connection, INSERT + tail, twice) == 32
    assert connection.execute("SELECT count(*), min(b) FROM t").fetchone() == (16, "text 0!")
    ignoring = INSERT.replace("INSERT INTO", "INSERT OR IGNORE INTO")
    assert insert_many(connection, ignoring, rows(32)) == 32
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (32,)


def test_other_statements_are_left_alone(connection: sqlite3.Connection) -> None:
    for statement in (
        "UPDATE t SET b = :b WHERE a = :a",
        "INSERT INTO t (a, b, c) SELECT :a, :b, 0 WHERE true",
        INSERT + " ON CONFLICT (a) DO UPDATE SET b = :b",
    ):
        assert insert_many(connection, statement, rows(40)) == 0


def test_no_statement_has_more_values_than_the_engine_takes() -> None:
    connection = sqlite3.connect(":memory:")
    columns = [f"c{n}" for n in range(60)]
    connection.execute(f"CREATE TABLE wide ({', '.join(columns)})")
    values = ", ".join(f":{column}" for column in columns)
    wide = [dict.fromkeys(columns, n) for n in range(1100)]
    done = insert_many(connection, f"INSERT INTO wide VALUES ({values})", wide)
    assert connection.execute("SELECT count(*), max(c59) FROM wide").fetchone() == (done, done - 1)
    assert done >= 1100 - 15
    connection.close()


def test_statements_of_a_bulk_load_insert_many_rows() -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE turns (id, episode_id, ordinal, tenant, speaker, role, text,"
                       " occurred_at, source_id)")  # fmt: skip
    names = ("id", "episode_id", "ordinal", "tenant", "speaker", "role", "text", "occurred_at")
    turns = [dict.fromkeys((*names, "source_id"), n) for n in range(20)]
    assert insert_many(connection, SQLITE_QUERIES["add_turn", False], turns) == 16
    connection.close()
