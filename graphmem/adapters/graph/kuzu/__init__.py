"""Kuzu and ladybug, embedded: a store in one file, its sessions, and how changes are written.

No other folder knows that the engine is in this process, or what it cannot do.
"""
