"""Reading: from a question to hits with explanations; relationship queries; summaries.

``pipeline`` shows the stages of a search in order: question → candidates → signals → rank →
present. They read the stores and write nothing; models are asked only for vectors and by a
reranker.
"""
