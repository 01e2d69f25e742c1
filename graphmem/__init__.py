"""graphmem: a graph-plus-vector knowledge memory engine."""

__version__ = "0.1.0"
