"""What a statement implies for others: "Priya is the new CTO" ends the post of whoever held it
before, "Acme replaced Best" gives Acme the relations of Best, "Rex died" ends that Rex is anybody's
pet."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from graphmem.belief.snapshot import Snapshot
from graphmem.clock import Clock, Date
from graphmem.model import Fact, Statement, valid_from, valid_until
from graphmem.ports.ledger import DecisionReads, EntityQuery, FactQuery

POST, HANDED = "works_as", "handed_to"
_HAVING = ("has_owner", "managed_by")
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
"""Matches a statement's text that gives somebody a post which only one person holds."""


_POST_NAMED = re.compile(rf"\b(?:{_OF_ONE}|manager)\b", re.IGNORECASE)
_DIED = re.compile(
    r"^[^']{1,40} (?:died|passed away|was put down|was given away[a-z ]*|ran away)\b"
)
_WED = re.compile(r"^[^']{1,60} got married\b")
_BEFORE_A_WEDDING = ("engaged_to", "dating", "partner_of")
"""Relations between two people that end when they marry."""
_NEW_ROLE = re.compile(r" is .{1,60}'s? new (?P<role>[a-z]+)$")
_COUPLE = "partner_of"
_ROLES = frozenset({"doctor_of", "therapist_of", "landlord_of", "coaches", _COUPLE})
SUCCESSION_TYPES = frozenset({POST, HANDED, "works_at", "uses", "replaces", None}) | _ROLES
"""The types of statements that may end facts about others (None: a plain sentence)."""
_PLACES = (
    "uses",
    "built_on",
    "runs_on",
    "depends_on",
    "supplier_of",
    "contractor_of",
    "customer_of",
)
"""Relations with a firm or a tool that pass to whatever replaces it."""

_SUPPLIES = frozenset({"supplier_of", "contractor_of", "customer_of"})

_Believed = Callable[..., Awaitable[list[Fact]]]
"""Reads the believed facts of one relation: subject, type and object, None for any."""


async def with_successions(
    statements: Sequence[Statement],
    snapshot: Snapshot,
    ledger: DecisionReads,
    tenant: str,
    clock: Clock,
) -> list[Statement]:
    """The statements, and what each implies for others: the end of a post for the one person who is
    believed to hold it in the same organization; ends and successors of the relations of what is
    replaced; the end of having a pet that died. ``handed_to`` becomes ``has_owner`` and
    ``managed_by``, as far as these are believed of its subject; if neither is, it is dropped. Where
    very many hold a post, only the newest are read."""

    async def believed(*relation: str | None) -> list[Fact]:
        one, type, other = relation
        query = FactQuery(tenant, relation=(one, type, other), newest_first=True)
        stored = {fact.id: fact for fact in await ledger.facts(query)}
        return [
            fact
            for fact in {**stored, **snapshot.facts}.values()
            if fact.type == type
            and one in {None, fact.subject_id}
            and other in {None, fact.object_id}
            and fact.retired_at is None
            and fact.invalid_at is None
            and fact.modality == "stated"
        ]

    found = list(statements)
    for one in statements:
        if _takes_over(one):
            facts = await believed(None, POST, one.object_id)
            holders = {*_holders(one, facts)}
            if len(holders) == 1:
                found.append(_end(one, holders.pop(), clock))
        elif one.entity_ids and (one.type is None or one.type in _ROLES):
            found += await _among_people(one, believed, clock)
        elif one.type == HANDED:
            found.remove(one)
            of_types = [(type, await believed(one.subject_id, type, None)) for type in _HAVING]
            found += [replace(one, type=type) for type, facts in of_types if facts]
        elif _leaves(one):
            jobs = {fact.object_id for fact in await believed(one.subject_id, "works_at", None)}
            for fact in await believed(one.subject_id, POST, None):
                if (not jobs or one.object_id in jobs) and _of_job(fact, one, jobs):
                    found.append(_ended(one, fact, clock))
        elif (swap := _swap(one, statements)) is not None:
            facts = [
                fact
                for type in _PLACES
                for side in ((None, type, swap[1]), (swap[1], type, None))
                for fact in await believed(*side)
            ]
            if one.type == "uses":
                facts = [*await _ours(one, facts, swap[1], ledger, tenant)]
            found += [made for fact in facts for made in _in_its_place(one, fact, swap, clock)]
            if one.type == "uses" and facts and all(fact.type in _SUPPLIES for fact in facts):
                found.remove(one)  # one supplier replaces another: nothing more is stated
    return found


async def _ours(
    one: Statement, facts: Sequence[Fact], old: str, ledger: DecisionReads, tenant: str
) -> Iterator[Fact]:
    """The facts about the old one that end when somebody switches from it: their own and, where a
    person says so, those of what they work on ("we migrated from A to B"); never those of another
    person or organization."""
    held = [
        (fact, str(fact.object_id if fact.subject_id == old else fact.subject_id)) for fact in facts
    ]
    ids = tuple({str(one.subject_id), *(holder for _, holder in held)})
    kinds = {each.id: each.kind for each in await ledger.entities(EntityQuery(tenant, ids=ids))}
    anybody = kinds.get(str(one.subject_id), "person") == "person"
    return (
        fact
        for fact, holder in held
        if holder == one.subject_id
        or (anybody and kinds.get(holder) not in {"person", "organization"})
    )


async def _among_people(one: Statement, believed: _Believed, clock: Clock) -> list[Statement]:
    """What a statement about a person or a pet implies: who had a pet that died, whom somebody
    married whose partner is not named, whom a new dentist replaces."""
    who = one.entity_ids[0]
    if one.type is None and _DIED.match(one.text):
        return [_ended(one, fact, clock) for fact in await believed(None, "has_pet", who)]
    if one.type is None and _WED.match(one.text):
        couples = [
            fact
            for type in _BEFORE_A_WEDDING
            for side in ((who, type, None), (None, type, who))
            for fact in await believed(*side)
        ]
        return [*_wedding(one, couples, clock)]
    new = _NEW_ROLE.search(one.text) if one.type in _ROLES else None
    if new is None:
        return []
    before = await believed(None, one.type, one.object_id)
    if one.type == _COUPLE:
        if len(before) > 1:  # those of a firm
            return []
        before += await believed(one.object_id, one.type, None)
    return [
        _ended(one, fact, clock)
        for fact in before
        if one.subject_id not in {fact.subject_id, fact.object_id}
        and (one.type == _COUPLE or fact.text.endswith(f" {new['role']}"))
    ]


def _wedding(one: Statement, couples: Iterable[Fact], clock: Clock) -> Iterator[Statement]:
    """A marriage to the one other person with whom somebody was engaged, or else together, and the
    end of what they were before."""
    me = one.entity_ids[0]
    for type in _BEFORE_A_WEDDING:
        of_type = [fact for fact in couples if fact.type == type]
        others = {end for fact in of_type for end in (fact.subject_id, fact.object_id)} - {me, None}
        if len(others) == 1:
            other = str(others.pop())
            yield replace(
                one, id=clock.new_id(), subject_id=me, type="married_to", object_id=other,
                entity_ids=(me, other),
            )  # fmt: skip
            for fact in couples:
                if other in {fact.subject_id, fact.object_id}:
                    yield _ended(one, fact, clock)
            return


def _leaves(one: Statement) -> bool:
    return (
        one.kind == "end"
        and one.type == "works_at"
        and one.subject_id is not None
        and one.object_id is not None
    )


def _of_job(fact: Fact, one: Statement, jobs: set[str | None]) -> bool:
    """Whether a post ends when somebody leaves an organization: it names that one, or names none
    and there is no other job. A profession ("a nurse") is kept."""
    where = set(fact.entity_ids) - {fact.subject_id, fact.object_id}
    here = one.object_id in where or (not where and jobs <= {one.object_id})
    return here and _POST_NAMED.search(fact.text) is not None


def _swap(one: Statement, statements: Sequence[Statement]) -> tuple[str, str] | None:
    """The ids of the new and the old thing, if the statement says that one replaces the other."""
    if one.kind != "assert" or one.modality != "stated" or one.object_id is None:
        return None
    if one.type == "replaces" and one.subject_id is not None:
        return one.subject_id, one.object_id
    if one.type != "uses" or " switched from " not in one.text:
        return None
    old = {
        end.object_id
        for end in statements
        if (end.kind, end.type, end.subject_id, end.episode_id, end.turn)
        == ("end", "uses", one.subject_id, one.episode_id, one.turn)
    }
    return (one.object_id, str(old.pop())) if len(old) == 1 and None not in old else None


def _in_its_place(
    one: Statement, fact: Fact, swap: tuple[str, str], clock: Clock
) -> Iterator[Statement]:
    """The end of a fact about the old one, and the same relation with the new one."""
    new, old = swap
    subject = new if fact.subject_id == old else fact.subject_id
    object = new if fact.object_id == old else fact.object_id
    if subject == object:
        return
    yield _ended(one, fact, clock)
    if (subject, object) != (one.subject_id, one.object_id):
        yield replace(
            one,
            id=clock.new_id(),
            subject_id=subject,
            type=fact.type,
            object_id=object,
            entity_ids=(str(subject), str(object)),
            **valid_from(one.valid_date or Date(one.stated_at, "instant")),
        )


def _ended(one: Statement, fact: Fact, clock: Clock) -> Statement:
    """The end of a fact, with the date and the source of the statement that implies it."""
    return replace(
        one,
        id=clock.new_id(),
        subject_id=fact.subject_id,
        type=fact.type,
        object_id=fact.object_id,
        entity_ids=fact.entity_ids,
        kind="end",
        modality="stated",
        **valid_from(None),
        **valid_until(one.invalid_date or one.valid_date or Date(one.stated_at, "instant")),
    )


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
        earlier = fact.valid_at is None or fact.valid_at < begins
        other = fact.subject_id is not None and fact.subject_id != one.subject_id
        if earlier and other and _same_place(fact, one):
            yield str(fact.subject_id)


def _same_place(fact: Fact, one: Statement) -> bool:
    """Whether a fact and a statement can be about one organization: the further entities that they
    name overlap, or one of them names none."""
    ends = {fact.subject_id, one.subject_id, one.object_id}
    own, other = set(one.entity_ids) - ends, set(fact.entity_ids) - ends
    return not own or not other or not own.isdisjoint(other)


def _end(one: Statement, holder: str, clock: Clock) -> Statement:
    """The end of the post for its holder, with the date and the source of the statement by which
    somebody else takes it over."""
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
