"""Ledgers opened and closed, and a schema of its own for each test."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
from psycopg import sql

from graphmem.ports.ledger import Ledger


@contextlib.asynccontextmanager
async def opened(ledger: Ledger) -> AsyncIterator[Ledger]:
    await ledger.open()
    try:
        yield ledger
    finally:
        await ledger.close()


@pytest.fixture
def schema_url(postgres_url: str) -> Iterator[str]:
    """The URL of a schema that is not there yet, and goes afterwards."""
    with fresh_schema(postgres_url) as url:
        yield url


@contextlib.contextmanager
def fresh_schema(server: str) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    yield f"{server}?schema={name}"
    with psycopg.connect(server, autocommit=True) as connection:
        drop = sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(name))
        connection.execute(drop)
