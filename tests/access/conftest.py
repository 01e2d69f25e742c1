"""A gate over a real ledger, with two organisations that have the same names for their things."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from graphmem.access import Access, Administration, Principal, Role
from graphmem.access.rates import OwnRates, Rates
from graphmem.access.records import Recorder
from graphmem.adapters.ledger.sqlite.ledger import SqliteLedger
from graphmem.clock import ManualClock
from graphmem.model import Stats
from graphmem.ports.ledger import Ledger

OURS, THEIRS = "acme", "globex"


@dataclass
class Gate:
    """One process at the gate of a ledger."""

    ledger: Ledger
    clock: ManualClock
    seconds: list[float] = field(default_factory=lambda: [0.0])
    shared: bool = False

    def __post_init__(self) -> None:
        async def stats(project_id: str) -> Stats:
            return await self.ledger.stats(None, project_id)

        counts = self.ledger if self.shared else OwnRates(lambda: self.seconds[0])
        self.administration = Administration(self.ledger, self.clock)
        self.access = Access(
            self.ledger,
            self.clock,
            Rates(counts, self.ledger, stats, self.clock),
            Recorder(self.ledger, self.clock, keep_days=90),
        )

    async def principal(self, role: Role, organisation: str = OURS) -> Principal:
        whose = None if role == "administrator" else organisation
        made = await self.administration.add_key(whose, f"a {role}", role=role)
        return await self.access.authenticate(made.secret)


@pytest.fixture
async def gate(tmp_path: Path) -> AsyncIterator[Gate]:
    ledger = SqliteLedger(tmp_path / "ledger.sqlite")
    await ledger.open()
    found = Gate(ledger, ManualClock())
    for name in (OURS, THEIRS):
        await found.administration.add_organisation(name)
        await found.administration.add_project(name, "research")
    await found.administration.add_project(THEIRS, "theirs")
    yield found
    await found.access.close()
    await ledger.close()
