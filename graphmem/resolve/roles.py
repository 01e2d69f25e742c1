"""Resolves a role to an entity: "Ann's gran" is Ivy, if Ivy is stated to be Ann's gran.

Also the reverse: when Ivy is stated to be Ann's gran, an earlier "Ann's gran" is Ivy. This is done
only for roles that usually one entity has (a mother, a boss), if no second holder is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

from graphmem.model import Entity, Fact
from graphmem.ports.ledger import EntityQuery, FactQuery
from graphmem.ports.llm import CandidateFact

_ALIKE = (
    "mum mom mother mam mama mommy mummy",
    "dad father papa daddy",
    "gran granny grandma grandmother nan nana",
    "grandad granddad grandpa grandfather",
    "husband hubby",
    "wife missus",
    "fiancé fiance fiancée fiancee",
    "boyfriend bf",
    "girlfriend gf",
    "boss manager",
    "dog puppy pup",
    "cat kitten kitty",
)
"""Each row lists words for the same role."""
_SAME = {word: tuple(row.split()) for row in _ALIKE for word in row.split()}
_ONE_ALONE = frozenset(_SAME).union(
    ["partner", "landlord", "landlady", "rabbit", "hamster", "horse", "pony", "parrot", "tortoise"]
)
"""Roles of which people usually have one: a name given later means the one mentioned before."""
_NAME_OF_ROLE = re.compile(r"(?P<owner>\S.*?)(?:['’]s|(?<=s)['’]) (?P<role>[^\W\d_A-Z][\w-]*)")
_ROLE_STATED = re.compile(
    r"['’]s? (?:[\w-]+ ){0,2}?(?P<kin>[\w-]+)\.?$"
    r"|\bhas an? (?:[\w-]+ ){0,2}?(?P<pet>[\w-]+),? (?:named|called)\b"
)
_FROM_OWNER = ("has_pet", "managed_by", "parent_of", "married_to")
"""Relations whose subject is the owner of the role: who has the pet, the boss, the child; or may
be, as both who are married are."""
_ONE_OF_A_COUPLE: tuple[str, ...] = ("husband", "wife", "spouse")
"""The roles of somebody who is said to be married, without a word for which of them they are."""
_MOST_READ = 200
"""Most relations that one query about an owner returns."""
_MOST_OWNERS = 100
"""Most owners whose roles are read for one episode: bounds the cost of a text that is nothing but
"X's dog"."""


class EntityReads(Protocol):
    """The two ledger reads that resolution needs."""

    async def entities(self, query: EntityQuery) -> list[Entity]: ...

    async def facts(self, query: FactQuery) -> list[Fact]: ...


def owner_and_role(name: str) -> tuple[str, str] | None:
    """Split "Ann's gran" into ("Ann", "gran"); None if it has not that form."""
    match = _NAME_OF_ROLE.fullmatch(name)
    return (match["owner"], match["role"]) if match else None


def names_by_role(facts: Iterable[CandidateFact]) -> Iterator[tuple[str, str]]:
    """Each name stated for the holder of a role, with every role name that they may have been
    mentioned by: ``Ivy`` and ``Ann's gran``, ``Ivy`` and ``Ann's granny``."""
    for fact in facts:
        match = _ROLE_STATED.search(fact.text)
        if match is None or fact.subject is None or fact.object is None:
            continue
        one, other = fact.subject, fact.object
        # "Ivy is Ann's gran", "Ann has a dog named Rex": either may be the relation's subject
        first, second = (one, other) if fact.text.startswith(one) else (other, one)
        name, owner = (first, second) if match["kin"] else (second, first)
        role = (match["kin"] or match["pet"]).lower()
        if role in _ONE_ALONE and not fact.retracts and fact.modality == "stated":
            for word in _SAME.get(role, (role,)):
                yield name, f"{owner}'s {word}"


@dataclass(slots=True)
class Roles:
    """The known holders of roles, by owner; each owner is read from the ledger once."""

    ledger: EntityReads
    seen: FactQuery
    """The facts that count: a query without a way in."""
    read: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    """Owner's id -> role -> ids of those who have it."""

    async def holder(self, owner_id: str, role: str) -> Entity | None:
        """The only current holder of a role; None if none, several, or too many owners read."""
        if owner_id not in self.read:
            if len(self.read) == _MOST_OWNERS:
                return None
            self.read[owner_id] = await self._read(owner_id)
        stated = self.read[owner_id]
        ids = set().union(*(stated.get(word, ()) for word in _SAME.get(role, (role,))))
        if len(ids) != 1:
            return None
        found = await self.ledger.entities(EntityQuery(self.seen.tenant, ids=tuple(ids)))
        return found[0] if found else None

    async def _read(self, owner_id: str) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        towards = [(owner_id, type, None) for type in _FROM_OWNER]
        for relation in ((None, None, owner_id), *towards):
            query = replace(self.seen, relation=relation, newest_first=True, limit=_MOST_READ)
            for fact in await self.ledger.facts(query):
                bearer = fact.object_id if fact.subject_id == owner_id else fact.subject_id
                match = _ROLE_STATED.search(fact.text)
                if bearer is None:
                    continue
                stated = _ONE_OF_A_COUPLE if fact.type == "married_to" else ()
                if match is not None:
                    stated = ((match["kin"] or match["pet"]).lower(),)
                for role in stated:
                    found.setdefault(role, set()).add(bearer)
        return found
