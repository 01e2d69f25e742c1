"""Where a query asks something that could fail, and what a database might ask it about too soon.

A scope on every node pattern decides what a query returns. It does not decide in which order a
database evaluates: one that tries ``1 / (…a.name…) > 0`` before ``a.scope`` fails, or does not
fail, by what another scope holds. This module finds the three places where that could happen; a
dialect whose database is free to reorder closes them (see ``dialect``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from graphmem.adapters.graph.cypher_guard.lexer import CypherToken
from graphmem.adapters.graph.cypher_guard.syntax import Brackets, Syntax, Variable

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
    return EvaluationOrder(
        tuple(_predicates(found, tokens, bracket_ends)),
        tuple(tokens[where].start for where in found.horizons),
        risky_map=_has_risky_map(found, tokens, bracket_ends),
        lengths=tuple(found.lengths),
        returns_all=found.returns_all,
    )


def _predicates(
    found: Syntax, tokens: Sequence[CypherToken], bracket_ends: Mapping[int, int]
) -> Iterator[Predicate]:
    for scope in found.scopes:
        if scope.where is not None:
            first, stop = scope.where
            known = _known(found, first)
            harmless = _Harmless(tokens, bracket_ends, known).predicate(first, stop)
            yield Predicate(tokens[first].start, tokens[stop - 1].end, known, harmless)


def _has_risky_map(
    found: Syntax, tokens: Sequence[CypherToken], bracket_ends: Mapping[int, int]
) -> bool:
    return any(
        not _Harmless(tokens, bracket_ends, _known(found, opens)).properties(opens + 1, closes)
        for opens, closes in found.maps
    )


def _known(found: Syntax, at: int) -> tuple[Variable, ...]:
    """The variables of every pattern that has this token inside it, or inside its WHERE."""
    around = (scope for scope in found.scopes if scope.start <= at < scope.stop)
    return tuple(dict.fromkeys(name for scope in around for name in scope.variables))


class _Harmless:
    """Recognises what cannot fail: comparisons of literals, parameters and properties of nodes
    and edges, joined by AND, OR, XOR, NOT; and EXISTS { }, which is looked at by itself."""

    def __init__(
        self,
        tokens: Sequence[CypherToken],
        bracket_ends: Mapping[int, int],
        known: Sequence[Variable],
    ) -> None:
        self._tokens, self._bracket_ends = tokens, bracket_ends
        self._owners = {v.written.strip("`") for v in known if v.kind in ("node", "edge")}
        self._at = self._stop = 0

    def predicate(self, first: int, stop: int) -> bool:
        self._at, self._stop = first, stop
        return self._several() and self._at == stop

    def properties(self, first: int, stop: int) -> bool:
        """``key: value, …`` with plain values, and no scope of one's own."""
        self._at, self._stop = first, stop
        while self._at < stop:
            own = self._tokens[self._at].value.lower() == "scope"
            self._at += 2
            if own or not self._operand() or not (self._sign(",") or self._at == stop):
                return False
        return True

    def _several(self) -> bool:
        if not self._one():
            return False
        while self._word("AND", "OR", "XOR"):
            if not self._one():
                return False
        return True

    def _one(self) -> bool:
        while self._word("NOT"):
            pass
        if self._sign("("):
            return self._several() and self._sign(")")
        if self._word("EXISTS"):
            inside = self._at
            if not self._sign("{"):
                return False
            self._at = self._bracket_ends[inside] + 1
            return True
        return self._comparison()

    def _comparison(self) -> bool:
        return self._operand() and (
            self._is_null()
            or (self._word("IN") and self._sign("[") and self._list())
            or (self._word("STARTS", "ENDS") and self._word("WITH") and self._operand())
            or (self._word("CONTAINS") and self._operand())
            or self._compared()
        )

    def _is_null(self) -> bool:
        if not self._word("IS"):
            return False
        self._word("NOT")
        return self._word("NULL")

    def _compared(self) -> bool:
        compared = False
        while self._sign("=<>"):
            while self._sign("=>"):
                pass
            if not self._operand():
                return False
            compared = True
        return compared

    def _list(self) -> bool:
        while not self._sign("]"):
            if not self._operand():
                return False
            self._sign(",")
        return True

    def _operand(self) -> bool:
        token = self._next()
        if token is None or token.kind == "sign":
            return False
        self._at += 1
        if not token.is_name or token.is_word(*_WORDS_OF_VALUE):
            return not self._sign("([.")
        if self._sign("."):
            self._at += 1
            return token.value in self._owners and not self._sign("([.")
        return not self._sign("([")

    def _next(self) -> CypherToken | None:
        return self._tokens[self._at] if self._at < self._stop else None

    def _sign(self, signs: str) -> bool:
        token = self._next()
        if token is None or not token.is_sign(signs):
            return False
        self._at += 1
        return True

    def _word(self, *word_set: str) -> bool:
        token = self._next()
        if token is None or not token.is_word(*word_set):
            return False
        self._at += 1
        return True
