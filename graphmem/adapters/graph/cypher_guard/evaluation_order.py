"""Where a query asks something that could fail, and what a database might ask it about too soon.

A scope on every node pattern decides what a query returns. It does not decide in which order a
database evaluates: one that tries ``1 / (…a.name…) > 0`` before ``a.scope`` fails, or does not
fail, by what another scope holds. This module finds the three places where that could happen; a
dialect whose database is free to reorder closes them (see ``dialect``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from graphmem.adapters.graph.cypher_guard.lexer import CypherToken
from graphmem.adapters.graph.cypher_guard.syntax import Brackets, Cursor, Syntax, Variable

_WORDS_OF_VALUE = ("TRUE", "FALSE", "NULL")


@dataclass(frozen=True, slots=True)
class Predicate:
    """What stands after the WHERE of a pattern: from where to where in the text, and the
    variables of this pattern and of all around it: none is NULL there, and each of the paths
    that it lists has one (edges never cross the tenant, so one speaks for all of its path)."""

    start: int
    end: int
    variables: tuple[Variable, ...]
    harmless: bool
    """Whether it compares plain values only, which cannot fail whatever they are."""


@dataclass(frozen=True, slots=True)
class EvaluationOrder:
    """All that a database could evaluate too soon."""

    predicates: tuple[Predicate, ...] = ()
    horizons: tuple[int, ...] = ()
    """Where the WHERE of a WITH stands in the text, when that WITH has no LIMIT."""
    risky_map: bool = False
    """Whether the properties inside some pattern are compared with more than plain values."""
    lengths: tuple[Brackets, ...] = ()
    """The brackets, by tokens, of edges of variable length (``*1..3``)."""
    returns_all: bool = False
    """Whether all variables are returned (``RETURN *``), so that a name put in would show."""


def evaluation_order(
    found: Syntax, tokens: Sequence[CypherToken], bracket_ends: Mapping[int, int]
) -> EvaluationOrder:
    """What could be evaluated too soon, with its places in the rebuilt text."""
    predicates = []
    for scope in found.scopes:
        if scope.where is not None:
            first, stop = scope.where
            known = _known(found, first)
            harmless = _Harmless(tokens[:stop], bracket_ends, first, known).predicate()
            start, end = tokens[first].start, tokens[stop - 1].end
            predicates.append(Predicate(start, end, known, harmless))
    risky_map = any(
        not _Harmless(tokens[:closes], bracket_ends, opens + 1, _known(found, opens)).properties()
        for opens, closes in found.maps
    )
    return EvaluationOrder(
        tuple(predicates),
        tuple(tokens[where].start for where in found.horizons),
        risky_map=risky_map,
        lengths=tuple(found.lengths),
        returns_all=found.returns_all,
    )


def _known(found: Syntax, at: int) -> tuple[Variable, ...]:
    """The variables of every pattern that has this token inside it, or inside its WHERE."""
    around = (scope for scope in found.scopes if scope.start <= at < scope.stop)
    return tuple(dict.fromkeys(name for scope in around for name in scope.variables))


class _Harmless(Cursor):
    """Recognises what cannot fail: comparisons of literals, parameters and properties of nodes
    and edges, joined by AND, OR, XOR, NOT; and EXISTS { }, which is looked at by itself. It looks
    from the token ``at`` on to the last that it is given."""

    def __init__(
        self,
        tokens: Sequence[CypherToken],
        bracket_ends: Mapping[int, int],
        at: int,
        known: Sequence[Variable],
    ) -> None:
        super().__init__("", tokens, bracket_ends)
        self.at = at
        self._owners = {v.written.strip("`") for v in known if v.kind in ("node", "edge")}

    def predicate(self) -> bool:
        return self._several() and self.at == len(self.tokens)

    def properties(self) -> bool:
        """``key: value, …`` with plain values, and no scope of one's own."""
        stop = len(self.tokens)
        while self.at < stop:
            own = self.tokens[self.at].value.lower() == "scope"
            self.at += 2
            if own or not self._operand() or not (self.sign(",") or self.at == stop):
                return False
        return True

    def _several(self) -> bool:
        if not self._one():
            return False
        while self.word("AND", "OR", "XOR"):
            if not self._one():
                return False
        return True

    def _one(self) -> bool:
        while self.word("NOT"):
            pass
        if self.sign("("):
            return self._several() and self.sign(")")
        if self.word("EXISTS"):
            inside = self.at
            if not self.sign("{"):
                return False
            self.at = self.bracket_ends[inside] + 1
            return True
        return self._comparison()

    def _comparison(self) -> bool:
        return self._operand() and (
            self._is_null()
            or (self.word("IN") and self.sign("[") and self._list())
            or (self.word("STARTS", "ENDS") and self.word("WITH") and self._operand())
            or (self.word("CONTAINS") and self._operand())
            or self._compared()
        )

    def _is_null(self) -> bool:
        if not self.word("IS"):
            return False
        self.word("NOT")
        return self.word("NULL")

    def _compared(self) -> bool:
        compared = False
        while self.sign("=<>"):
            while self.sign("=>"):
                pass
            if not self._operand():
                return False
            compared = True
        return compared

    def _list(self) -> bool:
        while not self.sign("]"):
            if not self._operand():
                return False
            self.sign(",")
        return True

    def _operand(self) -> bool:
        token = self.peek()
        if token is None or token.kind == "sign":
            return False
        self.at += 1
        if not token.is_name or token.is_word(*_WORDS_OF_VALUE):
            return not self.sign("([.")
        if self.sign("."):
            self.at += 1
            return token.value in self._owners and not self.sign("([.")
        return not self.sign("([")
