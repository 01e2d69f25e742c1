"""The newest events that this process wrote to a ledger, as the values they were written from, so
that projections which keep up need not read and parse them again."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from itertools import islice
from typing import Any

from graphmem.adapters.ledger.sql import rows
from graphmem.adapters.ledger.sql.steps import EventLog
from graphmem.model import Episode
from graphmem.ports.ledger import Event

_MOST_EVENTS = 12_000
_MOST_CHARACTERS = 16 << 20


class RecentEvents:
    """Events without gaps up to the head. The writing thread adds, others read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: deque[tuple[Event | Mapping[str, Any], int]] = deque()
        self._first = 0
        self._characters = 0

    def add(self, log: EventLog) -> None:
        """Add the events of a committed transaction."""
        with self._lock:
            for row, value in zip(log.rows, log.values, strict=True):
                if row["seq"] != self._first + len(self._kept):
                    self._clear()
                    self._first = row["seq"]
                size = len(row["after"] or "")
                kept: Event | Mapping[str, Any] = row
                if value is not None:
                    size += len(value.content) if isinstance(value, Episode) else 0
                    kept = Event(
                        seq=row["seq"],
                        at=value.recorded_at,
                        kind=row["kind"],
                        id=row["id"],
                        action=row["action"],
                        tenant=row["tenant"],
                        value=value,
                    )
                self._kept.append((kept, size))
                self._characters += size
            while len(self._kept) > _MOST_EVENTS or self._characters > _MOST_CHARACTERS:
                self._characters -= self._kept.popleft()[1]
                self._first += 1

    def after(self, seq: int, limit: int) -> list[Event]:
        """The events above ``seq``; empty when they are not all here."""
        with self._lock:
            start = seq + 1 - self._first
            if start < 0:
                return []
            found = [kept for kept, _ in islice(self._kept, start, start + limit)]
        return [one if isinstance(one, Event) else rows.to_event(one) for one in found]

    def clear(self) -> None:
        """Forget all events: some were erased, or another process wrote."""
        with self._lock:
            self._clear()

    def _clear(self) -> None:
        self._kept.clear()
        self._first = self._characters = 0
