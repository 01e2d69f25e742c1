"""Which entity a name means: known ones by likeness and by what is named with them, or a new one.

Also what two entities are that a person merged. It reads the ledger and writes nothing; what is
believed of an entity is for ``belief``."""
