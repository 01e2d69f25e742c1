"""Compares folded beliefs with the existing facts and returns the fewest changes.

A fact is identified by its statements, so it keeps its id as long as any of them supports one
belief. :func:`compare_with_facts` orders the changes so that they can be applied one by one: none
refers to a fact that does not exist yet, and where possible what frees time comes before what takes
it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from operator import not_

from graphmem.belief.beliefs import Belief, FoldedGroup, StatementOutcome
from graphmem.belief.intervals import LONG_AGO
from graphmem.model import Action


@dataclass(frozen=True, slots=True)
class FactBelief:
    """A fact as a belief: its id, the belief it is made of, and the id of the fact that it
    superseded. ``belief.supersedes`` is ignored."""

    fact_id: str
    belief: Belief
    supersedes_id: str | None = None


@dataclass(frozen=True, slots=True)
class FactChange:
    """One change of one fact, and the reason. ADD has no ``before``, DELETE no ``after``; NONE
    means that only more (or fewer) statements support the same fact."""

    action: Action
    reason: str
    before: FactBelief | None
    after: FactBelief | None

    @property
    def fact_id(self) -> str:
        fact = self.after or self.before
        if fact is None:
            raise ValueError("a step has a fact before, after, or both")
        return fact.fact_id


def compare_with_facts(
    existing: Iterable[FactBelief],
    folded: FoldedGroup,
    new_id: Callable[[], str],
    *,
    retired: Iterable[FactBelief] = (),
    used_ids: Iterable[str] = (),
) -> tuple[FactChange, ...]:
    """The changes that turn ``existing`` (all facts of the conflict group) into the folded beliefs.

    A new fact gets back the id of a ``retired`` one that shares statements with it (an undone
    withdrawal), else the lowest of its statement ids, so that ids do not depend on what was added
    and removed in between. ``new_id`` is called only if that id is taken: by another fact of the
    group (one statement supports two), or by one of ``used_ids``, the facts of other groups.

    Order: deletions; changes that only shorten an interval; additions, the superseded first; all
    other changes. Unchanged facts are left out.
    """
    have = {fact.fact_id: fact for fact in existing}
    ids = _ids(have, {fact.fact_id: fact for fact in retired}, folded.beliefs, new_id, used_ids)
    target = {ids[n]: _fact_belief(n, belief, ids) for n, belief in enumerate(folded.beliefs)}
    gone = [have[id] for id in sorted(have) if id not in target]
    places_by_statement = _places_of_statements(folded.beliefs) if gone else {}
    deleted = [
        FactChange("DELETE", _why_gone(fact, ids, places_by_statement, folded.accounts), fact, None)
        for fact in gone
    ]
    changed = [
        _changed(have[id], target[id]) for id in ids if have.get(id, target[id]) != target[id]
    ]
    added = [
        FactChange("ADD", _why_new(target[id]), None, target[id])
        for id in _superseded_first(ids, target)
        if id not in have
    ]
    new = {step.fact_id for step in added}
    at_once = [_shrinks(step) and not _names(step, new) for step in changed]
    first = list(compress(changed, at_once))
    rest = list(compress(changed, map(not_, at_once)))
    # A change that shortens one end and extends the other is not split: it comes with the rest.
    return (*deleted, *first, *added, *rest)


def _fact_belief(place: int, belief: Belief, ids: Sequence[str]) -> FactBelief:
    if belief.supersedes is None:
        return FactBelief(ids[place], belief)
    return FactBelief(ids[place], replace(belief, supersedes=None), ids[belief.supersedes])


def _ids(
    have: Mapping[str, FactBelief],
    retired: Mapping[str, FactBelief],
    beliefs: Sequence[Belief],
    new_id: Callable[[], str],
    used_ids: Iterable[str],
) -> list[str]:
    """The fact id of each belief, in their order."""
    known = _matched(have, beliefs)
    kept = set(known.values())
    back = _matched({id: fact for id, fact in retired.items() if id not in kept}, beliefs)
    used = {*kept, *retired, *used_ids}
    ids = []
    for place, belief in enumerate(beliefs):
        id = known.get(place) or back.get(place)
        if id is None:
            id = min(belief.statement_ids)
            id = new_id() if id in used else id
        used.add(id)
        ids.append(id)
    return ids


def _matched(have: Mapping[str, FactBelief], beliefs: Sequence[Belief]) -> dict[int, str]:
    """The existing fact of each belief, by the belief's index; both share a statement. Preferred,
    in this order: the same relation; the same modality; the fact id is the belief's lowest
    statement id (only for the earliest such belief; so a fact that was split for a time keeps its
    id); the most shared statements; the same start; the older fact."""
    places_by_statement = _places_of_statements(beliefs) if have else {}
    owner: dict[str, int] = {}  # index of the earliest belief with this lowest id
    for place in sorted(range(len(beliefs)), key=lambda n: beliefs[n].since or LONG_AGO):
        owner.setdefault(min(beliefs[place].statement_ids), place)
    pairs = []
    for id, fact in have.items():
        own = set(fact.belief.statement_ids)
        for place, shared in Counter(
            n for one in own for n in places_by_statement.get(one, ())
        ).items():
            belief = beliefs[place]
            same_object = _relation(fact.belief) == _relation(belief)
            same_kind = fact.belief.modality == belief.modality
            same_start = fact.belief.since == belief.since
            not_first = owner.get(id) != place
            pairs.append(
                (not same_object, not same_kind, not_first, -shared, not same_start, id, place)
            )
    found: dict[int, str] = {}
    matched: set[str] = set()
    for *_, id, place in sorted(pairs):
        if id not in matched and place not in found:
            matched.add(id)
            found[place] = id
    return found


def _places_of_statements(beliefs: Iterable[Belief]) -> dict[str, list[int]]:
    """By statement id, the indexes of the beliefs that it supports, in order."""
    places_by_statement: dict[str, list[int]] = {}
    for place, belief in enumerate(beliefs):
        for id in dict.fromkeys(belief.statement_ids):
            places_by_statement.setdefault(id, []).append(place)
    return places_by_statement


def _relation(belief: Belief) -> tuple[str | None, ...]:
    return (belief.subject_id, belief.type, belief.object_id)


def _changed(before: FactBelief, after: FactBelief) -> FactChange:
    old, new = before.belief, after.belief
    why: list[str] = []
    if set(new.statement_ids) - set(old.statement_ids):
        why.append("said again")
    elif set(old.statement_ids) - set(new.statement_ids):
        why.append("one source less")
    if before.supersedes_id == after.supersedes_id and _same_sources(old, new) == new:
        return FactChange("NONE", why[0] if why else "as it was", before, after)
    if old.modality != new.modality:
        why.append(f"{old.modality} before, now {new.modality}")
    if old.since != new.since:
        why.append("now dated" if new.valid_at and not old.valid_at else "begins at another time")
    elif old.valid_precision != new.valid_precision:
        why.append(f"dated to the {new.valid_precision}" if new.valid_at else "no longer dated")
    if old.invalid_at != new.invalid_at:
        why.append((new.reason or "ended") if new.invalid_at else "holds again")
    if old.text != new.text:
        why.append("worded anew")
    if _relation(old) != _relation(new):
        why.append("about other entities")
    if before.supersedes_id != after.supersedes_id:
        why.append("follows another")
    return FactChange("UPDATE", "; ".join(why) or "weighs differently", before, after)


def _same_sources(old: Belief, new: Belief) -> Belief:
    """The old belief with the new one's statements and the fields that follow from them."""
    return replace(
        old,
        statement_ids=new.statement_ids,
        sources=new.sources,
        stated_at=new.stated_at,
        entity_ids=new.entity_ids,
        reason=new.reason,
    )


def _shrinks(step: FactChange) -> bool:
    """Whether the change adds no time to the fact's interval."""
    if step.before is None or step.after is None:
        return False
    old, new = step.before.belief, step.after.belief
    later = (new.since or LONG_AGO) >= (old.since or LONG_AGO)
    shorter = old.invalid_at is None or (
        new.invalid_at is not None and new.invalid_at <= old.invalid_at
    )
    return later and shorter


def _names(step: FactChange, new: set[str]) -> bool:
    return step.after is not None and step.after.supersedes_id in new


def _superseded_first(ids: Sequence[str], target: Mapping[str, FactBelief]) -> list[str]:
    order: dict[str, None] = {}

    def visit(id: str) -> None:
        trail: dict[str, None] = {}
        last: str | None = id
        while last is not None and last not in order and last not in trail:
            trail[last] = None
            last = target[last].supersedes_id
        order.update(dict.fromkeys(reversed(trail)))

    for id in ids:
        visit(id)
    return list(order)


def _why_new(fact: FactBelief) -> str:
    belief = fact.belief
    if belief.modality != "stated":
        return f"new, {belief.modality}"
    if belief.invalid_at is not None:
        return "new; it was said of an earlier time" if belief.reason else "new; it has ended"
    return "new; it follows what held before" if fact.supersedes_id else "new"


def _why_gone(
    fact: FactBelief,
    ids: Sequence[str],
    places_by_statement: Mapping[str, Sequence[int]],
    accounts: Mapping[str, StatementOutcome],
) -> str:
    """Why a fact is deleted. ``ids`` are the fact ids of the beliefs, by index."""
    own = fact.belief.statement_ids
    for id in own:
        account = accounts.get(id)
        if account is not None and account.outcome != "believed":
            return account.reason
    place = min(
        (places_by_statement[id][0] for id in own if id in places_by_statement), default=None
    )
    if place is not None:
        return f"is one with {ids[place]}"
    return "nothing that was said supports it any more"
