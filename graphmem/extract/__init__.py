"""Extraction: an episode to candidate entities and facts, by rules or by one model call.

Values in, candidates out: nothing here reads or writes a store, resolves a name to an entity, or
decides what is believed.
"""
