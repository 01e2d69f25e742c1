"""What was used and who did what: noted in memory, written to the ledger together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from dataclasses import replace
from datetime import timedelta

from graphmem.access.secrets import KEY_PREFIX
from graphmem.access.values import EVERYWHERE, AccessKey
from graphmem.clock import Clock
from graphmem.errors import Forbidden, LimitExceeded, NotFound, UsageError, logged_failure
from graphmem.ports.access import AccessBook, AuditEntry, KeyUse

_log = logging.getLogger("graphmem")
_PAUSE_S = 1.0
"""How long a read may wait to be written, and what a killed process loses of reads."""
_MOST_WAITING = 10_000
_REFUSED_AT_ONCE = 100
"""Refused keys in one second that are noted each: whoever tries many does not fill the log."""
_DID_NOTHING = frozenset(one.__name__ for one in (Forbidden, LimitExceeded, NotFound, UsageError))
"""Outcomes after which nothing has changed, so that nobody waits for their entry."""
_PRUNED_AT_ONCE = 1000
_PRUNE_EVERY = timedelta(hours=1)
_REPLIES_KEPT = timedelta(days=1)
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ADDRESS_CHARACTERS = 64


class Recorder:
    """Notes calls. What changed something is written before :meth:`record` returns, together with
    all that others noted meanwhile; reads within a second."""

    def __init__(
        self,
        book: AccessBook,
        clock: Clock,
        *,
        keep_days: float,
        usage_days: float = 730,
        reads: bool = True,
    ) -> None:
        """The log keeps entries for ``keep_days``, usage is kept for ``usage_days``; without
        ``reads`` the log has changes alone."""
        self._book = book
        self._clock = clock
        self._keep = timedelta(days=keep_days)
        self._keep_uses = timedelta(days=usage_days)
        self._reads = reads
        self._uses: dict[tuple[str, str, str], KeyUse] = {}
        self._entries: list[AuditEntry] = []
        self._refused = 0
        self._pruned_at = clock.now() - _PRUNE_EVERY
        self._lock = asyncio.Lock()
        self._soon: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    async def record(self, entry: AuditEntry, tokens_in: int = 0, tokens_out: int = 0) -> None:
        """Note a call that has ended, and how many tokens it took."""
        refused = int(entry.outcome != "done")
        use = KeyUse(
            entry.at.date().isoformat(),
            entry.key_id,
            entry.method,
            entry.organisation,
            1,
            refused,
            tokens_in,
            tokens_out,
            entry.at,
        )
        place = use.day, use.key_id, use.method
        self._uses[place] = _sum(self._uses[place], use) if place in self._uses else use
        # Whoever calls too often is counted, and does not fill the log.
        if entry.outcome != LimitExceeded.__name__ and (entry.changed or self._reads):
            # Of what is no id it may be somebody's name, or their words.
            target = entry.target if entry.target is not None and _is_id(entry.target) else None
            address = entry.address[:_ADDRESS_CHARACTERS]
            self._entries.append(replace(entry, address=address, target=target))
        if (entry.changed and entry.outcome not in _DID_NOTHING) or len(
            self._entries
        ) >= _MOST_WAITING:
            await self._try_to_write()
        else:
            self._write_soon()

    def refused(self, address: str, key: AccessKey | None = None) -> None:
        """Somebody came with a key that is not good; ``key`` where it was once."""
        self._refused += 1
        if self._refused > _REFUSED_AT_ONCE:
            return
        whose = (EVERYWHERE, "") if key is None else (key.organisation, key.id)
        address = address[:_ADDRESS_CHARACTERS]
        self._entries.append(
            AuditEntry(self._clock.now(), *whose, address, "authenticate", False, "Unauthenticated")
        )
        self._write_soon()

    async def flush(self) -> None:
        """Write what is waiting; what cannot be written is kept for the next time."""
        # To its end: cut short, nobody would know whether it was written.
        await asyncio.shield(asyncio.ensure_future(self._flush()))

    async def _flush(self) -> None:
        async with self._lock:
            uses, self._uses = self._uses, {}
            entries, self._entries = self._entries, []
            self._refused = 0
            if not uses and not entries:
                return
            try:
                await self._book.add_access_records(list(uses.values()), entries)
            except BaseException:
                for place, use in self._uses.items():
                    uses[place] = _sum(uses[place], use) if place in uses else use
                self._uses, self._entries = uses, [*entries, *self._entries]
                raise
        await self._prune()

    async def _prune(self) -> None:
        """Now and then, take out what has been kept for long enough; some at a time."""
        now = self._clock.now()
        if now - self._pruned_at < _PRUNE_EVERY:
            return
        self._pruned_at = now
        gone = await self._book.prune_access(
            audit=now - self._keep,
            uses=now - self._keep_uses,
            replies=now - _REPLIES_KEPT,
            limit=_PRUNED_AT_ONCE,
        )
        if gone == _PRUNED_AT_ONCE:
            self._pruned_at -= _PRUNE_EVERY  # there may be more

    def _write_soon(self) -> None:
        if self._soon is None or self._soon.done():
            self._soon = asyncio.create_task(self._write_later())

    async def _write_later(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), _PAUSE_S)
        await self._try_to_write()

    async def _try_to_write(self) -> None:
        with logged_failure(_log, "what was called could not be noted in the ledger"):
            await self.flush()

    async def close(self) -> None:
        """Write what is left."""
        self._closing.set()
        if self._soon is not None:
            await asyncio.wait([self._soon])
        await self._try_to_write()


def _sum(one: KeyUse, more: KeyUse) -> KeyUse:
    names = ("calls", "refused", "tokens_in", "tokens_out")
    sums = {name: getattr(one, name) + getattr(more, name) for name in names}
    return replace(one, **sums, last_at=max(one.last_at, more.last_at))


def _is_id(text: str) -> bool:
    return bool(_ID.fullmatch(text)) and KEY_PREFIX not in text
