"""Expiry, archiving and promotion of facts: the policy of each memory type, and sweep decisions.

Pure functions of values: the engine reads their input and writes their decisions.
"""
