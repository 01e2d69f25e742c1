"""Lets through only Cypher that reads, and puts the tenant's scope into it (``guard.guard``).

Lexer, reader and checks of query texts live here, and what the dialects differ in. Nothing here
talks to a database.
"""
