"""Numbers about candidates: ``registry`` lists every signal; each kind is measured in a module of
its own.

Measuring is arithmetic on values; nothing here reads a store or uses a weight.
"""
