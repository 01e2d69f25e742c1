"""A question taken apart: words, dates, names of entities, relations that it asks for, filters.

Only the ledger's entities are looked up here; what answers is found in ``candidates``.
"""
