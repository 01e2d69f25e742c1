"""What a query is found to be made of, by its tokens; and the cursor that goes over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NoReturn

from graphmem.adapters.graph.cypher_guard.lexer import CypherToken
from graphmem.errors import UsageError

Brackets = tuple[int, int]
"""The tokens at which a pair of brackets opens and closes."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A name that a pattern binds, as it is written; ``edges`` is a list of them (``*1..3``)."""

    written: str
    kind: Literal["node", "edge", "edges", "path"]
    missing_at: int | None = None
    """Where in the text the name would have to be put in, when the query does not have it."""


@dataclass(frozen=True, slots=True)
class PatternScope:
    """Where the variables of a pattern are known, and its WHERE, by tokens; ends are exclusive.

    The pattern stands after MATCH, inside EXISTS and COUNT, or in ``[(a)--(b) WHERE … | …]``.
    """

    start: int
    stop: int
    variables: tuple[Variable, ...]
    where: tuple[int, int] | None


@dataclass(slots=True)
class Syntax:
    """All that the guard has to know of a query; filled while it is read."""

    nodes: list[Brackets] = field(default_factory=list)
    """The parentheses of every node pattern."""
    edges: list[Brackets] = field(default_factory=list)
    """The square brackets of every edge that has them."""
    lengths: list[Brackets] = field(default_factory=list)
    """Those of ``edges`` that have a variable length (``*1..3``)."""
    maps: list[Brackets] = field(default_factory=list)
    """The braces of the properties inside a node or an edge."""
    labels: list[CypherToken] = field(default_factory=list)
    """Every label of a node and every type of an edge."""
    scopes: list[PatternScope] = field(default_factory=list)
    horizons: list[int] = field(default_factory=list)
    """The WHERE of every WITH that has no LIMIT, by token."""
    returns_all: bool = False
    """Whether some RETURN returns all variables (``RETURN *``)."""


def keyword_set(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


RESERVED = keyword_set(
    "ALL AND ANY AS ASC ASCENDING AT BY CASE CONTAINS DESC DESCENDING DISTINCT ELSE END ENDS "
    "EXISTS FALSE IF IN IS LIMIT MATCH NONE NOT NULL OF OFFSET OPTIONAL OR ORDER RETURN SINGLE "
    "SKIP STARTS THEN TRUE UNION UNWIND WHEN WHERE WITH XOR"
)
"""Cypher's own words, but for COUNT: a name that is one of them goes in backticks."""


class Cursor:
    """A place among the tokens of a query, and the ways to go on from it."""

    def __init__(
        self, text: str, tokens: Sequence[CypherToken], bracket_ends: Mapping[int, int]
    ) -> None:
        self.text, self.tokens, self.bracket_ends = text, tokens, bracket_ends
        self.at = 0
        self.found = Syntax()

    def peek(self, ahead: int = 0) -> CypherToken | None:
        at = self.at + ahead
        return self.tokens[at] if at < len(self.tokens) else None

    def sees_sign(self, signs: str, ahead: int = 0) -> bool:
        token = self.peek(ahead)
        return token is not None and token.is_sign(signs)

    def sees_word(self, *keyword_set: str) -> bool:
        token = self.peek()
        return token is not None and token.is_word(*keyword_set)

    def sees_name(self, ahead: int = 0) -> bool:
        token = self.peek(ahead)
        if token is None or not token.is_name:
            return False
        if token.is_word("COUNT") and self.sees_sign("{", ahead + 1):
            return False
        return token.kind == "quoted" or token.value.upper() not in RESERVED

    def sees_joined(self, signs: str, ahead: int = 0) -> bool:
        """Whether these signs stand here one by one, with nothing between them."""
        for step in range(ahead, ahead + len(signs)):
            token = self.peek(step)
            if token is None or not token.is_sign(signs[step - ahead]):
                return False
            if step > ahead and token.start != self.tokens[self.at + step - 1].end:
                return False
        return True

    def sign(self, signs: str) -> bool:
        """Whether one of these signs was here; if so, it is behind us now."""
        found = self.sees_sign(signs)
        self.at += found
        return found

    def word(self, *keyword_set: str) -> bool:
        found = self.sees_word(*keyword_set)
        self.at += found
        return found

    def joined(self, signs: str) -> bool:
        found = self.sees_joined(signs)
        self.at += len(signs) if found else 0
        return found

    def name(self) -> CypherToken:
        if not self.sees_name():
            self.refuse("a name")
        self.at += 1
        return self.tokens[self.at - 1]

    def need_sign(self, sign: str) -> None:
        if not self.sign(sign):
            self.refuse(f"{sign!r}")

    def need_word(self, word: str) -> None:
        if not self.word(word):
            self.refuse(word)

    def refuse(self, expected: str) -> NoReturn:
        token = self.peek()
        place = "at its end" if token is None else f"at {token.value[:40]!r}"
        raise UsageError(f"Cypher: this query is not understood {place}: {expected} is expected")


def uncertain() -> NoReturn:
    raise UsageError(
        "Cypher: it is not certain which parentheses of this query are nodes; write patterns "
        "plainly, (a)-[r]->(b), and put spaces or brackets around minus signs"
    )
