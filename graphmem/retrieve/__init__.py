"""The way of a read: a question to hits, each with its explanation; and relationship queries.

``pipeline`` has its stages in order: question → candidates → signals → rank → present. They read
the stores and write nothing; models are asked only for vectors and by a reranker.
"""
