"""The ambiguities of one episode, which structure cannot settle, put to a model in one call.

``find.py`` finds them and applies the answers, ``ask.py`` asks the model and reads its answer,
``process.py`` connects the two. Nothing is decided here."""
