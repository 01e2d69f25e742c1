"""Limits on calls, tokens and memories: of each key, and of its organisation.

Calls in a minute are a token bucket, kept as the time at which it would be full again (the generic
cell rate algorithm): ``burst`` calls at once, then one every ``60 / calls_per_minute`` seconds. In
one process they are counted in memory; where many share a ledger, there, on its clock.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol

from graphmem.access.values import Allowance, Limits, Principal
from graphmem.clock import Clock
from graphmem.errors import LimitExceeded
from graphmem.model import Stats
from graphmem.ports.access import AccessBook

_DAY_S = 86_400
_MINUTE_S = 60.0
_MOST_KNOWN = 10_000
_RECOUNT_SHARE = 50
"""Counting what an organisation stores may take one part in so many of the time."""


class RateBook(Protocol):
    """Where calls are counted: see :class:`~graphmem.ports.access.AccessBook`."""

    async def take_rate(self, name: str, interval_s: float, tolerance_s: float) -> float: ...

    async def take_quota(self, name: str, amount: int, most: int | None, begun: int) -> int: ...


class OwnRates:
    """Counts of this process alone."""

    def __init__(self, timer: Callable[[], float] = time.monotonic) -> None:
        self._timer = timer
        self._full_at: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    async def take_rate(self, name: str, interval_s: float, tolerance_s: float) -> float:
        now = self._timer()
        ahead = max(self._full_at.get(name, now), now) + interval_s - now
        if ahead <= tolerance_s + 1e-9:
            if len(self._full_at) > _MOST_KNOWN:
                self._full_at = {one: at for one, at in self._full_at.items() if at > now}
            self._full_at[name] = now + ahead
        return ahead

    async def take_quota(self, name: str, amount: int, most: int | None, begun: int) -> int:
        if len(self._counts) > _MOST_KNOWN and name not in self._counts:
            self._counts.clear()  # each begins again with what the ledger has of it
        count = self._counts.get(name, begun) + amount
        if most is None or count <= most:
            self._counts[name] = count
        return count


class Rates:
    """What is left to each key and organisation."""

    def __init__(
        self,
        counts: RateBook,
        book: AccessBook,
        stats: Callable[[str], Awaitable[Stats]],
        clock: Clock,
    ) -> None:
        """``stats`` counts a project by where it is stored."""
        self._counts = counts
        self._book = book
        self._stats = stats
        self._clock = clock
        self._begun: dict[str, int] = {}
        self._stored: dict[str, tuple[int, float]] = {}
        """By organisation how many memories there are, and until when that is good."""
        self._coming: Counter[str] = Counter()
        """By organisation how many memories those calls may add that were let in and go on."""

    async def admit(self, principal: Principal, *, memories: int) -> Allowance:
        limited = _limited(principal)
        for whose, name, limits in limited:
            if limits.tokens_per_day is not None:
                await self._check_tokens(whose, name, limits.tokens_per_day, principal)
        if not memories or all(limits.memories is None for _, _, limits in limited):
            return await self._take_calls(principal)
        await self._reserve(principal, memories)
        try:
            return replace(await self._take_calls(principal), memories=memories)
        except BaseException:
            self._coming[principal.organisation] -= memories
            raise

    async def _take_calls(self, principal: Principal) -> Allowance:
        left: list[Allowance] = []
        for whose, name, limits in _limited(principal):
            if limits.calls_per_minute is not None:
                left.append(await self._take_call(whose, name, limits))
            if limits.calls_per_day is not None:
                left.append(await self._take_day(whose, name, limits.calls_per_day, principal))
        return min(left, key=lambda one: one.remaining or 0, default=Allowance())

    async def used(
        self, principal: Principal, *, tokens: int, memories: int, reserved: int = 0
    ) -> None:
        """What a call turned out to take; ``reserved`` is how many memories its allowance has."""
        self._coming[principal.organisation] -= reserved
        if memories and principal.organisation in self._stored:
            count, until = self._stored[principal.organisation]
            self._stored[principal.organisation] = count + memories, until
        for _, name, limits in _limited(principal):
            if limits.tokens_per_day is not None and tokens:
                await self._add(name, "tokens", tokens, None, principal)

    async def _take_call(self, whose: str, name: str, limits: Limits) -> Allowance:
        per_minute = limits.calls_per_minute or 1
        interval = _MINUTE_S / per_minute
        burst = limits.burst or max(1, per_minute // 60)
        tolerance = interval * burst
        ahead = await self._counts.take_rate(f"rate:{name}", interval, tolerance)
        if ahead > tolerance + 1e-9:
            raise LimitExceeded(
                f"{whose} may make {per_minute:,} calls a minute, {burst:,} of them at once",
                what="calls_per_minute",
                limit=per_minute,
                retry_after_s=ahead - tolerance,
                reset_s=ahead - interval,
            )
        return Allowance(per_minute, math.floor((tolerance - ahead) / interval + 1e-6), ahead)

    async def _take_day(self, whose: str, name: str, most: int, principal: Principal) -> Allowance:
        count = await self._add(name, "calls", 1, most, principal)
        if count > most:
            raise self._over_for_today(f"{whose} may make {most:,} calls a day", "calls", most)
        return Allowance(most, most - count, self._until_midnight())

    async def _check_tokens(self, whose: str, name: str, most: int, principal: Principal) -> None:
        if await self._add(name, "tokens", 0, None, principal) >= most:
            raise self._over_for_today(f"{whose} may use {most:,} tokens a day", "tokens", most)

    async def _add(
        self, name: str, what: str, amount: int, most: int | None, principal: Principal
    ) -> int:
        day = self._clock.now().date().isoformat()
        counted = f"quota:{day}:{what}:{name}"
        if counted not in self._begun:
            if len(self._begun) > _MOST_KNOWN:
                self._begun.clear()
            self._begun[counted] = await self._used_today(day, what, name, principal)
        return await self._counts.take_quota(counted, amount, most, self._begun[counted])

    async def _used_today(self, day: str, what: str, name: str, principal: Principal) -> int:
        """What the ledger has of today: another process, or this one before it was started anew."""
        key_id = principal.key_id if name.startswith("key:") else None
        found = await self._book.key_uses(principal.organisation, day, day, key_id)
        if what == "tokens":
            return sum(use.tokens_in + use.tokens_out for use in found)
        return sum(use.calls for use in found)

    async def _reserve(self, principal: Principal, more: int) -> None:
        """Room for so many memories. What others are about to add counts: nothing is waited for
        between the look and the note, so that calls at the same time do not all find the same."""
        organisation = principal.organisation
        count, until = self._stored.get(organisation, (0, -math.inf))
        if time.monotonic() >= until:
            count = await self._count_memories(organisation)
        count += self._coming[organisation]
        for whose, _, limits in _limited(principal):
            most = limits.memories
            if most is not None and count + more > most:
                raise LimitExceeded(
                    f"{whose} may store {most:,} memories, and has {count:,}: delete some first",
                    what="memories",
                    limit=most,
                    retry_after_s=_DAY_S,
                    reset_s=_DAY_S,
                )
        self._coming[organisation] += more

    async def _count_memories(self, organisation: str) -> int:
        """Counted again now and then: what is deleted by other ways, or by another process."""
        begun, count = time.monotonic(), 0
        for project in await self._book.grants("project", organisation=organisation):
            count += (await self._stats(project.about or "")).episodes
        ended = time.monotonic()
        self._stored[organisation] = count, ended + max(1.0, _RECOUNT_SHARE * (ended - begun))
        return count

    def _over_for_today(self, message: str, what: str, most: int) -> LimitExceeded:
        left = self._until_midnight()
        return LimitExceeded(
            f"{message} (UTC)", what=f"{what}_per_day", limit=most, retry_after_s=left, reset_s=left
        )

    def _until_midnight(self) -> float:
        return _DAY_S - self._clock.now().timestamp() % _DAY_S


def _limited(principal: Principal) -> list[tuple[str, str, Limits]]:
    """Who is limited, by what name in a count, and to what: the smaller first."""
    found = [("this key", f"key:{principal.key_id}", principal.limits)]
    if principal.organisation:
        name = f"organisation:{principal.organisation}"
        found.append(("this organisation", name, principal.organisation_limits))
    return found
