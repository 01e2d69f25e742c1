"""The ledger for any SQL database: ``queries.sql``, ``filters.sql`` and the schema, the differences
between dialects, and steps that request named statements. No I/O, no driver, and no SQL outside
the ``.sql`` files and ``dialects.py``."""
