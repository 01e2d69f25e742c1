"""What a caller is given: hits, a context for a prompt, and where something comes from.

Nothing is searched or ranked here.
"""
