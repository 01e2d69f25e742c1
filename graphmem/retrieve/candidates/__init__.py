"""Candidates: facts and turns found by vectors, by words and through the graph, and their texts.

The arms only find candidates; how good each is, ``signals`` measure.
"""
