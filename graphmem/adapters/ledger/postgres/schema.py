"""The ledger's schema in PostgreSQL: made, recognised and migrated."""

from __future__ import annotations

from psycopg import sql

from graphmem.adapters.ledger.postgres.pool import PgConnection
from graphmem.adapters.ledger.postgres.url import PostgresAddress
from graphmem.adapters.ledger.sql.database import check_version
from graphmem.adapters.ledger.sql.dialects import POSTGRES
from graphmem.errors import Rejected

_SCRIPTS = POSTGRES.migrations()
_OLDEST = 130_000  # of PostgreSQL, as it counts

_LOOK = """
SELECT to_regclass(%(ledger)s) IS NOT NULL AS ours,
  EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = %(schema)s) AS there,
  EXISTS (SELECT 1 FROM pg_class AS c JOIN pg_namespace AS s ON s.oid = c.relnamespace
    WHERE s.nspname = %(schema)s AND c.relkind IN ('r', 'p', 'v', 'm', 'f')) AS used,
  current_setting('server_encoding') AS encoding
"""
_VERSION = "SELECT version FROM graphmem_ledger"


async def migrate_schema(connection: PgConnection, address: PostgresAddress) -> None:
    """Bring the schema up to this version; when it is, nothing is written or locked."""
    names = {"schema": address.schema, "ledger": f'"{address.schema}".graphmem_ledger'}
    if connection.info.server_version < _OLDEST:
        raise Rejected(f"the ledger {address.shown} needs PostgreSQL 13 or newer")
    (found,) = await (await connection.execute(_LOOK, names)).fetchall()
    if found["encoding"] != "UTF8":
        raise Rejected(f"the database of {address.shown} is not in UTF-8 but {found['encoding']}")
    if found["ours"]:
        (row,) = await (await connection.execute(_VERSION)).fetchall()
        check_schema_version(row["version"], address)
        if row["version"] == len(_SCRIPTS):
            return
    async with connection.transaction():
        # Of two that open at once, the second finds the work done.
        await connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('graphmem migrates ' || %(schema)s, 0))",
            names,
        )
        (found,) = await (await connection.execute(_LOOK, names)).fetchall()
        if found["used"] and not found["ours"]:
            raise Rejected(
                f"the schema {address.schema} of {address.shown} holds tables of something else; "
                "name another with ?schema="
            )
        if not found["there"]:
            made = sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(address.schema))
            await connection.execute(made)
        version = 0
        if found["ours"]:
            (row,) = await (await connection.execute(f"{_VERSION} FOR UPDATE")).fetchall()
            version = row["version"]
            check_schema_version(version, address)
        for script in _SCRIPTS[version:]:
            await connection.execute(script.encode())
        await connection.execute("UPDATE graphmem_ledger SET version = %s", [len(_SCRIPTS)])


def check_schema_version(version: int, address: PostgresAddress) -> None:
    """A newer version may have migrated it while this one is at work."""
    check_version(version, len(_SCRIPTS), address.shown)
