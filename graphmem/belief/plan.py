"""Converts changes of facts to decisions: the facts with their versions, and the reasons.

Reasons name facts by id, never by their text: a text may be erased later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from graphmem.belief.beliefs import Belief
from graphmem.belief.compare import FactBelief, FactChange
from graphmem.belief.snapshot import Snapshot
from graphmem.clock import Clock
from graphmem.limits import TAG_COUNT
from graphmem.model import (
    Action,
    Decision,
    Edit,
    Fact,
    Metadata,
    Statement,
    valid_from,
    valid_until,
)


@dataclass(frozen=True, slots=True)
class BeliefPlan:
    """What is to be written: the decisions, the new ``statements`` as they are to be stored, and
    the ``snapshot`` as it is after that."""

    decisions: tuple[Decision, ...]
    snapshot: Snapshot
    statements: tuple[Statement, ...] = ()


def belief_of_fact(fact: Fact) -> FactBelief:
    """The belief that a stored fact is made of."""
    belief = Belief(
        text=fact.text,
        statement_ids=fact.support,
        stated_at=fact.stated_at or fact.recorded_at,
        since=fact.begins_at,
        valid_at=fact.valid_at,
        valid_precision=fact.valid_precision,
        invalid_at=fact.invalid_at,
        invalid_precision=fact.invalid_precision,
        subject_id=fact.subject_id,
        type=fact.type,
        object_id=fact.object_id,
        entity_ids=fact.entity_ids,
        modality=fact.modality,
        importance=fact.importance,
        sources=fact.sources,
        planned_for=fact.planned_for,
        planned_precision=fact.planned_precision,
    )
    return FactBelief(fact.id, belief, fact.supersedes_id)


def plan(
    steps: Sequence[FactChange],
    present: Mapping[str, Fact],
    snapshot: Snapshot,
    edits: Sequence[Edit],
    clock: Clock,
) -> BeliefPlan:
    """The decisions for these changes. ``present`` are the facts that were compared, by id;
    ``edits`` are a person's edits of them, which can change a fact even if no step does."""
    successors = {
        s.after.supersedes_id: s.fact_id for s in steps if s.after and s.after.supersedes_id
    }
    by_statement = edits_by_statement(edits)
    decisions = []
    for step in steps:
        before = present.get(step.fact_id) if step.before is not None else None
        after = None if step.after is None else _fact(step.after, snapshot, by_statement, clock)
        reason = step.reason
        if before and after and before.invalid_at != after.invalid_at and after.invalid_at:
            by = successors.get(step.fact_id)
            reason += f"; superseded by {by}" if by else ""
        decisions.append(_decision(reason, before, after))
    named = {step.fact_id for step in steps}
    for fact in present.values():
        if fact.id not in named and fact.statement_ids:
            after = _fact(belief_of_fact(fact), snapshot, by_statement, clock)
            decisions.append(_decision("set by hand", fact, after))
    made = tuple(decision for decision in decisions if decision.before != decision.after)
    facts = [d.after or (d.before and replace(d.before, retired_at=clock.now())) for d in made]
    return BeliefPlan(made, snapshot.with_facts(fact for fact in facts if fact is not None))


def _decision(reason: str, before: Fact | None, after: Fact | None) -> Decision:
    if before is not None and after is not None and _lives_longer(before, after):
        reason += "; kept for longer"
    action = _action(before, after)
    if after is not None and action == "UPDATE":
        after = replace(after, version=after.version + 1)
    return Decision(action, reason, before, after)


def _action(before: Fact | None, after: Fact | None) -> Action:
    """The kind of decision; NONE if only the supporting statements and sources differ."""
    if before is None:
        return "ADD"
    if after is None:
        return "DELETE"
    same = replace(
        after, sources=before.sources, statement_ids=before.statement_ids, version=before.version
    )
    return "NONE" if same == before else "UPDATE"


def _lives_longer(before: Fact, after: Fact) -> bool:
    ends = before.expires_at, after.expires_at
    return ends[0] is not None and (ends[1] is None or ends[1] > ends[0])


def _fact(
    what: FactBelief, snapshot: Snapshot, edits: Mapping[str, Sequence[Edit]], clock: Clock
) -> Fact:
    """The fact of a belief. Scope, memory type and metadata come from the statement that arrived
    first, tags from all; it expires with the last of them, if all do. A person's edits override
    these."""
    belief = what.belief
    own = sorted((snapshot.resolved[id] for id in belief.statement_ids), key=lambda s: s.id)
    first = own[0]
    if first.scope is None:
        raise ValueError(f"the statement {first.id} has no scope: it was not made by an episode")
    ends = [statement.expires_at for statement in own]
    fact = Fact(
        id=what.fact_id,
        scope=first.scope,
        text=belief.text,
        recorded_at=clock.now(),
        stated_at=belief.stated_at,
        valid_at=belief.valid_at,
        valid_precision=belief.valid_precision,
        invalid_at=belief.invalid_at,
        invalid_precision=belief.invalid_precision,
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
        tags=tuple(dict.fromkeys(tag for s in own for tag in s.tags))[:TAG_COUNT],
        modality=belief.modality,
        planned_for=belief.planned_for,
        planned_precision=belief.planned_precision,
        statement_ids=belief.statement_ids,
    )
    if edits:
        fact = _edited(fact, edits_over(fact.statement_ids, edits))
    known = snapshot.facts.get(fact.id)
    if known is None:
        return fact
    if known.retired_at is not None:
        return replace(fact, version=known.version + 1)
    return replace(fact, version=known.version, recorded_at=known.recorded_at)


def edits_by_statement(edits: Iterable[Edit]) -> dict[str, list[Edit]]:
    """By statement id, the edits of the facts that it supports."""
    found: dict[str, list[Edit]] = {}
    for edit in edits:
        for id in edit.statement_ids:
            found.setdefault(id, []).append(edit)
    return found


def edits_over(ids: Iterable[str], edits: Mapping[str, Sequence[Edit]]) -> list[Edit]:
    """The edits of facts that any of these statements supports, the oldest first."""
    own = {edit.id: edit for id in ids for edit in edits.get(id, ())}
    return sorted(own.values(), key=lambda edit: (edit.at, edit.id))


def _edited(fact: Fact, edits: Iterable[Edit]) -> Fact:
    """The fact with the edited fields that the fold does not handle."""
    stated_type = fact.memory_type
    for edit in edits:
        fact = replace(
            fact,
            metadata=_metadata(fact.metadata, edit),
            tags=edit.tags or () if edit.sets("tags") else fact.tags,
            expires_at=edit.expires_at if edit.sets("expires_at") else fact.expires_at,
            archived_at=edit.archived_at if edit.sets("archived_at") else fact.archived_at,
        )
        if edit.sets("memory_type"):
            fact = replace(fact, memory_type=edit.memory_type or stated_type)
        if fact.modality != "stated":
            # The fold applies edited dates to plain facts only.
            if edit.sets("valid_at"):
                fact = replace(fact, **valid_from(edit.valid_date))
            if edit.sets("invalid_at"):
                fact = replace(fact, **valid_until(edit.invalid_date))
    return fact


def _metadata(before: Metadata, edit: Edit) -> Metadata:
    if not edit.sets("metadata"):
        return before
    new = edit.metadata or {}
    if not edit.merged:
        return new
    return {key: value for key, value in {**before, **new}.items() if value is not None}
