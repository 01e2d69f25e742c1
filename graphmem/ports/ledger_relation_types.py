"""What a ledger keeps of relation types: rules that hold for the whole store, and where they are
used."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from graphmem.model import Scope, TypeRule

ALL_TENANTS = ""
"""The tenant of what concerns every tenant: a change there is a change in each of them. No scope
has it."""


@dataclass(frozen=True, slots=True)
class TypeUse:
    """How often a type was said, as it is stored: statements that count, and their subjects."""

    type: str
    statements: int
    subjects: int


class Saying(NamedTuple):
    """Where something was said of a subject with a type, as it is stored."""

    tenant: str
    subject_id: str
    type: str


class LedgerTypes(Protocol):
    """Rules of relation types, and what was said with them. For the care of a whole store: what
    finds places finds them in every tenant."""

    async def type_rules(self) -> tuple[int, list[TypeRule]]:
        """The last rule of each type that ever had one, by type, and the ``seq`` that they are of
        (see :attr:`~graphmem.ports.ledger.Standing.types_seq`)."""
        ...

    async def type_uses(self, scope: Scope | None = None) -> list[TypeUse]:
        """The types that were said, by name: in a scope, or in the whole store."""
        ...

    async def sayings(
        self, types: Collection[str], after: Saying | None, limit: int
    ) -> list[Saying]:
        """Where these types were said, each place once, in a fixed order, a page at a time. What
        was undone may be among them."""
        ...

    async def count_sayings(self, types: Collection[str]) -> int:
        """How many :meth:`sayings` has in all."""
        ...
