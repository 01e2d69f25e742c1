"""What becomes of a memory with time: the policy of each type, and what a sweep decides.

Pure functions of values: the engine reads what they look at and writes what they decide.
"""
