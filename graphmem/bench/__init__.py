"""Measuring retrieval: data sets in their published formats, metrics, runs that can be resumed,
reports. Nothing of the engine imports it; ``graphmem bench`` is its face."""
