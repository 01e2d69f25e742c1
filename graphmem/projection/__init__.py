"""The ledger's events applied to the graph and the vectors, and the three compared: the only writer
of both. ``batch`` says what events come to, ``graph`` and ``vectors`` apply it, ``catch_up`` keeps
step. Nothing here writes the ledger, nor decides what is believed."""
