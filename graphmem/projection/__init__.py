"""The ledger's events applied to the graph and the vectors, and the three compared: the only writer
of both. ``apply`` says what events come to in each, ``catch_up`` keeps step.
Nothing here writes the ledger, nor decides what is believed."""
