"""The ledger in PostgreSQL, for many processes at once. See ``sql/queries.sql``."""

from __future__ import annotations

from graphmem.adapters.ledger.postgres.database import PostgresDatabase
from graphmem.adapters.ledger.postgres.url import parse_url
from graphmem.adapters.ledger.sql.ledger import SqlLedger
from graphmem.clock import Clock


class PostgresLedger(SqlLedger):
    """:class:`~graphmem.ports.ledger.Ledger` in one schema of a PostgreSQL database.

    ``postgresql://user[:password]@host[:port]/database[?schema=graphmem&pool=10&timeout_s=30
    &patience_s=15]``, and what else libpq takes (``sslmode`` and the like). ``password`` is for a
    URL that has none. Stores in several schemas of one database know nothing of each other.
    """

    def __init__(
        self, url: str, *, password: str | None = None, clock: Clock | None = None
    ) -> None:
        super().__init__(PostgresDatabase(parse_url(url, password)), clock)
