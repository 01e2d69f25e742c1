"""Two states of a memory compared, fact by fact, with reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from graphmem.errors import NotFound
from graphmem.model import Change, Difference, Fact, Scope
from graphmem.model.results import HOLDS, OVER
from graphmem.ports.ledger import LedgerView
from graphmem.retrieve.relationships.queries import Relate, happened
from graphmem.retrieve.view import View, facts_in_scope, history_in_scope

_PAGE = 1000
_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class State:
    """What is known and holds at a moment."""

    ledger: LedgerView
    relate: Relate
    view: View


async def differences(
    a: State, b: State, where: Scope, entity: str | None, limit: int
) -> list[Difference]:
    """What is in one of two states only, oldest first; see
    :meth:`~graphmem.ports.api.MemoryAPI.diff`."""
    before, after = await _facts(a, where, entity), await _facts(b, where, entity)
    new = [fact for id, fact in after.items() if id not in before]
    gone = [fact for id, fact in before.items() if id not in after]
    known_to_a = await _known(a, where, new)
    known_to_b = await _known(b, where, gone)
    found = [_came(fact, known=fact.id in known_to_a) for fact in new]
    found += [_went(fact, known_to_b.get(fact.id)) for fact in gone]
    found.sort(key=lambda one: (one.at or _LAST, one.fact.id))
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
    """Those of the facts that a state knows of, whether they hold in it or not."""
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
    """With the reason that the decision gave, where history has one for this."""
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
    """Whether the change was made for this: a fact that came with its dates says nothing of why
    they are so."""
    if one.what in {"began", "happened"}:
        return False
    return bool(change.reason) and (one.what != "ended" or change.before is not None)


def _cause(one: Difference, changes: Sequence[Change]) -> Change | None:
    """The change that made the difference, the last that did."""
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
