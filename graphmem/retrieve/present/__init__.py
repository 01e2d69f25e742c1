"""The results for a caller: hits, a context for a prompt, and explanations.

Nothing is searched or ranked here.
"""
