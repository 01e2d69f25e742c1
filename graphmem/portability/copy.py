"""A whole ledger copied into another one, of the same kind or not: what moving a store rests on.

Only rows move. Graph and vectors are projections: they are made at the new place by opening it.
A target that is not complete is marked so, and is not opened as a store (see
:func:`check_complete`) until a second reading of both ledgers has found the same rows in them.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Mapping, Set
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from graphmem.errors import Rejected, Unavailable, UsageError
from graphmem.model import Stats
from graphmem.ports.ledger import Ledger, LedgerRows, Row

CopyProgress: TypeAlias = Callable[[str, int, int], None]
"""Called with the stage (``copy``, ``compare``, ``graph``, ``vectors``), how much is done, of how
much. The whole is an estimate until the stage has ended."""

INDEXED_SEQ = "indexed_seq"  # up to which event the vectors are indexed
MOVING = "moving"  # while a ledger is being filled: the id of the store that it comes from
STORE_ID, EMBEDDER, EMBEDDER_SIZE = "store_id", "embedder", "embedder_size"
MOVING_AT = "moving_at"  # and how far that store was when this began
MOVED_FROM = "moved_from"  # that id, once it is complete
_SETTINGS = "settings"  # facts about one store in one place: never copied as rows

_PASSES = 10
_OUT_OF_DATE = (
    "the target does not fit the source, which has changed since a part of it was copied: empty "
    "the target, then run this again"
)
_ROWS = range(50, 5000)  # at a time
_SIZE = range(1 << 20, 8 << 20)  # bytes at a time, roughly: more rows below, fewer above
_DIGESTS = 1 << 256


@dataclass(frozen=True, slots=True)
class Arrival:
    """A target that may be filled: under which id, and whether something is there already."""

    source_id: str
    store_id: str
    resumed: bool
    complete: bool


@dataclass(frozen=True, slots=True)
class Copied:
    """What both ledgers held when they were found to be the same."""

    rows: Mapping[str, int]
    head: int
    stats: Stats
    tables: dict[str, tuple[int, str]]
    """For each table how many rows, and a digest of them that does not depend on their order."""


async def check_complete(ledger: LedgerRows) -> None:
    """A ledger that is half a copy is :class:`~graphmem.errors.UsageError`: it is no store yet."""
    if await ledger.setting(MOVING):
        raise UsageError(
            "a store is being moved here and is not complete: run the same `graphmem migrate` (or "
            "`backup`, or `restore`) again, it goes on where it stopped"
        )


async def arrive(source: LedgerRows, target: Ledger) -> Arrival:
    """Whether the target may take the source's rows; both are open. Changes nothing.

    It may when it holds nothing, or a part or all of the same store;
    else :class:`~graphmem.errors.UsageError`.
    """
    await check_complete(source)
    source_id = await source.setting(STORE_ID)
    if source_id is None:
        raise UsageError("there is no store at the source: nothing was ever opened there")
    own_id = await target.setting(STORE_ID)
    arrival = Arrival(source_id, own_id or source_id, resumed=False, complete=False)
    if half := await target.setting(MOVING):
        if half != source_id:
            raise UsageError("the target holds half a copy of another store: empty it first")
        return replace(arrival, resumed=True)
    head = await target.head()
    if source_id in {own_id, await target.setting(MOVED_FROM)}:
        if head != (at := await source.head()):
            raise UsageError(
                f"the target holds a copy of this store already, and the two went on apart (source "
                f"at event {at:,}, target at {head:,}): empty the target to copy again"
            )
        return replace(arrival, resumed=True, complete=True)
    # A store that was opened and never written may be overwritten.
    if head:
        raise UsageError("the target holds another store: nothing was copied")
    return arrival


async def copy_ledger(
    source: LedgerRows, target: Ledger, arrival: Arrival, progress: CopyProgress | None = None
) -> Copied:
    """Copy what is missing until both hold the same rows.

    Cut off at any moment it can be called again. A source that others write meanwhile is copied
    again where it changed; when that does not end it is :class:`~graphmem.errors.Unavailable`.
    Rows that the source lost since they were copied make the copy worthless
    (:class:`~graphmem.errors.Rejected`): they may have been erased on purpose.
    """
    if arrival.complete:
        return Copied({}, await source.head(), await source.stats(), {})
    await target.remember_setting(MOVING, arrival.source_id)
    copying = _Copying(source, target, progress or no_progress)
    again: set[str] = set()
    if await target.setting(MOVING_AT) not in {None, str(await source.head())}:
        again = copying.tables
    for _ in range(_PASSES):
        head = await source.head()
        await target.remember_setting(MOVING_AT, str(head))
        whole = again == copying.tables
        try:
            await copying.run(again)
        except Rejected as error:
            # A row came that refers to one which was not there yet when its table was read.
            if whole and head == await source.head():
                raise Rejected(f"{_OUT_OF_DATE} ({error})") from error
            again = copying.tables
            continue
        again, lost = await copying.compare()
        stats = await source.stats()
        if head != await source.head():
            continue
        if lost:
            raise Rejected(f"{_OUT_OF_DATE} (it lost some of: {', '.join(lost)})")
        if not again:
            await _finish(source, target, arrival)
            return Copied(copying.rows, head, stats, copying.contents)
    raise Unavailable(
        "the source is being written all the time: stop what writes it, then run this again"
    )


class _Copying:
    """The rows of one ledger on their way into another."""

    def __init__(self, source: LedgerRows, target: Ledger, progress: CopyProgress) -> None:
        self.rows: dict[str, int] = {}
        self.contents: dict[str, tuple[int, str]] = {}
        self._source = source
        self._target = target
        self._progress = progress
        self._in_order = tuple(name for name in source.tables if name != _SETTINGS)

    @property
    def tables(self) -> set[str]:
        return set(self._in_order)

    async def run(self, again: Set[str]) -> None:
        """Copy what is missing, and all of some tables ``again``."""
        total, done = await estimated_rows(self._source), 0
        self._progress("copy", done, total)
        for table in self._in_order:
            start = None if table in again else await self._target.loaded(table)
            if start == "":
                continue
            async for rows, after in batches_of(self._source, table, start):
                await self._target.load(table, rows, after)
                self.rows[table] = self.rows.get(table, 0) + len(rows)
                done += len(rows)
                self._progress("copy", done, max(done, total))
        self._progress("copy", done, done)

    async def compare(self) -> tuple[set[str], list[str]]:
        """The tables that differ, and those of them where the target holds more."""
        total, done = 2 * await estimated_rows(self._source), 0
        different: set[str] = set()
        more: list[str] = []

        def read(rows: int) -> None:
            nonlocal done
            done += rows
            self._progress("compare", done, max(done, total))

        for table in self._in_order:
            here, there = await asyncio.gather(
                *(_content(ledger, table, read) for ledger in (self._source, self._target))
            )
            self.contents[table] = here
            if here != there:
                different.add(table)
                if there[0] > here[0]:
                    more.append(table)
        self._progress("compare", done, done)
        return different, more


async def _content(ledger: LedgerRows, table: str, read: Callable[[int], None]) -> tuple[int, str]:
    """How many rows, and a sum over their digests: it does not depend on their order, which may be
    another in another kind of ledger."""
    count = digest = 0
    async for rows, _ in batches_of(ledger, table, None):
        count += len(rows)
        digest += sum(_digest(row) for row in rows)
        read(len(rows))
    return count, f"{digest % _DIGESTS:064x}"


def _digest(row: Row) -> int:
    text = json.dumps({name: _plain(row[name]) for name in sorted(row)}, ensure_ascii=False)
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())


def _plain(value: Any) -> Any:
    """One form for what ledgers keep as different types: truth values, whole floats, bytes."""
    if isinstance(value, bytes | bytearray | memoryview):
        return {"bytes": hashlib.sha256(value).hexdigest()}
    if isinstance(value, bool) or (isinstance(value, float) and value.is_integer()):
        return int(value)
    return value


async def batches_of(
    ledger: LedgerRows, table: str, after: str | None
) -> AsyncIterator[tuple[list[Row], str | None]]:
    """The rows from a place on, few or many at a time, as large as they are."""
    limit = _ROWS.start
    while True:
        rows, after = await ledger.rows(table, after, limit)
        yield rows, after
        if after is None:
            return
        size = sum(len(v) for row in rows for v in row.values() if isinstance(v, str | bytes))
        if size < _SIZE.start:
            limit = min(2 * limit, _ROWS.stop)
        elif size > _SIZE.stop:
            limit = max(limit // 2, 1)


async def estimated_rows(ledger: LedgerRows) -> int:
    """About how many rows there are: only the events are counted, the rest goes along."""
    stats = await ledger.stats()
    texts = stats.turns + stats.facts + stats.entities
    return await ledger.head() + stats.episodes + 3 * texts


async def _finish(source: LedgerRows, target: Ledger, arrival: Arrival) -> None:
    """Write the settings that make the copy a store; before that it is not opened as one."""
    for name in (EMBEDDER, EMBEDDER_SIZE):
        if value := await source.setting(name):
            await target.remember_setting(name, value)
    await target.remember_setting(INDEXED_SEQ, "0")
    await target.remember_setting(STORE_ID, arrival.store_id, once=True)
    await target.remember_setting(MOVED_FROM, arrival.source_id)
    await target.remember_setting(MOVING, "")


def no_progress(stage: str, done: int, total: int) -> None:
    """For callers that do not follow the progress."""
