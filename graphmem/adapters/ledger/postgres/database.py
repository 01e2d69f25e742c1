"""PostgreSQL itself: transactions, lost connections, the lock of all writers, names held alone."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Generic, TypeVar

import psycopg
from psycopg import sql

from graphmem.adapters.ledger.postgres.errors import ConnectionLost, as_graphmem_error, is_transient
from graphmem.adapters.ledger.postgres.pool import ConnectionPool, PgConnection
from graphmem.adapters.ledger.postgres.schema import check_schema_version, migrate_schema
from graphmem.adapters.ledger.postgres.session import (
    BEGIN_READ,
    STATEMENTS,
    PostgresSession,
    PostgresSnapshot,
    to_psycopg,
)
from graphmem.adapters.ledger.postgres.url import PostgresAddress
from graphmem.adapters.ledger.sql.steps import (
    EventLog,
    Fetch,
    ResultRows,
    SqlValues,
    Steps,
    TransactionSteps,
    is_logged,
)
from graphmem.adapters.ledger.sql.tables import TABLES
from graphmem.errors import BackendError, Rejected, Unavailable
from graphmem.off_loop import to_its_end
from graphmem.ports.ledger import Event, LedgerCheck
from graphmem.ports.part import Part

_T = TypeVar("_T")

_WRITE = b"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
_LONGEST_PAUSE_S = 1.0
_UNDO_S = 5.0
_UNDONE = {psycopg.pq.TransactionStatus.INTRANS, psycopg.pq.TransactionStatus.INERROR}


class _AlreadyCommitted(Exception):
    """Internal: what was tried before has been committed after all."""


class _Write(Generic[_T]):
    """One write over all its attempts.

    When the answer to a commit was lost, the next attempt first looks, behind the lock that the
    lost one held, whether it was done.
    """

    def __init__(
        self, work: TransactionSteps[_T], was_committed: Callable[[], Steps[bool]] | None
    ) -> None:
        self._work = work
        self._was_committed = was_committed
        self.uncertain = False
        self.log = EventLog()
        self.result: _T

    def begin(self) -> Steps[None]:
        """The steps of the next attempt."""
        if self.uncertain and (
            yield from self._was_committed() if self._was_committed else is_logged(self.log)
        ):
            raise _AlreadyCommitted
        self.uncertain, self.log = False, EventLog()
        self.result = yield from self._work(self.log)


class PostgresDatabase:
    """One schema of a PostgreSQL database, written by many processes.

    A call that finds the server away tries again for ``patience_s`` and is then
    :class:`Unavailable`. A write is tried again only when it is certain, or has been looked up,
    that it was not committed. A cancelled write has been committed or rolled back as a whole when
    the cancellation goes on.
    """

    def __init__(self, address: PostgresAddress) -> None:
        self._address = address
        self._pool = ConnectionPool(address)
        # Writers of one process queue here, not at the server with a connection each.
        self._writing = asyncio.Lock()

    @property
    def shared(self) -> bool:
        return True

    async def open(self) -> None:
        """Connect and migrate. What is wrong with the address is told at once: nobody waits."""
        try:
            async with self._pool.connection() as connection:
                with self._errors(connection):
                    await migrate_schema(connection, self._address)
        except ConnectionLost as lost:
            raise lost.error from lost.__cause__

    async def close(self) -> None:
        await self._pool.close()

    @property
    def keeps_erased(self) -> bool:
        """Not as far as we can tell: what a server keeps is the server's."""
        return False

    async def erased(self) -> str | None:
        """Nothing is kept beside it."""
        return None

    async def remake(self) -> None:
        """Let the server free the rows that nobody sees any more; it would do so by itself, later.
        To write its files anew would lock everybody out."""
        async with self._pool.connection() as connection:
            with self._errors(connection):
                tables = sql.SQL(", ").join(map(sql.Identifier, TABLES))
                await connection.execute(sql.SQL("VACUUM {}").format(tables))

    async def check(self, _part: Part | None = None) -> LedgerCheck:
        """PostgreSQL keeps checksums of its pages, and tells when it reads one."""
        return LedgerCheck({}, ())

    def recent_events(self, _after: int, _limit: int) -> list[Event]:
        return []  # others write too

    async def head(self) -> int:
        ((found,),) = await self.fetch(Fetch("head", {}))
        return int(found["head"])

    # Reading

    async def fetch(self, *fetches: Fetch) -> list[ResultRows]:
        return await self._with_retries(lambda: self._ask_once(fetches)) if fetches else []

    async def update(self, fetch: Fetch) -> ResultRows:
        """Committed by itself; tried again where the answer was lost."""
        (found,) = await self.fetch(fetch)
        return found

    async def _ask_once(self, fetches: Sequence[Fetch]) -> list[ResultRows]:
        async with self._pool.connection() as connection:
            with self._errors(connection):
                if len(fetches) > 1:
                    async with self._session(connection) as session:
                        await connection.execute(BEGIN_READ)
                        cursors = await session.send(fetches)
                        await connection.execute("COMMIT")
                    return [await cursor.fetchall() for cursor in cursors]
                # One statement is a snapshot by itself.
                async with asyncio.timeout(self._answer_s):
                    return [await (await connection.execute(*to_psycopg(fetches[0]))).fetchall()]

    async def read(self, begin: Callable[[], Steps[_T]]) -> _T:
        async def once() -> _T:
            async with self._pool.connection() as connection:
                with self._errors(connection):
                    async with self._session(connection) as session:
                        await connection.execute(BEGIN_READ)
                        result = await session.run(begin())
                        await connection.execute("COMMIT")
                    return result

        return await self._with_retries(once)

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncIterator[PostgresSnapshot]:
        """A transaction that stays open: when its connection breaks, so does the snapshot."""
        async with self._pool.connection() as connection:
            moment = PostgresSnapshot(connection, self._session, self._errors)
            try:
                await moment.begin()
                yield moment
            except ConnectionLost as lost:
                raise lost.error from lost.__cause__
            finally:
                await self._roll_back(connection)

    # Writing

    async def write(
        self, work: TransactionSteps[_T], was_committed: Callable[[], Steps[bool]] | None = None
    ) -> tuple[_T, int]:
        write = _Write(work, was_committed)
        async with self._writing:
            try:
                await self._with_retries(lambda: self._write_once(write))
            except Unavailable as error:
                if not write.uncertain:
                    raise
                raise Unavailable(
                    f"{error}; the answer to the commit was lost, so it may have been stored: look "
                    "before doing it again"
                ) from error
        return write.result, write.log.seq

    async def _write_once(self, write: _Write[_T]) -> None:
        async with self._pool.connection() as connection:
            attempt = asyncio.ensure_future(self._attempt(connection, write))
            with contextlib.suppress(_AlreadyCommitted):
                # Whoever decides next must read what this left, so it is left first.
                await to_its_end(attempt)

    async def _attempt(self, connection: PgConnection, write: _Write[_T]) -> None:
        """One transaction, in as few round trips as its questions need."""
        asked = False
        try:
            with self._errors(connection):
                async with self._session(connection) as session:
                    await connection.execute(_WRITE)
                    lock = await connection.execute(STATEMENTS["lock", False])
                    head = await connection.execute(STATEMENTS["head", False])
                    await session.run(write.begin())
                    check_schema_version((await lock.fetchall())[0]["version"], self._address)
                    (last,) = await head.fetchall()
                    await session.execute("add_event", write.log.number(last["head"]))
                    asked = True
                    commit = await connection.execute("COMMIT")
                if commit.statusmessage != "COMMIT":
                    raise Rejected(f"the ledger {self._address.shown} did not commit")
        except ConnectionLost:
            write.uncertain = write.uncertain or asked
            raise
        finally:
            await self._roll_back(connection)

    async def _roll_back(self, connection: PgConnection) -> None:
        """End a transaction that was begun; a connection that cannot is closed by the pool."""
        status = connection.pgconn.transaction_status
        if status in _UNDONE:
            with contextlib.suppress(psycopg.Error, TimeoutError):
                async with asyncio.timeout(_UNDO_S):
                    await connection.execute("ROLLBACK")

    # A name held alone

    @contextlib.asynccontextmanager
    async def named_lock(self, name: str) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        """An advisory lock of the session: it is let go with the connection, whatever happens."""
        key = {"key": _key(self._address.schema, name)}
        connection = await self._with_retries(lambda: self._take_lock(key))

        async def check() -> None:
            try:
                async with asyncio.timeout(self._answer_s):
                    await connection.execute("SELECT 1")
            except (psycopg.Error, TimeoutError) as error:
                await connection.close()
                raise Unavailable(
                    f"{name!r} of the ledger {self._address.shown} is no longer held: the "
                    "connection broke"
                ) from error

        try:
            yield check
        finally:
            await to_its_end(asyncio.ensure_future(self._unlock(connection, key)))

    async def _take_lock(self, key: SqlValues) -> PgConnection:
        connection = await self._pool.take()
        try:
            with self._errors(connection):
                async with connection.pipeline():
                    await connection.execute("SET statement_timeout = 0")
                    await connection.execute("SELECT pg_advisory_lock(%(key)s)", key)
                    timeout = f"SET statement_timeout = '{self._address.timeout_s}s'"
                    await connection.execute(timeout.encode())
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _unlock(self, connection: PgConnection, key: SqlValues) -> None:
        try:
            async with asyncio.timeout(_UNDO_S):
                await connection.execute("SELECT pg_advisory_unlock(%(key)s)", key)
        except (psycopg.Error, TimeoutError):
            await connection.close()
            return
        await self._pool.give_back(connection)

    # What both rest on

    @property
    def _answer_s(self) -> float:
        """How long an answer is waited for; the server gives up on a statement before."""
        return self._address.timeout_s + _UNDO_S

    @contextlib.asynccontextmanager
    async def _session(self, connection: PgConnection) -> AsyncIterator[PostgresSession]:
        async with asyncio.timeout(self._answer_s) as limit, connection.pipeline():
            yield PostgresSession(connection, limit, self._answer_s)

    async def _with_retries(self, once: Callable[[], Awaitable[_T]]) -> _T:
        """Try until it works, or the server has been away for as long as the URL allows."""
        until = None
        pause = 0.05
        while True:
            began = time.monotonic()
            try:
                return await once()
            except ConnectionLost as lost:
                now = time.monotonic()
                if until is None or now - began > self._address.patience_s:
                    until = now + self._address.patience_s
                if now + pause > until:
                    raise lost.error from lost.__cause__
            await self._pool.drop_idle()
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    @contextlib.contextmanager
    def _errors(self, connection: PgConnection) -> Iterator[None]:
        """The driver's errors as ours; :class:`ConnectionLost` where another try may help."""
        try:
            yield
        except (psycopg.Error, UnicodeEncodeError, TimeoutError) as error:
            ours = as_graphmem_error(error, self._address.shown)
            passing = is_transient(error, closed=connection.closed)
            if passing and isinstance(ours, BackendError):
                raise ConnectionLost(ours) from error
            raise ours from error


def _key(schema: str, name: str) -> int:
    """Advisory locks have 64-bit numbers, and belong to a database."""
    digest = hashlib.blake2b(f"graphmem\0{schema}\0{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
