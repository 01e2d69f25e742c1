"""How the outside reaches a memory: command line, HTTP, MCP, the picture of a graph.

Here arguments are read and results are shown. What a memory does, and any rule about what it
stores, lives in the engine or below it; only the outside imports this folder.
To add a door: ``client/calls.py``, ``client/codec.py``, ``wiring.open_memory``, ``errors.py``, a
command in ``cli/serving.py``.
"""
