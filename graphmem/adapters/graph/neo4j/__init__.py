"""A Neo4j server: connection and URL, errors, how a batch of changes is written, plain values.

Its statements are in ``cypher/*.neo4j.cypher``.
"""
