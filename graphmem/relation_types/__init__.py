"""Relation types: their one name, how they behave, what a person declares of them, their wording.

Tables and pure functions only. What is believed because of a type, and what the data teaches about
it, is for ``belief``; nothing here reads a store."""
