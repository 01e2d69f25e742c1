"""Opening a PostgreSQL ledger: addresses, schemas, versions, rights."""

from __future__ import annotations

import asyncio
import re
import sys
from typing import cast

import psycopg
import pytest

from graphmem.adapters.ledger.postgres import schema
from graphmem.adapters.ledger.postgres.database import PostgresDatabase
from graphmem.adapters.ledger.postgres.errors import as_graphmem_error, is_transient
from graphmem.adapters.ledger.postgres.ledger import PostgresLedger
from graphmem.adapters.ledger.postgres.pool import ConnectionPool
from graphmem.adapters.ledger.postgres.url import parse_url
from graphmem.adapters.ledger.sql.dialects import POSTGRES, SQLITE
from graphmem.adapters.ledger.sql.queries import Queries
from graphmem.adapters.ledger.sql.tables import TABLES
from graphmem.adapters.ledger.sqlite.database import SqliteDatabase
from graphmem.adapters.ledger.sqlite.ledger import SqliteLedger
from graphmem.errors import GraphmemError, Rejected, Unavailable, UsageError
from graphmem.ports.ledger import FactQuery, Ledger
from graphmem.testing.ledger import ADA, Draft, store
from tests.adapters.ledger.conftest import opened
from tests.servers.base import PASSWORD


def test_both_databases_know_the_same_statements() -> None:
    ours, theirs = Queries(SQLITE), Queries(POSTGRES)
    assert theirs.names - {"lock"} == ours.names
    for (name, newest), sql in theirs.items():
        if name != "lock":
            parameter = re.compile(r"(?<![:\w]):(\w+)")
            mine = set(parameter.findall(ours[name, newest]))
            assert set(parameter.findall(sql)) == mine, name


async def test_both_schemas_have_the_same_tables_and_columns(schema_url: str) -> None:
    address, _, query = schema_url.partition("?schema=")
    async with opened(PostgresLedger(schema_url)):
        with psycopg.connect(address) as raw:
            found = raw.execute(
                "SELECT table_name, column_name FROM information_schema.columns "
                "WHERE table_schema = %s ORDER BY table_name, ordinal_position",
                [query],
            ).fetchall()
            collations = raw.execute(
                "SELECT DISTINCT collation_name FROM information_schema.columns "
                "WHERE table_schema = %s AND data_type = 'text'",
                [query],
            ).fetchall()
    postgres: dict[str, list[str]] = {}
    for table, column in found:
        postgres.setdefault(table, []).append(column)
    ledger = SqliteLedger(None)
    await ledger.open()
    database = ledger._db
    assert isinstance(database, SqliteDatabase)

    def columns() -> dict[str, list[str]]:
        run = database._connection().execute
        names = run("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        return {
            name: [row[1] for row in run(f"PRAGMA table_info({name})")]
            for (name,) in names
            if not name.startswith("sqlite_")
        }

    sqlite = await database._submit(database._writer, columns)
    await ledger.close()
    assert postgres.pop("graphmem_ledger") == ["one", "version"]
    assert postgres == sqlite
    assert collations == [("C",)]
    for not_copied in ("loads", "counters", "replies"):
        del sqlite[not_copied]
    assert {name: list(table.columns) for name, table in TABLES.items()} == sqlite


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgresql://u:s3cret@h", "name the database"),
        ("postgresql://u:s3cret@h/d?schema=a%22b", "a schema has"),
        ("postgresql://u:s3cret@h/d?schema=pg_mine", "a schema has"),
        ("postgresql://u:s3cret@h/d?schema=", "a schema has"),
        ("postgresql://u:s3cret@h/d?schema=" + "x" * 64, "a schema has"),
        ("postgresql://u:s3cret@h/d?pool=0", "pool is a whole number"),
        ("postgresql://u:s3cret@h/d?pool=many", "pool is a whole number"),
        ("postgresql://u:s3cret@h/d?timeout_s=-1", "timeout_s is a whole number"),
        ("postgresql://u:s3cret@h/d?shema=x", "unknown option shema"),
        ("postgresql://u:s3cret@h/d?schema", "name=value"),
        ("postgresql://u:s3cret@h:port/d", "no PostgreSQL URL"),
        ("postgresql://u:s3cret%@h/d", "no PostgreSQL URL"),
    ],
)
def test_an_error_about_a_url_has_no_password(url: str, why: str) -> None:
    with pytest.raises(UsageError, match=why) as caught:
        PostgresLedger(url)
    assert "s3cret" not in f"{caught.value} {caught.value.__cause__}"


def test_a_password_comes_from_the_url_or_beside_it() -> None:
    assert parse_url("postgresql://u@h/d", "beside").parameters["password"] == "beside"
    assert parse_url("postgresql://u:in@h/d", "beside").parameters["password"] == "in"
    place = parse_url("postgres://u:s3cret@h:1/d?sslmode=require&schema=Mine&pool=3", None)
    assert (place.schema, place.pool, place.parameters["sslmode"]) == ("Mine", 3, "require")
    assert "s3cret" not in f"{place!r} {place.shown}"


@pytest.mark.parametrize(
    "change",
    [
        (PASSWORD, "wr0ng-secret"),
        ("/postgres", "/nowhere"),
        ("@127.0.0.1", "@nowhere.invalid"),
        ("127.0.0.1:", "127.0.0.1:1"),
        ("//postgres", "//nobody"),
    ],
)
async def test_what_cannot_be_reached_fails_at_once(
    postgres_url: str, change: tuple[str, str]
) -> None:
    url = postgres_url.replace(*change)
    assert url != postgres_url
    if change[0].endswith(":"):
        url = re.sub(r":\d+/", ":1/", postgres_url)  # nothing listens there
    ledger = PostgresLedger(f"{url}?patience_s=86400")
    with pytest.raises((Unavailable, UsageError)) as caught:
        await ledger.open()
    assert PASSWORD not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert "wr0ng-secret" not in f"{caught.value!r} {caught.value.__cause__!r}"
    await ledger.close()


async def test_reopening_finds_everything(schema_url: str) -> None:
    draft = Draft()
    ledger = PostgresLedger(schema_url)
    await ledger.open()
    await ledger.open()
    episode = draft.episode()
    await store(ledger, episode, draft.fact(episode))
    facts, head = await ledger.facts(FactQuery(ADA.tenant)), await ledger.head()
    await ledger.close()
    await ledger.close()
    with pytest.raises(UsageError, match="closed"):
        await ledger.stats()
    async with opened(PostgresLedger(schema_url)) as again:
        assert await again.facts(FactQuery(ADA.tenant)) == facts
        assert await again.head() == head


async def test_stores_in_two_schemas_know_nothing_of_each_other(schema_url: str) -> None:
    upper = f"{schema_url}X"  # a name that must be quoted
    draft = Draft()
    async with opened(PostgresLedger(schema_url)) as one, opened(PostgresLedger(upper)) as two:
        await one.journal([draft.episode()], 0)
        assert await two.head() == 0
        async with one.named_lock("projector"), two.named_lock("projector") as check:
            await check()
    address, _, schema = upper.partition("?schema=")
    with psycopg.connect(address, autocommit=True) as raw:
        raw.execute(f'DROP SCHEMA "{schema}" CASCADE'.encode())


async def test_many_that_open_at_once_make_one_store(schema_url: str) -> None:
    ledgers = [PostgresLedger(schema_url) for _ in range(6)]
    await asyncio.gather(*(ledger.open() for ledger in ledgers))
    ids = [
        ledger.remember_setting("store_id", str(n), once=True) for n, ledger in enumerate(ledgers)
    ]
    assert len(set(await asyncio.gather(*ids))) == 1
    await asyncio.gather(*(ledger.close() for ledger in ledgers))


async def test_another_version_is_refused_untouched(schema_url: str) -> None:
    address, _, schema = schema_url.partition("?schema=")
    async with opened(PostgresLedger(schema_url)) as old:
        with psycopg.connect(address) as raw:
            raw.execute(f"UPDATE {schema}.graphmem_ledger SET version = 99".encode())
        newer = PostgresLedger(schema_url)
        with pytest.raises(Rejected, match="newer graphmem"):
            await newer.open()
        await newer.close()
        # One that was open before the others moved on writes nothing more.
        with pytest.raises(Rejected, match="newer graphmem"):
            await old.journal([Draft().episode()], 0)
        assert await old.head() == 0


async def test_a_later_schema_is_applied_once(
    schema_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of many that open at once, one migrates; what was stored is still there."""
    address, _, name = schema_url.partition("?schema=")
    async with opened(PostgresLedger(schema_url)) as old:
        await old.journal([Draft().episode()], 0)
    later = [*POSTGRES.migrations(), "ALTER TABLE episodes ADD COLUMN note text DEFAULT 'new'"]
    monkeypatch.setattr(schema, "_SCRIPTS", later)
    ledgers = [PostgresLedger(schema_url) for _ in range(3)]
    await asyncio.gather(*(ledger.open() for ledger in ledgers))
    assert [await ledger.head() for ledger in ledgers] == [1, 1, 1]
    await asyncio.gather(*(ledger.close() for ledger in ledgers))
    with psycopg.connect(address) as raw:
        version = raw.execute(f"SELECT version FROM {name}.graphmem_ledger".encode()).fetchall()
        notes = raw.execute(f"SELECT note FROM {name}.episodes".encode()).fetchall()
    assert (version, notes) == ([(len(later),)], [("new",)])


async def test_a_schema_of_something_else_is_refused(schema_url: str) -> None:
    address, _, schema = schema_url.partition("?schema=")
    with psycopg.connect(address) as raw:
        raw.execute(f"CREATE SCHEMA {schema} CREATE TABLE mine (x int)".encode())
    ledger = PostgresLedger(schema_url)
    with pytest.raises(Rejected, match="something else"):
        await ledger.open()
    await ledger.close()


async def test_missing_rights_are_an_error_that_says_so(schema_url: str) -> None:
    address, _, schema = schema_url.partition("?schema=")
    role = f"r{schema}"
    with psycopg.connect(address, autocommit=True) as raw:
        raw.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'for-tests-too'".encode())
    url = schema_url.replace(f"postgres:{PASSWORD}", f"{role}:for-tests-too")
    try:
        ledger = PostgresLedger(url)
        with pytest.raises(UsageError, match="permission denied"):
            await ledger.open()
        await ledger.close()
        async with opened(PostgresLedger(schema_url)):
            with psycopg.connect(address, autocommit=True) as raw:
                raw.execute(f"GRANT USAGE ON SCHEMA {schema} TO {role}".encode())
                raw.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}".encode())
            async with opened(PostgresLedger(url)) as reader:
                assert await reader.head() == 0
                with pytest.raises(GraphmemError, match="permission denied"):
                    await reader.journal([Draft().episode()], 0)
    finally:
        with psycopg.connect(address, autocommit=True) as raw:
            raw.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())


def pool_of(ledger: Ledger) -> ConnectionPool:
    database = cast(PostgresLedger, ledger)._db
    return cast(PostgresDatabase, database)._pool


async def test_no_free_connection_is_an_error_that_says_so(schema_url: str) -> None:
    async with opened(PostgresLedger(f"{schema_url}&pool=1&timeout_s=1")) as ledger:
        async with pool_of(ledger).connection():
            with pytest.raises(Unavailable, match="larger pool"):
                await ledger.head()
            # Who holds a name needs no connection of the pool's.
            async with ledger.named_lock("projector") as check:
                await check()
        assert await ledger.head() == 0


async def test_commits_are_durable_whatever_the_server_says(schema_url: str) -> None:
    lax = f"{schema_url}&options=-c%20synchronous_commit%3Doff"
    strict = f"{schema_url}&options=-c%20synchronous_commit%3Dremote_apply"
    for url, expected in ((lax, "on"), (strict, "remote_apply")):
        async with (
            opened(PostgresLedger(url)) as ledger,
            pool_of(ledger).connection() as connection,
        ):
            found = await connection.execute("SHOW synchronous_commit")
            assert await found.fetchall() == [{"synchronous_commit": expected}]


def test_a_standby_is_unavailable_and_tried_again() -> None:
    error = psycopg.errors.ReadOnlySqlTransaction("cannot execute in a read-only transaction")
    assert is_transient(error, closed=False)
    assert isinstance(as_graphmem_error(error, "postgresql://h/d"), Unavailable)


def test_what_ends_a_broken_pipeline_is_tried_again_for_what_broke_it() -> None:
    error = psycopg.OperationalError("cannot exit pipeline mode while busy")
    error.__context__ = psycopg.errors.AdminShutdown("terminating connection")
    assert is_transient(error, closed=False)
    assert not is_transient(psycopg.OperationalError("cannot exit pipeline mode"), closed=False)


async def test_who_dies_holds_nothing(schema_url: str) -> None:
    holder = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.adapters.ledger.holder", schema_url),
        stdout=asyncio.subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert await holder.stdout.readline() == b"held\n"
    async with opened(PostgresLedger(schema_url)) as ledger:

        async def take() -> None:
            async with ledger.named_lock("projector") as check:
                await check()

        taking = asyncio.create_task(take())
        for _ in range(20):
            await ledger.head()
        assert not taking.done()
        holder.kill()
        await taking
    await holder.wait()
