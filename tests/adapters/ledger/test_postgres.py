"""The PostgreSQL ledger under the contract, on a real server: each test in a schema of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from graphmem.adapters.ledger.postgres.ledger import PostgresLedger
from graphmem.ports.ledger import Ledger
from graphmem.testing.ledger import LedgerContract
from tests.adapters.ledger.conftest import fresh_schema, opened


class TestOnAServer(LedgerContract):
    @pytest.fixture
    async def ledger(self, schema_url: str) -> AsyncIterator[Ledger]:
        async with opened(PostgresLedger(schema_url)) as ledger:
            yield ledger

    @pytest.fixture
    async def second(self, schema_url: str, ledger: Ledger) -> AsyncIterator[Ledger]:
        async with opened(PostgresLedger(schema_url)) as other:
            yield other

    @pytest.fixture
    async def another(self, postgres_url: str) -> AsyncIterator[Ledger]:
        with fresh_schema(postgres_url) as url:
            async with opened(PostgresLedger(url)) as ledger:
                yield ledger
