"""What a ledger keeps of relation types: rules, for everybody and of one tenant, and where they
are used."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from graphmem.model import Scope, TypeRule

ALL_TENANTS = ""
"""The tenant of what concerns every tenant: a change there is a change in each of them. No scope
has it."""


@dataclass(frozen=True, slots=True)
class TypeUse:
    """How often a type is used, as it is stored: statements that count, and their subjects."""

    type: str
    statements: int
    subjects: int


class TypedSubject(NamedTuple):
    """A subject that has statements of a type, as they are stored."""

    tenant: str
    subject_id: str
    type: str


class TypeRules(NamedTuple):
    """The last rule of each type that ever had one, by type: those for everybody, and a tenant's
    ``own``; and the ``seq`` of the last of all of these."""

    seq: int
    everybodys: Sequence[TypeRule]
    own: Sequence[TypeRule] = ()


class LedgerTypes(Protocol):
    """Rules of relation types, and where they are used: in one tenant, or (without one) in all, for
    the care of a whole store."""

    async def type_rules(self, tenant: str = ALL_TENANTS) -> TypeRules:
        """The rules that hold in a tenant; of no tenant, those for everybody."""
        ...

    async def ruling_tenants(self) -> list[str]:
        """The tenants that have rules of their own."""
        ...

    async def type_uses(self, scope: Scope | None = None) -> list[TypeUse]:
        """The types that are used, by name: in a scope, or in the whole store."""
        ...

    async def typed_subjects(
        self,
        types: Collection[str],
        after: TypedSubject | None,
        limit: int,
        tenant: str | None = None,
    ) -> list[TypedSubject]:
        """The subjects of statements with these types, each once, in a fixed order, a page at a
        time. Those of undone statements may be among them."""
        ...

    async def count_typed_subjects(self, types: Collection[str], tenant: str | None = None) -> int:
        """How many :meth:`typed_subjects` has in all."""
        ...
