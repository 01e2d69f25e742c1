"""Chat models, embedders and rerankers: one folder for each vendor or library.

What all of them need (``unit_vectors``) stands here; prompts and parsing belong to the stages.
"""
