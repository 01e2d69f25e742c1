"""How a question's words speak of a relation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Wording:
    """How one word names a relation type.

    ``verb``: who does it stands before it ("does Rui *report* to"). ``of``: the noun for its
    subject ("Rui's *parent*" is whose child Rui is). ``has``: the noun for its object ("Rui's
    *employer*" is where Rui works). ``inverted``: of the relation with subject and object changed.
    """

    kind: Literal["verb", "of", "has"]
    inverted: bool = False

    @property
    def noun(self) -> bool:
        return self.kind != "verb"

    def is_subject(self, *, before: bool) -> bool:
        """Whether a name in the question is the relation's subject; ``before``: it stands before
        the word."""
        subject = before if self.kind == "verb" else self.kind == "has"
        return subject != self.inverted


class TypeWording(Protocol):
    """Which words name which relation types."""

    def wordings(self, type: str) -> Mapping[str, frozenset[Wording]]:
        """Word stems (see :func:`graphmem.text.stem`) that name this relation type."""
        ...

    def types(self, stem: str) -> frozenset[str]:
        """The types known beforehand that a word names."""
        ...

    def symmetric(self, type: str) -> bool:
        """Whether it holds both ways."""
        ...
