"""Writing: from the journal to the commit.

``pipeline.py`` journals episodes and extracts from them, ``deciding.py`` resolves, decides and
commits. Only this folder commits decisions; graph and vectors are written by ``projection``.
"""
