"""What is believed: statements to intervals to facts. ``pipeline.py`` reads from top to bottom.

Only ``load.py`` (and what asks about ambiguities) reads the ledger; the fold and all after it are
functions of values. Nothing here writes, and nothing here names an adapter."""
