"""A few places, given to those who wait by turns."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class FairQueue:
    """Places that many want, at once fewer than come. One that is free goes to the organisation
    that has waited since longest for a turn, and in it to the owner who has: whoever asks for a
    hundred at once waits for them, and nobody else does."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._free = places
        # Whoever had a turn goes to the end of both.
        self._waiting: dict[str, dict[str, deque[asyncio.Future[None]]]] = {}
        self._wanting_all: list[asyncio.Future[None]] = []

    @asynccontextmanager
    async def one(self, tenant: str) -> AsyncIterator[None]:
        """A place, once it is this tenant's turn; behind whoever wants all of them already."""
        while wanting := [one for one in self._wanting_all if not one.done()]:
            await asyncio.wait(wanting)
        if self._free:
            self._free -= 1
        else:
            organisation = tenant.partition("/")[0].partition("%2F")[0]
            turn = asyncio.get_running_loop().create_future()
            own = self._waiting.setdefault(organisation, {}).setdefault(tenant, deque())
            own.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if not turn.cancelled():  # it had come meanwhile
                    self._hand_on()
                raise
        try:
            yield
        finally:
            self._hand_on()

    @asynccontextmanager
    async def all(self) -> AsyncIterator[None]:
        """Every place, once nobody has one or waits for one."""
        while self._free < self._places:
            turn = asyncio.get_running_loop().create_future()
            self._wanting_all.append(turn)
            await turn
        self._free = 0
        try:
            yield
        finally:
            for _ in range(self._places):
                self._hand_on()

    def _hand_on(self) -> None:
        while self._waiting:
            organisation, owners = next(iter(self._waiting.items()))
            del self._waiting[organisation]
            tenant, turns = next(iter(owners.items()))
            del owners[tenant]
            turn = turns.popleft()
            if turns:
                owners[tenant] = turns
            if owners:
                self._waiting[organisation] = owners
            if not turn.done():  # nor given up
                turn.set_result(None)
                return
        self._free += 1
        if self._free == self._places:
            while self._wanting_all:
                waiting = self._wanting_all.pop()
                if not waiting.done():
                    waiting.set_result(None)
