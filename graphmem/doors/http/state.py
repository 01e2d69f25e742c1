"""The state of a running server: the open memory, who may use it, sign-in codes, kept views."""

from __future__ import annotations

import itertools
import secrets
import time
import uuid
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from graphmem.access import Access
from graphmem.clock import parse_when_or_none
from graphmem.doors.http.webhook_delivery import Deliverer
from graphmem.engine import AsyncMemory
from graphmem.errors import Unauthenticated, Unavailable
from graphmem.migration.store import ledger_of
from graphmem.ports.api.reads import ViewAPI
from graphmem.settings import Settings
from graphmem.wiring.access import access_of

_VIEWS = 8
_STARTING = "the server is starting, or about to end: try again in a moment"

_CODE_GOOD_FOR_S = 300.0
_MOST_CODES = 1000


class SignInCodes:
    """Codes that stand for a key once, for five minutes: a link in a list of processes, or in what
    a browser remembers, is worth nothing after."""

    def __init__(self) -> None:
        self._keys: dict[str, tuple[str, float]] = {}

    def add(self, key: str) -> str:
        """A new code for a key."""
        now = time.monotonic()
        self._keys = {code: kept for code, kept in self._keys.items() if kept[1] > now}
        while len(self._keys) >= _MOST_CODES:
            self._keys.pop(next(iter(self._keys)))
        code = secrets.token_urlsafe(32)
        self._keys[code] = key, now + _CODE_GOOD_FOR_S
        return code

    def take(self, code: str) -> str:
        """The key, which is not given again; :class:`~graphmem.errors.Unauthenticated`."""
        key, until = self._keys.pop(code, ("", 0.0))
        if until <= time.monotonic():
            raise Unauthenticated(
                "this link was used already, or is too old: `graphmem explore` makes a new one, "
                "or sign in with a key"
            )
        return key


@dataclass
class ServerState:
    """The state of one process that answers requests."""

    settings: Settings
    opened: tuple[AsyncMemory, Access] | None = None
    draining: bool = False
    deliverer: Deliverer | None = None
    codes: SignInCodes = field(default_factory=SignInCodes)
    views: OrderedDict[tuple[datetime | None, datetime | None], ViewAPI] = field(
        default_factory=OrderedDict
    )
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    _holders: Iterator[int] = field(default_factory=itertools.count)

    def next_holder(self) -> str:
        """A new name for whoever does one request: the id of this process, a colon, a number."""
        return f"{self.id}:{next(self._holders)}"

    @property
    def memory(self) -> AsyncMemory:
        """The memory; :class:`~graphmem.errors.Unavailable` while it is not open."""
        if self.opened is None:
            raise Unavailable(_STARTING)
        return self.opened[0]

    @property
    def access(self) -> Access:
        """The rules of who may do what; :class:`~graphmem.errors.Unavailable` as :attr:`memory`."""
        if self.opened is None:
            raise Unavailable(_STARTING)
        return self.opened[1]

    def begin(self, memory: AsyncMemory) -> None:
        """The memory is open."""
        self.opened = memory, access_of(memory)
        self.deliverer = Deliverer(ledger_of(memory), self.settings.webhook_hosts)
        self.deliverer.start()

    async def end(self) -> None:
        """Write what was noted, and close the memory."""
        self.draining = True
        if self.deliverer is not None:
            await self.deliverer.stop()
        if self.opened is not None:
            (memory, access), self.opened = self.opened, None
            try:
                await access.close()
            finally:
                await memory.close()

    def of_moment(self, values: dict[str, Any]) -> Any:
        """What a read is asked of: the memory, or a view of the moment in its arguments. The last
        few are kept: one with ``known_at`` takes time to make."""
        names = ("valid_at", "known_at")
        valid_at, known_at = (parse_when_or_none(values.pop(n, None), name=n) for n in names)
        if valid_at is None and known_at is None:
            return self.memory
        key = valid_at, known_at
        if key not in self.views:
            self.views[key] = self.memory.as_of(valid_at, known_at)
            if len(self.views) > _VIEWS:
                self.views.popitem(last=False)
        self.views.move_to_end(key)
        return self.views[key]
