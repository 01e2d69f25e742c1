"""Parses a question: its words, dates, names of entities, relations that it asks for, filters.

Only the ledger's entities are looked up here; ``candidates`` finds what may answer.
"""
