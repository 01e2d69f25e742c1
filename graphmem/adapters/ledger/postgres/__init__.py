"""PostgreSQL: addresses, connections, transactions, retries and errors of a ledger that many
processes write. What a ledger does belongs to ``sql/``, as do its statements."""
