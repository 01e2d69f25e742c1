"""Vector stores (port :mod:`graphmem.ports.vectors`): qdrant_edge embedded, qdrant, memory.

``payload`` says what a point carries and how a filter reads it, ``bm25`` makes the sparse vectors,
``validation`` checks changes and queries before any engine sees them.
"""
