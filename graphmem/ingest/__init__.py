"""The way of a write, as ``pipeline.py`` reads: journal, extract, resolve, belief, commit.

Episodes are checked and built here. Only this folder commits what was decided; projecting it to the
graph and the vectors is for ``projection``."""
