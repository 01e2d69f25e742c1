"""What a port is made of: each folder is one port, each folder in it one engine or vendor.

A vendor's package is imported in its own folder and nowhere else (contracts in ``pyproject.toml``).
No stage of the pipeline is imported here; only :mod:`graphmem.wiring` names adapters.
"""
