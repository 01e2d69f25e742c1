"""Decisions about a tenant are made one after another, each on what the one before it left."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt

from graphmem.belief.load import BeliefReader
from graphmem.belief.pipeline import BeliefPipeline
from graphmem.clock import Clock
from graphmem.errors import Conflict
from graphmem.model import TypeRule
from graphmem.ports.ledger import DecisionReads, Ledger, TenantState
from graphmem.relation_types.declare import in_force
from graphmem.relation_types.types import RelationTypes

_TRIES = 100  # each lost one is another process's gain
_MANY_RULING = 1_000  # tenants with rules of their own that are kept at hand
_T = TypeVar("_T")


class TenantDecisions:
    """What decisions rest on, and the order in which they are made."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._rules: Sequence[TypeRule] = ()
        self._types, self._types_seq = RelationTypes(), 0
        self._own: dict[str, tuple[int, int, RelationTypes]] = {}
        self._tenants: weakref.WeakValueDictionary[str, asyncio.Lock] = (
            weakref.WeakValueDictionary()
        )

    async def tenant_state(self, tenant: str, episode_ids: Sequence[str] = ()) -> TenantState:
        """What is to be decided on from here: how far the tenant is, and how relation types behave.

        Their rules are read only when they have changed. Those may be newer than the state, but
        then what is decided is a :class:`~graphmem.errors.Conflict`.
        """
        state = await self._ledger.tenant_state(tenant, episode_ids)
        if state.types_seq > self._types_seq:
            found = await self._ledger.type_rules()
            if found.seq > self._types_seq:
                self._rules, self._types_seq = found.everybodys, found.seq
                self._types = RelationTypes.ruled(self._rules)
        await self._read_own(tenant, state.own_types_seq)
        return state

    async def _read_own(self, tenant: str, seq: int) -> None:
        """The tenant's own rules, where it has any that were not read yet."""
        known = self._own.get(tenant)
        if not seq:
            self._own.pop(tenant, None)  # they were forgotten, or never were
        elif known is None or known[0] < self._types_seq or known[1] < seq:
            found = await self._ledger.type_rules(tenant)
            types = RelationTypes.ruled(in_force(found.everybodys, found.own))
            while len(self._own) >= _MANY_RULING:
                idle = next((one for one in self._own if one not in self._tenants), None)
                if idle is None:
                    break
                del self._own[idle]
            self._own[tenant] = found.seq, found.seq, types

    def types(self, tenant: str) -> RelationTypes:
        """How relation types behave in a tenant, as far as :meth:`tenant_state` has read."""
        known = self._own.get(tenant)
        return self._types if known is None else known[2]

    def belief(self, tenant: str, ledger: DecisionReads | None = None) -> BeliefPipeline:
        """What decides what a tenant believes; ``ledger`` is what that reads off the loop."""
        reader = BeliefReader(ledger or self._ledger, tenant, self.types(tenant))
        return BeliefPipeline(reader, self._clock)

    async def decided(
        self, tenants: str | Sequence[str], attempt: Callable[[], Awaitable[_T]]
    ) -> _T:
        """Decide something about a tenant, or change or erase in it by hand: one after another, and
        once more when another process, which shares the ledger, came in between. Several tenants
        are given in the order in which all take them."""
        once_more = AsyncRetrying(
            retry=retry_if_exception_type(Conflict), stop=stop_after_attempt(_TRIES), reraise=True
        )
        async with contextlib.AsyncExitStack() as locks:
            for tenant in [tenants] if isinstance(tenants, str) else tenants:
                await locks.enter_async_context(self._tenants.setdefault(tenant, asyncio.Lock()))
            return await once_more(attempt)
