"""What becomes of facts with time: promoted, archived, expired; by hand, or by a sweep."""

from __future__ import annotations

from typing import Protocol, Unpack

from graphmem.model import Fact, Receipt, Summary, Swept
from graphmem.ports.api.arguments import ScopeArgs, WriteArgs


class LifecycleAPI(Protocol):
    """Part of :class:`~graphmem.ports.api.MemoryAPI`. Every change here is in history, and is
    undone like any other (:meth:`~graphmem.ports.api.MemoryAPI.undo`)."""

    async def archive(self, fact_id: str, **scope: Unpack[WriteArgs]) -> Fact:
        """Put a fact away: it leaves the vectors and the graph, and is read only where archived
        facts are asked for (``include_archived``, ``current=False``, or :meth:`as_of` a moment
        before)."""
        ...

    async def restore(self, fact_id: str, **scope: Unpack[WriteArgs]) -> Fact:
        """Bring an archived fact back, exactly as it was."""
        ...

    async def promote(self, fact_id: str, **scope: Unpack[WriteArgs]) -> Fact:
        """Keep a fact for good: it becomes ``long_term``, expires no more, and its importance rises
        by 0.1."""
        ...

    async def sweep(self, *, dry_run: bool = False, **scope: Unpack[WriteArgs]) -> Swept:
        """Decide what has become of the facts of this scope's owner; without an owner, of everybody
        in the project (for administrators).

        What was read often and matters is promoted; what is old, matters little and was hardly
        read is archived; what has expired is archived too (docs/lifecycle.md has the thresholds).
        ``dry_run`` only says what would be done.
        """
        ...

    async def summary(
        self,
        about: str | None = None,
        *,
        max_sentences: int = 8,
        ask_model: bool = True,
        **scope: Unpack[ScopeArgs],
    ) -> Summary:
        """What is known of an entity (by id or name) in a few sentences, the oldest first; without
        one, what was said in the conversation of ``run_id``.

        Each sentence names the facts that say it. Without a model they are the facts that matter
        (important, said by several, new), as they are worded. With one it words them, in one call,
        within the ceilings, and gives a ``title``; what no fact bears out is left out. What it gave
        is kept in the ledger until something that it cites, or a fifth of the rest, has changed;
        it goes with the first fact that it was made of that is erased. Nothing is believed because
        of a summary. That of eight sentences is the ``summary`` of
        :meth:`~graphmem.ports.api.reads.ReadAPI.entity`, too, which never asks a model.
        """
        ...

    async def consolidate(
        self, entity: str, *, min_facts: int = 5, **scope: Unpack[WriteArgs]
    ) -> Receipt:
        """Fold the facts that hold about an entity into one more fact, that sums them up and names
        them in its metadata (``consolidates``).

        It hides none of them, and goes by :meth:`~graphmem.ports.api.MemoryAPI.undo` of its
        episode. It goes, too, when a fact that it names is deleted, for good when that is erased,
        expires with the first of them, and is undone when the same entity is folded again. No
        summary is made of it. The same facts folded again change nothing. With fewer than
        ``min_facts`` it is a :class:`~graphmem.errors.UsageError`.
        """
        ...
