"""Applies the ledger's events to the graph and the vectors (their only writer) and verifies both.
``apply`` turns events into writes, ``catch_up`` applies those that are missing.
Nothing here writes the ledger or decides what is believed."""
