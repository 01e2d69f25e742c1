"""The way of a write, from the journal to the commit.

``pipeline.py`` journals episodes and extracts from them, ``deciding.py`` resolves, decides and
commits. Only this folder commits what was decided; graph and vectors are written by ``projection``.
"""
