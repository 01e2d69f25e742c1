"""Ledgers: what they do is written once in ``sql/``, as statements and steps for any SQL database;
``sqlite/`` and ``postgres/`` run those. Nothing here decides what is believed, and only these
folders name a driver."""
