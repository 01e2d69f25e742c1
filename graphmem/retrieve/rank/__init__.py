"""From signals to one order: the weighted sum, its shares, and a reranker where there is one.

How much each signal counts stands in ``weights.json``, found by ``benchmarks/fit.py``.
"""
