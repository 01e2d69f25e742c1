"""Steps run on one connection to PostgreSQL: for a call, or for as long as a snapshot lasts."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import TypeVar

from graphmem.adapters.ledger.postgres.pool import PgConnection, PgCursor
from graphmem.adapters.ledger.sql.database import ReadOnlyDatabase
from graphmem.adapters.ledger.sql.dialects import POSTGRES
from graphmem.adapters.ledger.sql.queries import Queries
from graphmem.adapters.ledger.sql.steps import (
    Execute,
    Fetch,
    ResultRows,
    SqlValues,
    Steps,
)

_T = TypeVar("_T")

BEGIN_READ = b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_PARAMETER = re.compile(r"(?<![:\w]):([a-z]\w*)")

POSTGRES_QUERIES = Queries(POSTGRES)


def _translated(sql: str) -> bytes:
    """``:name`` as psycopg writes it."""
    return _PARAMETER.sub(r"%(\1)s", sql.replace("%", "%%")).encode()


STATEMENTS = {key: _translated(sql) for key, sql in POSTGRES_QUERIES.items()}


def to_psycopg(fetch: Fetch) -> tuple[bytes, SqlValues]:
    """A statement as psycopg takes it, and its values."""
    if fetch.where is None:
        return STATEMENTS[fetch.name, fetch.newest_first], fetch.values
    sql, more = POSTGRES_QUERIES.filtered(fetch)
    return _translated(sql), {**fetch.values, **more}


class PostgresSession:
    """Runs steps on one connection in pipeline mode: only rows that are wanted are waited for."""

    def __init__(self, connection: PgConnection, limit: asyncio.Timeout, timeout_s: float) -> None:
        self._connection = connection
        self._limit = limit
        self._timeout_s = timeout_s

    def _restart_timeout(self) -> None:
        self._limit.reschedule(asyncio.get_running_loop().time() + self._timeout_s)

    async def run(self, steps: Steps[_T]) -> _T:
        try:
            request = next(steps)
            while True:
                if isinstance(request, Execute):
                    await self.execute(request.name, request.rows)
                    request = steps.send([])
                else:
                    request = steps.send(await self.fetch(request))
        except StopIteration as end:
            result: _T = end.value
            return result

    async def fetch(self, fetches: Sequence[Fetch]) -> list[ResultRows]:
        cursors = await self.send(fetches)
        self._restart_timeout()
        return [await cursor.fetchall() for cursor in cursors]

    async def send(self, fetches: Sequence[Fetch]) -> list[PgCursor]:
        return [await self._connection.execute(*to_psycopg(one)) for one in fetches]

    async def execute(self, name: str, rows: Sequence[SqlValues]) -> None:
        statement = STATEMENTS[name, False]
        self._restart_timeout()
        if len(rows) == 1:
            await self._connection.execute(statement, rows[0])
        elif rows:
            await self._connection.cursor().executemany(statement, rows)
        self._restart_timeout()


class PostgresSnapshot(ReadOnlyDatabase):
    """What one connection sees in one transaction, one question at a time."""

    def __init__(
        self,
        connection: PgConnection,
        session: Callable[[PgConnection], AbstractAsyncContextManager[PostgresSession]],
        errors: Callable[[PgConnection], AbstractContextManager[None]],
    ) -> None:
        self._connection, self._session, self._errors = connection, session, errors
        self._turn = asyncio.Lock()

    async def begin(self) -> None:
        with self._errors(self._connection):
            await self._connection.execute(BEGIN_READ)
            # Between two questions whoever asks may be writing for long.
            await self._connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            await self.head()

    async def read(self, begin: Callable[[], Steps[_T]]) -> _T:
        async with self._turn:
            with self._errors(self._connection):
                async with self._session(self._connection) as session:
                    return await session.run(begin())
