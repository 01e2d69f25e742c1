"""Views of a memory as of a moment, and what differs between two of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, Unpack

from graphmem.clock import LAST_MOMENT, parse_when, parse_when_or_none, stamp
from graphmem.engine.checks import checked_flag, checked_limit, checked_query, checked_text_or_none
from graphmem.engine.core import Core
from graphmem.engine.current_stores import CurrentStores
from graphmem.engine.known_at import StoresAsOf
from graphmem.engine.reads import ViewReads
from graphmem.engine.searches import Stores
from graphmem.errors import NotFound, UsageError
from graphmem.model import Change, Difference, Fact, Scope, Table
from graphmem.model.results import HOLDS, OVER
from graphmem.ports.api.arguments import AtMoment, ReadArgs, ScopeArgs, When
from graphmem.ports.ledger import LedgerView
from graphmem.retrieve.relationships.queries import Relate, happened
from graphmem.retrieve.view import View, facts_in_scope, history_in_scope

_PAGE = 1000


class AsyncMemoryView(ViewReads):
    """Reads of one memory, as of a moment: a :class:`~graphmem.ports.api.reads.ViewAPI`."""

    def __init__(
        self,
        current: CurrentStores,
        valid_at: datetime | None,
        known_at: datetime | None,
        *,
        now: Stores,
    ) -> None:
        """``now`` is what a view without ``known_at`` reads."""
        if valid_at is None and known_at is None:
            raise UsageError("as_of needs valid_at, known_at or both; for now, ask without it")
        stores = now if known_at is None else StoresAsOf(current, known_at)
        super().__init__(current, stores, valid_at, known_at)

    def __repr__(self) -> str:
        moments = [
            f"{name}={stamp(moment)}"
            for name, moment in (("valid_at", self._valid_at), ("known_at", self._known_at))
            if moment is not None
        ]
        return f"View({', '.join(moments)})"

    @property
    def valid_at(self) -> datetime | None:
        return self._valid_at

    @property
    def known_at(self) -> datetime | None:
        return self._known_at

    def _state(self) -> State:
        return State(self._stores.ledger, self._stores.relate, self._view(True))


class Views(Core):
    """Views of other moments, the difference of two of them, and Cypher over every scope."""

    def as_of(self, valid_at: When | None = None, known_at: When | None = None) -> AsyncMemoryView:
        self._current.check_not_closed()
        return AsyncMemoryView(
            self._current,
            parse_when_or_none(valid_at, name="valid_at"),
            parse_when_or_none(known_at, name="known_at"),
            now=self._stores,
        )

    async def diff(
        self,
        a: When | AtMoment,
        b: When | AtMoment,
        entity: str | None = None,
        *,
        limit: int = 100,
        **scope: Unpack[ScopeArgs],
    ) -> list[Difference]:
        asked = await self._scope(scope)
        one, two = (self._view_of(state, name) for state, name in ((a, "a"), (b, "b")))
        about = checked_text_or_none(entity, "entity")
        return await differences(one._state(), two._state(), asked, about, checked_limit(limit))

    def _view_of(self, state: When | AtMoment, name: str) -> AsyncMemoryView:
        """An argument of ``diff`` as a view: a moment, or a view of this memory or of its
        mirror."""
        if isinstance(state, datetime | date | str):
            return AsyncMemoryView(
                self._current, parse_when(state, name=name), None, now=self._stores
            )
        try:
            valid_at, known_at = state.valid_at, state.known_at
        except AttributeError:
            raise UsageError(
                f"{name} must be a moment or a view (see as_of), got {type(state).__name__}"
            ) from None
        return AsyncMemoryView(self._current, valid_at, known_at, now=self._stores)

    async def cypher(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        max_rows: int = 1000,
        timeout_s: float = 10.0,
        all_scopes: bool = False,
        **scope: Unpack[ReadArgs],
    ) -> Table:
        self._check_open()
        checked_flag(all_scopes, "all_scopes")
        if not all_scopes:
            return await super().cypher(
                query, parameters, max_rows=max_rows, timeout_s=timeout_s, **scope
            )
        if scope:
            raise UsageError("all_scopes reads every scope: give no user, agent, run or project")
        self._current.note_wide("everybody's graph")
        text, values = checked_query(
            query, parameters, timeout_s, self._parts.settings.max_text_bytes
        )
        most = checked_limit(max_rows)
        self._check_writable()  # this graph is not of one owner: it is nowhere but in the store
        await self._graph.catch_up()
        return await self._parts.graph.cypher(
            text, values, tenant=None, max_rows=most, timeout_s=timeout_s
        )


# What differs between two views


@dataclass(frozen=True, slots=True)
class State:
    """One side of a comparison: what is known, and which facts of it hold."""

    ledger: LedgerView
    relate: Relate
    view: View


async def differences(
    a: State, b: State, where: Scope, entity: str | None, limit: int
) -> list[Difference]:
    """The facts that hold in one of two states only, oldest first; see
    :meth:`~graphmem.ports.api.MemoryAPI.diff`."""
    before, after = await _facts(a, where, entity), await _facts(b, where, entity)
    new = [fact for id, fact in after.items() if id not in before]
    gone = [fact for id, fact in before.items() if id not in after]
    known_to_a = await _known(a, where, new)
    known_to_b = await _known(b, where, gone)
    found = [_came(fact, known=fact.id in known_to_a) for fact in new]
    found += [_went(fact, known_to_b.get(fact.id)) for fact in gone]
    found.sort(key=lambda one: (one.at or LAST_MOMENT, one.fact.id))
    return [await _explained(one, b, where) for one in found[:limit]]


async def _facts(state: State, where: Scope, entity: str | None) -> dict[str, Fact]:
    try:
        about = None if entity is None else (await state.relate.entity(where, entity)).id
    except NotFound:
        # Not known in this state; the other one may know it.
        return {}
    found = await state.relate.every_fact(where, about, state.view, stated_only=True)
    return {fact.id: fact for fact in found}


async def _known(state: State, where: Scope, facts: Sequence[Fact]) -> dict[str, Fact]:
    """Those of the facts that a state knows, by id, whether they hold in it or not."""
    known: dict[str, Fact] = {}
    for start in range(0, len(facts), _PAGE):
        ids = tuple(fact.id for fact in facts[start : start + _PAGE])
        query = View().query(where, ids=ids, stated_only=True, limit=_PAGE)
        known |= {fact.id: fact for fact in await facts_in_scope(state.ledger, where, query)}
    return known


def _came(fact: Fact, *, known: bool) -> Difference:
    if known:
        what: Literal["began", "happened"] = "happened" if happened(fact) else "began"
        return Difference(what, fact.begins_at, fact, HOLDS, precision=fact.known_date.precision)
    return Difference("learned", fact.recorded_at, fact, "it was not known before")


def _went(fact: Fact, later: Fact | None) -> Difference:
    if later is None:
        return Difference("withdrawn", fact.retired_at, fact, "it is believed no more")
    ends = [end for end in (later.invalid_at, later.expires_at, later.archived_at) if end]
    at = min(ends, default=None)
    precision = (later.invalid_precision if at == later.invalid_at else None) or "instant"
    return Difference("ended", at, later, OVER, precision=precision)


async def _explained(one: Difference, b: State, where: Scope) -> Difference:
    """The difference with the reason of the decision that made it, if history has one."""
    changes = await history_in_scope(b.ledger, where, one.fact.id)
    change = _cause(one, changes)
    if change is None:
        return one
    withdrawn = one.what == "withdrawn"
    return Difference(
        what=one.what,
        at=change.at if withdrawn else one.at,
        fact=one.fact,
        reason=change.reason if _gives_reason(one, change) else one.reason,
        episode_id=change.episode_id,
        precision="instant" if withdrawn else one.precision,
    )


def _gives_reason(one: Difference, change: Change) -> bool:
    """Whether the change explains the difference. A fact that was stored with its dates does not
    say why they are so."""
    if one.what in {"began", "happened"}:
        return False
    return bool(change.reason) and (one.what != "ended" or change.before is not None)


def _cause(one: Difference, changes: Sequence[Change]) -> Change | None:
    """The last change that made this difference."""
    causes: Mapping[str, Sequence[Change]] = {
        "learned": [c for c in changes if c.before is None and c.after is not None],
        "happened": [c for c in changes if _start(c.after) != _start(c.before) and c.after],
        "began": [c for c in changes if _start(c.after) != _start(c.before) and c.after],
        "withdrawn": [c for c in changes if c.action == "DELETE"],
        "ended": [
            c
            for c in changes
            if c.after is not None
            and c.after.invalid_at is not None
            and (c.before is None or c.before.invalid_at != c.after.invalid_at)
        ],
    }
    return next(reversed(causes[one.what]), None)


def _start(fact: Fact | None) -> datetime | None:
    return None if fact is None else fact.begins_at
