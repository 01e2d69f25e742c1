"""Computes facts from statements, by way of intervals. Start reading at ``pipeline.py``.

Only ``load.py`` (and what asks about ambiguities) reads the ledger; the fold and all after it are
functions of values. Nothing here writes, and nothing here names an adapter."""
