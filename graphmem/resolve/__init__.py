"""Resolves a name to a known entity, by similarity and by the names around it, or to a new one.

Also computes what merged entities look like. It reads the ledger and writes nothing; facts about
an entity are decided in ``belief``."""
