"""graphmem where others' frameworks look for a memory: one small module for each, over the
synchronous :class:`~graphmem.Memory` (of a folder or of a server) and nothing but its public API.

Each needs its framework installed (``pip install 'graphmem[langgraph]'`` and so on); :mod:`.tools`
needs none. What a module offers keeps its framework's own contract; nothing here decides anything.
"""
