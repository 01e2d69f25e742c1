"""What graphmem is tested with, for whoever writes an adapter or builds on it.

- Contract suites, one a port. Subclass, give the fixture, run pytest:
  :class:`graphmem.testing.ledger.LedgerContract`, ``graphmem.testing.graph``,
  ``graphmem.testing.vectors``, ``graphmem.testing.embedder``.
- State machines for Hypothesis: ``graphmem.testing.memory_machine`` drives a whole
  memory (whatever its adapters) against a model of what it should believe and against its own
  ledger replayed; :func:`graphmem.testing.vectors.vector_machine` a vector store against a
  dictionary.
- :func:`graphmem.testing.memory_machine.replay_differences`: whether the graph and the vectors of a
  memory are what its ledger says (law 2), content and all; ``verify`` compares ids.
- :class:`graphmem.testing.llm_server.LocalModelServer`: an OpenAI-compatible endpoint on the
  loopback, with scripted answers, faults and delays.
- ``graphmem.testing.faults``: any port wrapped so that one of its calls goes wrong.

Nothing here is imported by the engine. It needs the ``test`` extra: ``graphmem[test]``.
"""
