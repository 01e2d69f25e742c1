"""The bench that the tests of this folder work on."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from graphmem.adapters.ledger.sqlite.ledger import SqliteLedger
from tests.belief.bench import Bench


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    ledger = SqliteLedger(None)
    await ledger.open()
    yield Bench(ledger)
    await ledger.close()
