"""Graph stores (port :mod:`graphmem.ports.graph`): kuzu (and ladybug), neo4j, networkx in memory.

``rows`` says what nodes and edges carry on all of them, ``cypher_files`` reads their statements,
``cypher_guard`` lets through what a user may ask. What one engine alone needs stays in its folder.
"""
