"""Connections to PostgreSQL, kept for the next call.

Whoever needs a connection makes it, and so learns at once, and in its own words, when none can be
made; nothing goes on behind the caller's back. What broke is dropped, so that after the server has
been away the next call begins with a new connection.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import psycopg
from psycopg.rows import dict_row

from graphmem.adapters.ledger.postgres.errors import ConnectionLost, as_graphmem_error
from graphmem.adapters.ledger.postgres.url import PostgresAddress
from graphmem.adapters.ledger.sql.database import closed_memory
from graphmem.errors import BackendError, Unavailable, UsageError

PgConnection: TypeAlias = psycopg.AsyncConnection[dict[str, Any]]
PgCursor: TypeAlias = psycopg.AsyncCursor[dict[str, Any]]

# One round trip. A durable commit is what the ledger promises, whatever the server's default; one
# that waits for standbys is left as it is. Custom plans: the filters of a statement are mostly not
# given, and only a plan that knows so walks the index.
_SETTINGS = b"""
SELECT set_config('search_path', %(path)s, false),
  set_config('statement_timeout', %(timeout)s, false),
  set_config('idle_in_transaction_session_timeout', %(timeout)s, false),
  set_config('plan_cache_mode', 'force_custom_plan', false),
  set_config('jit', 'off', false),
  set_config('synchronous_commit', CASE current_setting('synchronous_commit')
    WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)
"""


class ConnectionPool:
    """Up to ``address.pool`` connections at work at once, each used by one call at a time."""

    def __init__(self, address: PostgresAddress) -> None:
        self._address = address
        self._free = asyncio.Semaphore(address.pool)
        self._idle: list[PgConnection] = []
        self._closed = False

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[PgConnection]:
        """A connection for one call; it goes back clean, or is closed.

        :class:`Unavailable` when all are at work for too long.
        """
        try:
            async with asyncio.timeout(self._address.timeout_s):
                await self._free.acquire()
        except TimeoutError:
            raise Unavailable(
                f"all {self._address.pool} connections to the ledger {self._address.shown} were at "
                f"work for {self._address.timeout_s} s; a larger pool can be had with ?pool="
            ) from None
        try:
            connection = await self.take()
            try:
                yield connection
            finally:
                await self.give_back(connection)
        finally:
            self._free.release()

    async def take(self) -> PgConnection:
        """A connection beyond the count, to be given back."""
        if self._closed:
            raise closed_memory()
        while self._idle:
            connection = self._idle.pop()
            if not connection.closed:
                return connection
        return await self._connect()

    async def give_back(self, connection: PgConnection) -> None:
        """Keep it for the next call when nothing is left to end or undo on it."""
        clean = connection.pgconn.transaction_status == psycopg.pq.TransactionStatus.IDLE
        if clean and not self._closed and len(self._idle) < self._address.pool:
            self._idle.append(connection)
        else:
            await connection.close()

    async def drop_idle(self) -> None:
        """Where one connection broke the others will have too."""
        idle, self._idle = self._idle, []
        for connection in idle:
            await connection.close()

    async def close(self) -> None:
        self._closed = True
        await self.drop_idle()

    async def _connect(self) -> PgConnection:
        shown = self._address.shown
        try:
            connection: PgConnection = await psycopg.AsyncConnection.connect(
                **self._address.parameters, autocommit=True, row_factory=dict_row
            )
        except psycopg.OperationalError as error:
            # Whether it is down or does not let us in is said in the server's own language only.
            found = as_graphmem_error(error, shown)
            raise ConnectionLost(_as_backend(found)) from error
        except (psycopg.Error, OSError, ValueError) as error:
            raise UsageError(f"the ledger {shown} cannot be opened: {error}") from error
        try:
            connection.prepare_threshold = 2
            connection.prepared_max = 300
            values = {
                "path": f'"{self._address.schema}"',
                "timeout": f"{self._address.timeout_s}s",
            }
            async with asyncio.timeout(self._address.timeout_s):
                await connection.execute(_SETTINGS, values)
        except (psycopg.Error, TimeoutError) as error:
            await connection.close()
            raise ConnectionLost(_as_backend(as_graphmem_error(error, shown))) from error
        except BaseException:
            await connection.close()
            raise
        return connection


def _as_backend(error: Exception) -> BackendError:
    return error if isinstance(error, BackendError) else Unavailable(str(error))
