"""From signals to one ranking: the weighted sum, each signal's share of it, and a reranker where
there is one.

The weights are in ``weights.json``, fitted by ``benchmarks/fit.py``.
"""
