"""Puts the ambiguities of one episode, which structure cannot settle, to a model in one call.

``find.py`` finds them and applies the answers, ``ask.py`` asks the model and reads its answer,
``process.py`` connects the two. No decision is made here.
"""
