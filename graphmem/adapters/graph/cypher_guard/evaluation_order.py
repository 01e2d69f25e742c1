"""Where a query asks something that could fail, and what a database might ask it about too soon.

A scope on every node pattern decides what a query returns. It does not decide in which order a
database evaluates: one that tries ``1 / (…a.name…) > 0`` before ``a.scope`` fails, or does not
fail, by what another scope holds. This module finds the three places where that could happen; a
dialect whose database is free to reorder closes them (see ``cypher_dialect``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from graphmem.adapters.graph.cypher_guard.lexer import Token
from graphmem.adapters.graph.cypher_guard.patterns import Pattern

_WORDS_OF_VALUE = ("TRUE", "FALSE", "NULL")


@dataclass(frozen=True, slots=True)
class Variable:
    """A name that a pattern binds, as it is written; ``edges`` is a list of them (``*1..3``)."""

    written: str
    kind: Literal["node", "edge", "edges", "path"]
    missing_at: int | None = None
    """Where in the text the name would have to be put in, when the query does not have it."""


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
class Order:
    """All that a database could evaluate too soon."""

    predicates: tuple[Predicate, ...] = ()
    horizons: tuple[int, ...] = ()
    """Where the WHERE of a WITH stands in the text, when that WITH has no LIMIT."""
    risky_map: bool = False
    """Whether the properties inside some pattern are compared with more than plain values."""
    lengths: tuple[Pattern, ...] = ()
    """The brackets, by tokens, of edges of variable length (``*1..3``)."""
    returns_all: bool = False
    """Whether all variables are returned (``RETURN *``), so that a name put in would show."""


def order_of(
    tree: Sequence[Any],
    text: str,
    tokens: Sequence[Token],
    patterns: Sequence[Pattern],
    closing: Mapping[int, int],
) -> Order:
    """What is found in the tree, with its places in the rebuilt text."""
    finder = _Finder(text, tokens, closing)
    for element in tree:
        kind = type(element).__name__
        if kind == "GraphPattern":
            finder.pattern(element)
        elif kind == "CypherPatternComprehension":
            finder.comprehension(element)
    predicates = tuple(finder.predicates())
    horizons = tuple(finder.horizons(tree))
    return Order(
        predicates,
        horizons,
        risky_map=finder.risky_map(patterns),
        lengths=tuple(finder.lengths()),
        returns_all=finder.returns_all(),
    )


@dataclass(frozen=True, slots=True)
class _Scope:
    """A pattern and what belongs to it, by tokens; ``stop`` and ``where_end`` are exclusive."""

    start: int
    stop: int
    variables: tuple[Variable, ...]
    where: tuple[int, int] | None


class _Finder:
    def __init__(self, text: str, tokens: Sequence[Token], closing: Mapping[int, int]) -> None:
        self._text, self._tokens, self._closing = text, tokens, closing
        self._by_start = {token.start: at for at, token in enumerate(tokens)}
        self._scopes: list[_Scope] = []

    def _range(self, element: Any) -> tuple[int, int]:
        """The tokens of a tree element, the last one exclusive."""
        first = self._by_start[element._start_token.start]
        last = self._by_start[element._end_token.start]
        if self._tokens[last].is_word("COUNT") and last + 1 in self._closing:
            last = self._closing[last + 1]  # the parser saw a number in its place
        return first, last + 1

    def pattern(self, element: Any) -> None:
        """A pattern after MATCH, or inside EXISTS and COUNT, with the WHERE that it may have."""
        first, stop = self._range(element)
        where = self._where(first, stop)
        variables = tuple(self._variables(first, where or stop))
        self._scopes.append(_Scope(first, stop, variables, (where + 1, stop) if where else None))

    def comprehension(self, element: Any) -> None:
        """``[(a)--(b) WHERE … | …]``."""
        first, stop = self._range(element)
        bar = next(at for at in self._level(first + 1, stop) if self._tokens[at].is_sign("|"))
        where = self._where(first + 1, bar)
        variables = tuple(self._variables(first + 1, where or bar))
        self._scopes.append(_Scope(first, stop, variables, (where + 1, bar) if where else None))

    def predicates(self) -> Iterator[Predicate]:
        for scope in self._scopes:
            if scope.where is None:
                continue
            first, stop = scope.where
            known = self._known(first)
            harmless = _Harmless(self._tokens, self._closing, known).predicate(first, stop)
            start, end = self._tokens[first].start, self._tokens[stop - 1].end
            yield Predicate(start, end, known, harmless)

    def horizons(self, tree: Sequence[Any]) -> Iterator[int]:
        for element in tree:
            if type(element).__name__ == "CypherWithStatement":
                first, stop = self._range(element)
                where = self._where(first, stop)
                head = self._level(first, where or stop)
                if where and not any(self._tokens[at].is_word("LIMIT") for at in head):
                    yield self._tokens[where].start

    def risky_map(self, patterns: Sequence[Pattern]) -> bool:
        for opens, closes in (*patterns, *self._edges()):
            braces = self._braces(opens, closes)
            known = self._known(opens)
            harmless = _Harmless(self._tokens, self._closing, known)
            if any(not harmless.properties(at + 1, self._closing[at]) for at in braces):
                return True
        return False

    def lengths(self) -> Iterator[Pattern]:
        return ((a, b) for a, b in self._edges() if self._any(a + 1, b, "*"))

    def _edges(self) -> Iterator[Pattern]:
        """All that could be the brackets of an edge."""
        for before, (at, token) in zip(self._tokens, enumerate(self._tokens[1:], 1), strict=False):
            if token.is_sign("[") and before.is_sign("-"):
                yield at, self._closing[at]

    def _braces(self, opens: int, closes: int) -> list[int]:
        return [at for at in self._level(opens + 1, closes) if self._tokens[at].is_sign("{")]

    def _any(self, first: int, stop: int, sign: str) -> bool:
        return any(self._tokens[at].is_sign(sign) for at in self._level(first, stop))

    def _known(self, at: int) -> tuple[Variable, ...]:
        """The variables of every pattern that has this token inside it, or inside its WHERE."""
        around = (scope for scope in self._scopes if scope.start <= at < scope.stop)
        return tuple(dict.fromkeys(name for scope in around for name in scope.variables))

    def _level(self, first: int, stop: int) -> Iterator[int]:
        """The tokens that are not inside brackets of this stretch; of a bracket, its opening."""
        at = first
        while at < stop:
            yield at
            at = self._closing.get(at, at) + 1

    def _where(self, first: int, stop: int) -> int | None:
        return next(
            (at for at in self._level(first, stop) if self._tokens[at].is_word("WHERE")), None
        )

    def returns_all(self) -> bool:
        return any(
            token.is_word("RETURN") and after.is_sign("*")
            for token, after in pairwise(t for t in self._tokens if not t.is_word("DISTINCT"))
        )

    def _variables(self, first: int, stop: int) -> Iterator[Variable]:
        """Those of each path; of a path without any, a name for its first node."""
        commas = [at for at in self._level(first, stop) if self._tokens[at].is_sign(",")]
        for start, end in pairwise((first - 1, *commas, stop)):
            named = list(self._named(start + 1, end))
            opens = next(at for at in self._level(start + 1, end) if self._tokens[at].is_sign("("))
            missing = Variable(f"__n{opens}", "node", self._tokens[opens].end)
            yield from named or [missing]

    def _named(self, first: int, stop: int) -> Iterator[Variable]:
        for at in self._level(first, stop):
            token, after = self._tokens[at], self._tokens[at + 1]
            if token.is_name and after.is_sign("="):
                yield Variable(self._text[token.start : token.end], "path")
            elif token.is_sign("(") and after.is_name:
                yield Variable(self._text[after.start : after.end], "node")
            elif token.is_sign("[") and after.is_name:
                many = self._any(at + 1, self._closing[at], "*")
                written = self._text[after.start : after.end]
                yield Variable(written, "edges" if many else "edge")


class _Harmless:
    """Recognises what cannot fail: comparisons of literals, parameters and properties of nodes
    and edges, joined by AND, OR, XOR, NOT; and EXISTS { }, which is looked at by itself."""

    def __init__(
        self, tokens: Sequence[Token], closing: Mapping[int, int], known: Sequence[Variable]
    ) -> None:
        self._tokens, self._closing = tokens, closing
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
            self._at = self._closing[inside] + 1
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

    def _next(self) -> Token | None:
        return self._tokens[self._at] if self._at < self._stop else None

    def _sign(self, signs: str) -> bool:
        token = self._next()
        if token is None or not token.is_sign(signs):
            return False
        self._at += 1
        return True

    def _word(self, *words: str) -> bool:
        token = self._next()
        if token is None or not token.is_word(*words):
            return False
        self._at += 1
        return True
