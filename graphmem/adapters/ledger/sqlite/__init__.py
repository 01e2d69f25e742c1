"""SQLite: connections, threads, transactions and errors of a ledger in one file or in memory. What
a ledger does belongs to ``sql/``, as do its statements."""
