"""How relation types behave: seen, declared, learned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, Unpack

from graphmem.model import RelationType
from graphmem.ports.api.arguments import ScopeArgs, WriteArgs


class DeclaringAPI(Protocol):
    """Part of :class:`~graphmem.ports.api.MemoryAPI`."""

    async def relation_types(self, **scope: Unpack[ScopeArgs]) -> list[RelationType]:
        """The types of relations that were said, most often first: how many objects each has at a
        time, and why (declared, learned, built in, or nothing known).

        They are counted in the scope given here or on opening, and are as they hold there; without
        one, in the whole store, as they hold for everybody. What was declared is listed even where
        it was never said.
        """
        ...

    async def declare_type(
        self,
        type: str,
        *,
        single_valued: bool | None = None,
        same_as: str | None = None,
        inverse_of: str | None = None,
        all_scopes: bool = False,
        progress: Callable[[int, int], None] | None = None,
        **scope: Unpack[WriteArgs],
    ) -> RelationType:
        """Say how a relation type behaves, for this user (or agent by itself) in a project; what
        was stated there is decided again by it, and nothing elsewhere.

        ``single_valued``: True when a subject has one object at a time (a newer one ends the
        older), False when it may have several. ``same_as``: it is another word for that type;
        ``inverse_of``: the same with subject and object changed (``driven_by`` for ``drives``).
        What was said keeps its own word and is seen as that type, however long before or after it
        was said; what a word implies beside itself (``divorced_from`` ends ``married_to``) stays
        with the word. Give one of the three; none takes back what was declared of this type. A
        declaration goes before what was learned and what is built in.

        ``all_scopes=True`` is for administrators, on a memory that was opened without ``user_id``
        and ``agent_id``: it holds for everybody, but for who has declared it otherwise.

        It is stored when this returns, survives reopening, and holds for every process on the same
        ledger from its next decision on. ``progress`` is called with places done and places in all.
        If it is cut short, the same call again finishes it. History shows each fact that changed,
        with the reason; to take the declaration back leads to what was believed without it.
        """
        ...

    async def learn_types(
        self,
        *,
        all_scopes: bool = False,
        progress: Callable[[int, int], None] | None = None,
        **scope: Unpack[WriteArgs],
    ) -> list[RelationType]:
        """Learn from all that this user (or agent by itself) has said which types have one object
        at a time, and decide again what that touches there; returns the types of which something
        else is known now. ``all_scopes`` as for :meth:`declare_type`: from what everybody said,
        for everybody.

        A type counts as having one when at least twenty subjects went from one object to another by
        stated ends, and no more than one in fifty of them had two at once; two that are stated
        together, or with the dates of both, still count as two. It counts as having several when a
        fifth or more had. What was declared stays. This reads all that was said of the types that
        were said often: call it now and then. To call it again gives the same, and finishes what
        was cut short. ``progress`` is as for :meth:`declare_type`; it starts at zero for each step.
        """
        ...
