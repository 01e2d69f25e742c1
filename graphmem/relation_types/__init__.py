"""Relation types: their normalised names, behaviour, declarations and wording.

Tables and pure functions only; nothing here reads a store. Applying types to statements, and
learning them from data, is done in ``belief``."""
