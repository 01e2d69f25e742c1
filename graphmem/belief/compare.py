"""From what is believed now to what was believed before: the least that must change.

A fact is known by the statements that it rests on, so its id stays as long as any of them supports
one belief. :func:`reconcile` gives steps in an order in which each can be applied after the one
before it: no step names a fact that does not exist yet, and rivals do not overlap on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from graphmem.belief.intervals import LONG_AGO
from graphmem.belief.values import Account, Belief, Folded
from graphmem.model import Action


@dataclass(frozen=True, slots=True)
class Held:
    """A fact as it stands: its belief, and the fact that it followed. ``belief.supersedes`` is not
    read."""

    fact_id: str
    belief: Belief
    supersedes_id: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One change of one fact, and why. ADD has no ``before``, DELETE no ``after``; NONE means that
    only more (or fewer) statements say the same."""

    action: Action
    reason: str
    before: Held | None
    after: Held | None

    @property
    def fact_id(self) -> str:
        held = self.after or self.before
        if held is None:
            raise ValueError("a step has a fact before, after, or both")
        return held.fact_id


@dataclass(slots=True)
class _Plan:
    kept: dict[str, int] = field(default_factory=dict)
    """Fact id -> place of its belief."""
    ids: list[str] = field(default_factory=list)
    """Fact id of each belief, in their order."""


def reconcile(
    existing: Iterable[Held],
    folded: Folded,
    new_id: Callable[[], str],
    *,
    retired: Iterable[Held] = (),
    taken: Iterable[str] = (),
) -> tuple[Step, ...]:
    """What to do so that ``existing`` (all facts of the cell) becomes what was folded.

    A new fact takes back the id of a ``retired`` one that rested on the same statements (an undone
    withdrawal), else that of its first statement, so that ids do not depend on what came and went;
    ``new_id`` is asked only when one statement supports two facts, or that id is ``taken`` by a
    fact of another cell.

    Order: what is deleted; what ends earlier or begins later; what is new, the superseded first;
    all other changes. What is exactly as it was is not mentioned.
    """
    have = {held.fact_id: held for held in existing}
    plan = _matched(have, folded.beliefs)
    _name(plan, folded.beliefs, {held.fact_id: held for held in retired}, new_id, set(taken))
    target = {plan.ids[n]: _held(n, belief, plan.ids) for n, belief in enumerate(folded.beliefs)}
    gone = [have[id] for id in sorted(have) if id not in plan.kept]
    deleted = [Step("DELETE", _why_gone(h, target, folded.accounts), h, None) for h in gone]
    changed = [
        _changed(have[id], target[id]) for id in plan.ids if id in have and have[id] != target[id]
    ]
    added = [
        Step("ADD", _why_new(target[id]), None, target[id])
        for id in _superseded_first(plan.ids, target)
        if id not in have
    ]
    fresh = {step.fact_id for step in added}
    first = [s for s in changed if _shrinks(s) and not _names(s, fresh)]
    rest = [s for s in changed if s not in first]
    # What shrinks at one end and grows at the other goes in two steps, lest rivals overlap.
    return (*deleted, *first, *added, *rest)


def _held(place: int, belief: Belief, ids: Sequence[str]) -> Held:
    before = None if belief.supersedes is None else ids[belief.supersedes]
    return Held(ids[place], replace(belief, supersedes=None), before)


def _matched(have: Mapping[str, Held], beliefs: Sequence[Belief]) -> _Plan:
    """Which fact each belief is: the one about the same that it shares most statements with; of
    equals the one that began at the same time, then the older."""
    pairs = []
    for id, held in have.items():
        own = set(held.belief.statement_ids)
        for n, belief in enumerate(beliefs):
            shared = len(own.intersection(belief.statement_ids))
            if shared:
                same_object = _relation(held.belief) == _relation(belief)
                same_kind = held.belief.modality == belief.modality
                same_start = held.belief.since == belief.since
                pairs.append((not same_object, not same_kind, -shared, not same_start, id, n))
    plan = _Plan(ids=[""] * len(beliefs))
    for *_, id, n in sorted(pairs):
        if id not in plan.kept and not plan.ids[n]:
            plan.kept[id] = n
            plan.ids[n] = id
    return plan


def _name(
    plan: _Plan,
    beliefs: Sequence[Belief],
    retired: Mapping[str, Held],
    new_id: Callable[[], str],
    others: Collection[str],
) -> None:
    """Ids for beliefs that are no fact yet."""
    back = _matched({id: h for id, h in retired.items() if id not in plan.kept}, beliefs)
    taken = {*plan.ids, *retired, *others}
    for n, belief in enumerate(beliefs):
        if plan.ids[n]:
            continue
        id = back.ids[n] or min(belief.statement_ids)
        plan.ids[n] = id if back.ids[n] or id not in taken else new_id()
        taken.add(plan.ids[n])


def _relation(belief: Belief) -> tuple[str | None, ...]:
    return (belief.subject_id, belief.type, belief.object_id)


def _changed(before: Held, after: Held) -> Step:
    old, new = before.belief, after.belief
    why: list[str] = []
    if set(new.statement_ids) - set(old.statement_ids):
        why.append("said again")
    elif set(old.statement_ids) - set(new.statement_ids):
        why.append("one source less")
    told = _same_sources(old, new)
    if before.supersedes_id == after.supersedes_id and told == new:
        return Step("NONE", why[0] if why else "as it was", before, after)
    if old.modality != new.modality:
        why.append(f"{old.modality} before, now {new.modality}")
    if old.since != new.since:
        why.append("now dated" if new.valid_at and not old.valid_at else "begins at another time")
    if old.invalid_at != new.invalid_at:
        why.append((new.reason or "ended") if new.invalid_at else "holds again")
    if old.text != new.text:
        why.append("worded anew")
    if _relation(old) != _relation(new):
        why.append("about other entities")
    if before.supersedes_id != after.supersedes_id:
        why.append("follows another")
    return Step("UPDATE", "; ".join(why) or "weighs differently", before, after)


def _same_sources(old: Belief, new: Belief) -> Belief:
    """The old belief with the new one's statements and what merely follows from them."""
    return replace(
        old,
        statement_ids=new.statement_ids,
        sources=new.sources,
        stated_at=new.stated_at,
        entity_ids=new.entity_ids,
        reason=new.reason,
    )


def _shrinks(step: Step) -> bool:
    """Whether it takes up no time that it did not before."""
    if step.before is None or step.after is None:
        return False
    old, new = step.before.belief, step.after.belief
    later = (new.since or LONG_AGO) >= (old.since or LONG_AGO)
    shorter = old.invalid_at is None or (
        new.invalid_at is not None and new.invalid_at <= old.invalid_at
    )
    return later and shorter


def _names(step: Step, fresh: set[str]) -> bool:
    return step.after is not None and step.after.supersedes_id in fresh


def _superseded_first(ids: Sequence[str], target: Mapping[str, Held]) -> list[str]:
    order: dict[str, None] = {}

    def visit(id: str) -> None:
        trail = []
        here: str | None = id
        while here is not None and here not in order and here not in trail:
            trail.append(here)
            here = target[here].supersedes_id
        order.update(dict.fromkeys(reversed(trail)))

    for id in ids:
        visit(id)
    return list(order)


def _why_new(held: Held) -> str:
    belief = held.belief
    if belief.modality != "stated":
        return f"new, {belief.modality}"
    if belief.invalid_at is not None:
        return "new; it was said of an earlier time" if belief.reason else "new; it has ended"
    return "new; it follows what held before" if held.supersedes_id else "new"


def _why_gone(held: Held, target: Mapping[str, Held], accounts: Mapping[str, Account]) -> str:
    for id in held.belief.statement_ids:
        account = accounts.get(id)
        if account is not None and account.outcome != "believed":
            return account.reason
    own = set(held.belief.statement_ids)
    for id, other in target.items():
        if own.intersection(other.belief.statement_ids):
            return f"is one with {id}"
    return "nothing that was said supports it any more"
