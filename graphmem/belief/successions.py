"""Posts that one person holds at a time: "Priya is the new CTO" ends who held it before."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from graphmem.belief.snapshot import Snapshot
from graphmem.clock import Clock, Date
from graphmem.model import Fact, Statement, valid_from, valid_until
from graphmem.ports.ledger import DecisionReads, FactQuery

POST = "works_as"
"""The type of whose statements only some concern this."""
_OF_ONE = (
    r"(?:C[ETFOIMP]O|CISO|head of [a-z]+|head(?:teacher|master|mistress)?|"
    r"chair(?:man|woman|person)?|treasurer|secretary|president|captain|conductor|mayor|vicar|principal|"
    r"(?:managing|executive|artistic|general|creative|technical|musical) director|"
    r"(?:office|general|practice|shop|store|branch|club|team|shift|taproom|bar|restaurant|site|"
    r"studio|museum|youth|warehouse|depot|duty|kitchen|ward) manager|(?:team|shift) lead(?:er)?)"
)
_NEW = re.compile(
    rf"\b(?:is (?:the|our|their) new|became(?: the)?|becomes(?: the)?|took over as|starts as)"
    rf" {_OF_ONE}\b",
    re.IGNORECASE,
)
"""In the sentence of a statement: a post with one holder, that somebody has just been given."""


async def with_successions(
    statements: Sequence[Statement],
    snapshot: Snapshot,
    ledger: DecisionReads,
    tenant: str,
    clock: Clock,
) -> list[Statement]:
    """New statements, and for each post that somebody takes over the end of whoever is believed to
    hold it in the same organisation, if that is one. Where very many do, the newest are read."""
    found = list(statements)
    for one in statements:
        if _takes_over(one):
            relation = (None, POST, one.object_id)
            query = FactQuery(tenant, relation=relation, newest_first=True)
            stored = {fact.id: fact for fact in await ledger.facts(query)}
            holders = {*_holders(one, {**stored, **snapshot.facts}.values())}
            if len(holders) == 1:
                found.append(_end(one, holders.pop(), clock))
    return found


def _takes_over(one: Statement) -> bool:
    return (
        one.type == POST
        and one.object_id is not None
        and one.kind == "assert"
        and one.modality in {"stated", "planned"}
        and _NEW.search(one.text) is not None
    )


def _holders(one: Statement, facts: Iterable[Fact]) -> Iterator[str]:
    """Who else is believed to hold the same post."""
    begins = one.valid_at or one.stated_at
    for fact in facts:
        held = fact.type == POST and fact.object_id == one.object_id
        open_ = fact.retired_at is None and fact.invalid_at is None and fact.modality == "stated"
        earlier = fact.valid_at is None or fact.valid_at < begins
        other = fact.subject_id is not None and fact.subject_id != one.subject_id
        if held and open_ and earlier and other and _same_place(fact, one):
            yield str(fact.subject_id)


def _same_place(fact: Fact, one: Statement) -> bool:
    """Not at two organisations: what else the two are about has something in common, or one does
    not say where."""
    ends = {fact.subject_id, one.subject_id, one.object_id}
    own, other = set(one.entity_ids) - ends, set(fact.entity_ids) - ends
    return not own or not other or not own.isdisjoint(other)


def _end(one: Statement, holder: str, clock: Clock) -> Statement:
    """The end of the post for its holder, when and because somebody else takes it over."""
    return replace(
        one,
        id=clock.new_id(),
        subject_id=holder,
        entity_ids=(holder, *(id for id in one.entity_ids if id != one.subject_id)),
        kind="end",
        modality="stated",
        **valid_from(None),
        **valid_until(one.valid_date or Date(one.stated_at, "instant")),
    )
