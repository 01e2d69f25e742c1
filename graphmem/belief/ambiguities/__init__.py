"""What structure cannot settle about one episode, and a model asked about it in one call.

``find.py`` says what is ambiguous and what follows from a verdict, ``ask.py`` asks and reads the
answer, ``process.py`` goes between them. Nothing is decided here."""
