"""Facts as what is believed, and back: what a belief takes over from the statements under it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from graphmem.belief.compare import Held
from graphmem.belief.values import Account, Belief, Edit, Folded, Statement
from graphmem.model import Action, Fact


def held(fact: Fact) -> Held:
    """A stored fact as the belief that it was made of."""
    said = fact.stated_at or fact.recorded_at
    over = fact.invalid_at is not None and fact.invalid_at <= said
    belief = Belief(
        text=fact.text,
        # What was believed before there were statements is its own.
        statement_ids=fact.statement_ids or (fact.id,),
        stated_at=said,
        since=fact.valid_at or (None if over else said),
        valid_at=fact.valid_at,
        invalid_at=fact.invalid_at,
        subject_id=fact.subject_id,
        type=fact.type,
        object_id=fact.object_id,
        entity_ids=fact.entity_ids,
        modality=fact.modality,
        importance=fact.importance,
        sources=fact.sources,
        planned_for=fact.planned_for,
    )
    return Held(fact.id, belief, fact.supersedes_id)


def joined(foldings: Iterable[Folded]) -> Folded:
    """What several cells come to, as one. An attribute, which names no other entity, is no
    relation: it is believed as a sentence."""
    beliefs: list[Belief] = []
    accounts: dict[str, Account] = {}
    for folded in foldings:
        first = len(beliefs)
        accounts |= folded.accounts
        for belief in folded.beliefs:
            place = None if belief.supersedes is None else belief.supersedes + first
            related = belief.object_id is not None
            beliefs.append(
                replace(
                    belief,
                    supersedes=place,
                    subject_id=belief.subject_id if related else None,
                    type=belief.type if related else None,
                )
            )
    return Folded(tuple(beliefs), accounts)


def fact_of(
    what: Held,
    said: Mapping[str, Statement],
    edits: Sequence[Edit],
    known: Fact | None,
    now: datetime,
) -> Fact:
    """The fact that a belief is. Whose it is, and what it carries along, it has from the statement
    that arrived first; it lives as long as its longest source; what was set by hand goes before.

    ``known`` is the fact of that id, present or retired.
    """
    belief = what.belief
    own = [said[id] for id in belief.statement_ids]
    first = min(own, key=lambda statement: statement.id)
    if first.scope is None:
        raise ValueError(f"the statement {first.id} has no scope: it was not made by an episode")
    ends = [statement.expires_at for statement in own]
    fact = Fact(
        id=what.fact_id,
        scope=first.scope,
        text=belief.text,
        recorded_at=now,
        stated_at=belief.stated_at,
        valid_at=belief.valid_at,
        invalid_at=belief.invalid_at,
        expires_at=None if None in ends else max(end for end in ends if end is not None),
        subject_id=belief.subject_id,
        type=belief.type,
        object_id=belief.object_id,
        entity_ids=belief.entity_ids,
        sources=belief.sources,
        supersedes_id=what.supersedes_id,
        memory_type=first.memory_type,
        importance=belief.importance,
        metadata=first.metadata,
        tags=first.tags,
        modality=belief.modality,
        planned_for=belief.planned_for,
        statement_ids=belief.statement_ids,
    )
    fact = _by_hand(fact, edits)
    if known is None:
        return fact
    if known.retired_at is not None:
        return replace(fact, version=known.version + 1)
    return replace(
        fact,
        version=known.version,
        recorded_at=known.recorded_at,
        archived_at=known.archived_at,
    )


def _by_hand(fact: Fact, edits: Sequence[Edit]) -> Fact:
    """What was set by hand that the fold does not know of."""
    own = set(fact.statement_ids)
    for edit in sorted(edits, key=lambda e: (e.at, e.id)):
        if own.isdisjoint(edit.statement_ids):
            continue
        fact = replace(
            fact,
            metadata=fact.metadata if edit.metadata is None else edit.metadata,
            tags=fact.tags if edit.tags is None else edit.tags,
            expires_at=edit.expires_at or fact.expires_at,
        )
        if fact.modality != "stated":
            # Nothing makes room for these, so their dates are set as they are.
            fact = replace(
                fact,
                valid_at=edit.valid_at or fact.valid_at,
                invalid_at=edit.invalid_at or fact.invalid_at,
            )
    return fact


def action_of(before: Fact | None, after: Fact | None) -> Action:
    """NONE when only more, or fewer, sources say the same."""
    if before is None:
        return "ADD"
    if after is None:
        return "DELETE"
    same = replace(
        after,
        sources=before.sources,
        statement_ids=before.statement_ids,
        version=before.version,
    )
    return "NONE" if same == before else "UPDATE"
