"""Relationship queries: entities by name, relations, neighbours, paths, the timeline.

They walk the graph and query the ledger; nothing is ranked.
"""
