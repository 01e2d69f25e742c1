"""Numbers about candidates: ``registry`` lists every signal, one module for each kind measures it.

Measuring is arithmetic on values; nothing here reads a store or knows what a signal weighs.
"""
