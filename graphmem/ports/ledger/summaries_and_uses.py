"""What a ledger keeps beside its events: summaries that a model worded, and how often facts were
read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from graphmem.model import FactUse, KeptSummary


class SummaryBook(Protocol):
    """What a model worded, so that it is not asked again: beside the events, never a source."""

    async def keep_summary(self, tenant: str, kept: KeptSummary) -> None:
        """In the place of the one with its id; not at all where something that it was made of is
        not there any more as it was."""
        ...

    async def summaries(self, tenant: str, ids: Sequence[str]) -> Mapping[str, KeptSummary]:
        """Those of these that are kept, by id."""
        ...

    async def episodes_summing_up(self, tenant: str) -> Sequence[str]:
        """The episodes that ``consolidate`` made, undone ones too."""
        ...


class UseBook(Protocol):
    """How often facts were read: beside the events, so nothing is decided or projected by it."""

    async def add_uses(self, uses: Sequence[FactUse]) -> None:
        """Add these counts to those that there are, of facts that are believed."""
        ...

    async def uses(self, fact_ids: Sequence[str]) -> Mapping[str, FactUse]:
        """How often these were read, by id; who was never read is missing."""
        ...
