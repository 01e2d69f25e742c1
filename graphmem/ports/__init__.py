"""What the engine asks of the outside: Protocols and the values that pass through them.

No implementation and no vendor's type; what implements them lives in :mod:`graphmem.adapters`, of
``api`` in :mod:`graphmem.engine`, :mod:`graphmem.sync` and :mod:`graphmem.client`.
"""
