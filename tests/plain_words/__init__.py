"""Texts as people write them, and what the rules find in them: see README.md."""
