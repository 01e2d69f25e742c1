"""Measuring retrieval: data sets in their published formats, metrics, runs that can be resumed,
reports. ``graphmem bench`` is its command line. Nothing of the engine imports this folder, and
nothing here changes what is stored or how a search ranks: it only measures.
"""
