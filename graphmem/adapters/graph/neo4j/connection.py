"""A Neo4j driver with our manners: quiet, bounded in time, its reads after its writes.

Reads are auto-committed, which is one round trip (measured: 1.1 ms against 2.2 ms in a managed
transaction); a read that lost its connection is tried again until the time is up. Writes are
managed transactions, which the driver tries again when it is safe to do so.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from neo4j import (
    READ_ACCESS,
    WRITE_ACCESS,
    AsyncDriver,
    AsyncGraphDatabase,
    AsyncManagedTransaction,
    AsyncSession,
    Query,
    Record,
)
from neo4j.exceptions import DriverError, Neo4jError

import graphmem
from graphmem.adapters.graph.neo4j.errors import lost, mapped, unknown_host
from graphmem.adapters.graph.neo4j.url import Neo4jTarget
from graphmem.errors import UsageError

_T = TypeVar("_T")

# Without a handler Python prints what the driver warns of (a lost connection); our errors say it.
logging.getLogger("neo4j").addHandler(logging.NullHandler())

_CONNECT_S = 10.0
_IDLE_S = 60.0  # a connection that rested longer is checked before it is used
_LONGEST_READ_S = 30.0  # of what takes milliseconds, on a server that is overloaded
_LONGEST_WRITE_S = 120.0
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0
_FETCH = 2000


class Connection:
    """One server and database. Safe to use from many tasks of one event loop."""

    def __init__(self, target: Neo4jTarget) -> None:
        self.target = target
        self._driver: AsyncDriver | None = None
        self._database = target.database
        self._bookmarks = AsyncGraphDatabase.bookmark_manager()

    @property
    def is_open(self) -> bool:
        return self._driver is not None

    def connect(self) -> None:
        """Make the driver, if there is none; it connects when it is first used."""
        if self._driver is not None:
            return
        target = self.target
        auth = None if target.password is None else (target.user or "", target.password)
        with mapped(str(target)):
            self._driver = AsyncGraphDatabase.driver(
                target.address,
                auth=auth,
                user_agent=f"graphmem/{graphmem.__version__}",
                connection_timeout=min(target.timeout_s, _CONNECT_S),
                connection_acquisition_timeout=target.timeout_s,
                liveness_check_timeout=_IDLE_S,
                max_connection_pool_size=target.pool,
                max_transaction_retry_time=target.timeout_s,
                initial_retry_delay=_FIRST_PAUSE_S,
                notifications_min_severity="OFF",
                telemetry_disabled=True,
            )
        self._database = target.database
        self._bookmarks = AsyncGraphDatabase.bookmark_manager()

    async def close(self) -> None:
        """Let the connections go. Safe to call twice."""
        driver, self._driver = self._driver, None
        if driver is not None:
            with mapped(str(self.target)):
                await driver.close()

    async def first(self, text: str) -> tuple[list[list[Any]], str]:
        """The first query: tried once, so that a wrong address or password shows at once.

        It finds the database's name, which saves asking for it each time, and gives what the
        server calls itself.
        """
        with mapped(str(self.target)):
            try:
                async with self._bounded(), self._session(READ_ACCESS) as session:
                    result = await session.run(Query(text))
                    rows = [list(record.values()) async for record in result]
                    summary = await result.consume()
            except DriverError as error:
                if unknown_host(error):
                    raise UsageError(f"{self.target}: there is no host of this name") from error
                raise
        self._database = self._database or summary.database
        return rows, summary.server.agent

    async def ask(self, text: str, parameters: Mapping[str, Any] | None = None) -> list[list[Any]]:
        """All rows of one reading query."""

        async def attempt() -> list[list[Any]]:
            async with self._session(READ_ACCESS) as session:
                result = await session.run(Query(text), dict(parameters or {}))
                return [list(record.values()) async for record in result]

        with mapped(str(self.target)):
            async with self._bounded():
                return await self._again(attempt)

    async def table(
        self, text: str, parameters: Mapping[str, Any], *, max_rows: int, timeout_s: float
    ) -> tuple[list[str], list[Record], bool]:
        """Columns, up to ``max_rows`` rows of one reading query, and whether there were more.

        The server refuses to write. :class:`TimeoutError` when it takes longer than ``timeout_s``;
        the errors of the query itself come as the driver's own.
        """

        async def attempt() -> tuple[list[str], list[Record], bool]:
            async with self._session(READ_ACCESS, fetch_size=max_rows + 1) as session:
                result = await session.run(Query(text, timeout=timeout_s), dict(parameters))
                found = await result.fetch(max_rows + 1)
                return list(result.keys()), found[:max_rows], len(found) > max_rows

        # Closing the connection stops the query; the server's own clock looks every 2 s only.
        async with asyncio.timeout(timeout_s):
            return await self._again(attempt)

    async def write(self, work: Callable[[AsyncManagedTransaction], Awaitable[_T]]) -> _T:
        """One managed transaction."""
        with mapped(str(self.target)):
            async with self._bounded(_LONGEST_WRITE_S), self._session(WRITE_ACCESS) as session:
                return await session.execute_write(work)

    async def read(self, work: Callable[[AsyncManagedTransaction], Awaitable[_T]]) -> _T:
        """One managed transaction that only reads, without a bound on its time."""
        with mapped(str(self.target)):
            async with self._session(READ_ACCESS) as session:
                return await session.execute_read(work)

    async def define(self, text: str) -> None:
        """A statement of the schema, which takes no parameters and stands alone. It may be tried
        again: two that define the same at once can lock each other out."""

        async def attempt() -> None:
            async with self._session(WRITE_ACCESS) as session:
                await (await session.run(Query(text))).consume()

        with mapped(str(self.target)):
            await self._again(attempt)

    @asynccontextmanager
    async def _session(self, access: str, fetch_size: int = _FETCH) -> AsyncIterator[AsyncSession]:
        if self._driver is None:
            raise UsageError("the graph is not open: call open() first")
        async with self._driver.session(
            database=self._database,
            default_access_mode=access,
            bookmark_manager=self._bookmarks,
            fetch_size=fetch_size,
        ) as session:
            yield session

    def _bounded(self, longest_s: float = _LONGEST_READ_S) -> asyncio.Timeout:
        """Even a server that took the question and never answers does not hold us for ever: after
        the time to try again in comes that of a last attempt."""
        return asyncio.timeout(self.target.timeout_s + longest_s)

    async def _again(self, attempt: Callable[[], Awaitable[_T]]) -> _T:
        until = time.monotonic() + self.target.timeout_s
        pause = 0.0  # a connection that broke while it rested says nothing about the server
        while True:
            try:
                return await attempt()
            except (Neo4jError, DriverError) as error:
                if not lost(error) or time.monotonic() + pause > until:
                    raise
            await asyncio.sleep(pause)
            pause = min(max(2 * pause, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)
