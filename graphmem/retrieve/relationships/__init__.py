"""Relationship queries: entities by name, relations, neighbours, paths, the timeline.

They walk the graph and ask the ledger; ranking is no part of them.
"""
