"""Kuzu and ladybug, embedded: a store in one file, its sessions, and how changes are written.

No other folder depends on the engine being in this process, or on its limits.
"""
