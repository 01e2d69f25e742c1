"""The Cypher that this console reads, read strictly: clauses and patterns, by one rule each.

A recursive descent without going back (but for the few tokens of a list's first item), so that
the work is linear in the length of the query. What no rule reads is refused. It knows only what
reads: there is no rule for a clause that writes, calls or loads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType

from graphmem.adapters.graph.cypher_guard import values
from graphmem.adapters.graph.cypher_guard.expressions import Expressions
from graphmem.adapters.graph.cypher_guard.lexer import CypherToken
from graphmem.adapters.graph.cypher_guard.syntax import (
    PatternScope,
    Syntax,
    Variable,
    uncertain,
)
from graphmem.adapters.graph.cypher_guard.values import HeldValue
from graphmem.errors import UsageError

_MOST_TOKENS = 1_500
_WORDLIKE = frozenset(("word", "quoted", "parameter", "number"))


def read_syntax(
    text: str, tokens: Sequence[CypherToken], bracket_ends: Mapping[int, int]
) -> Syntax:
    """What the query is made of. :class:`~graphmem.errors.UsageError` for what is not understood.

    ``closing`` maps each opening bracket to the one that closes it, by token.
    """
    if len(tokens) > _MOST_TOKENS:
        raise UsageError("Cypher: the query is too long or too deeply nested")
    for before, token in pairwise(tokens):
        if before.end == token.start and {before.kind, token.kind} <= _WORDLIKE:
            raise UsageError(f"Cypher: put a space before {token.value[:40]!r}")
    reader = _Reader(text, tokens, bracket_ends)
    reader.query()
    if reader.at < len(tokens):
        reader.refuse("the end of the query, or a further clause")
    reader.found.scopes.sort(key=lambda scope: scope.start)
    return reader.found


class _Reader(Expressions):
    _around: Mapping[str, HeldValue] = MappingProxyType({})
    """The names that are known where the query begins: in a subquery, those outside of it."""

    def query(self) -> None:
        self._single_query()
        while self.word("UNION"):
            self.word("ALL", "DISTINCT")
            self._single_query()

    def _single_query(self) -> None:
        self.names = self._around
        self._clauses()
        if not self.sees_word("RETURN"):
            self.refuse("MATCH, OPTIONAL MATCH, WITH, UNWIND or RETURN")
        self._return()

    def _clauses(self) -> bool:
        """All before RETURN. Whether they are MATCHes only, and at least one."""
        matches = others = 0
        while True:
            if self.word("MATCH"):
                self._graph_pattern()
                matches += 1
            elif self.word("OPTIONAL"):
                self.need_word("MATCH")
                self._graph_pattern()
                matches += 1
            elif self.word("WITH"):
                self._with()
                others += 1
            elif self.word("UNWIND"):
                unwound = values.item_of(self.item())
                self.need_word("AS")
                self.bind(self.name().value, unwound)
                others += 1
            else:
                return bool(matches) and not others

    def _return(self) -> None:
        self.need_word("RETURN")
        self.word("DISTINCT")
        if self.sign("*"):
            self.found.returns_all = True
            values.check_row(self.names.values())
        else:
            self._projected()
        self._ordered_page()

    def _with(self) -> None:
        self.word("DISTINCT")
        after = self.names
        if not self.sign("*"):
            after = self._projected()
        limited = self._ordered_page()
        where = self.at
        if self.word("WHERE"):
            self.condition()
            if not limited:
                self.found.horizons.append(where)
        self.names = after

    def _projected(self) -> Mapping[str, HeldValue]:
        """The items, and what their names hold; until the clause ends the names before it are
        known too, unless they are given anew."""
        found: dict[str, HeldValue] = {}
        row: list[HeldValue] = []
        while True:
            begun = self.at
            row.append(self.item())
            if self.word("AS"):
                found[self.name().value] = row[-1]
            elif self.at == begun + 1 and self.tokens[begun].is_name:
                found[self.tokens[begun].value] = row[-1]
            if not self.sign(","):
                break
        values.check_row(row)
        self.names = MappingProxyType({**self.names, **found})
        return MappingProxyType(found)

    def _ordered_page(self) -> bool:
        """ORDER BY, SKIP and LIMIT, each if it is there. Whether LIMIT is."""
        if self.word("ORDER"):
            self.need_word("BY")
            self._ordered()
            while self.sign(","):
                self._ordered()
        if self.word("SKIP", "OFFSET"):
            self._page_size()
        limited = self.word("LIMIT")
        if limited:
            self._page_size()
        return limited

    def _ordered(self) -> None:
        values.only_plain(self.item(), "ORDER BY")
        self.word("ASC", "ASCENDING", "DESC", "DESCENDING")

    def _page_size(self) -> None:
        token = self.peek()
        whole = token is not None and (token.kind == "parameter" or self._is_whole(token))
        if not whole:
            self.refuse("a whole number or a parameter")
        self.at += 1

    def _is_whole(self, token: CypherToken) -> bool:
        number = token.kind == "number" and token.value.isdecimal()
        return number and (token.value == "0" or token.value[0] != "0")

    # Patterns

    def subquery(self) -> None:
        """``{ pattern WHERE … }``, ``{ MATCH … }`` or, for EXISTS, a query with its RETURN."""
        exists = self.tokens[self.at - 1].is_word("EXISTS")
        outside, around = self.names, self._around
        self._around = outside
        self.need_sign("{")
        if self.sees_sign("(") or (self.sees_name() and self.sees_sign("=", 1)):
            self._graph_pattern()
        elif not exists:
            if not self.sees_word("MATCH"):
                self.refuse("a pattern or MATCH")
            self._clauses()
        elif self.sees_word("RETURN") or not self._clauses() or self.sees_word("RETURN"):
            self._return()
            while self.word("UNION"):
                self.word("ALL", "DISTINCT")
                self._single_query()
        self.need_sign("}")
        self.names, self._around = outside, around

    def _graph_pattern(self) -> None:
        """``path, … WHERE …``."""
        start = self.at
        variables = list(self._path())
        while self.sign(","):
            variables += self._path()
        self._scope(start, variables)

    def _scope(self, start: int, variables: list[Variable], opens: int | None = None) -> None:
        """The WHERE of a pattern, if it is there; of one in brackets, all up to their end."""
        where = None
        if self.word("WHERE"):
            first = self.at
            self.condition()
            where = (first, self.at)
        if opens is not None:
            self.need_sign("|")
            self.item()
            self.need_sign("]")
            start = opens
        scope = PatternScope(start, self.at, tuple(variables), where)
        self.found.scopes.append(scope)

    def pattern_comprehension(self) -> None:
        """See the class above; the name of its path, if it has one, is read too."""
        opens, outside = self.at, self.names
        self.need_sign("[")
        self._scope(self.at, self._path(), opens)
        self.held = values.of_each(values.PLAIN, self.held)
        self.names = outside

    def _path(self) -> list[Variable]:
        """The variables of ``name = (a)--(b)``; of a path without any, one for its first node."""
        variables: list[Variable] = []
        if self.sees_name() and self.sees_sign("=", 1):
            name = self.name()
            variables.append(Variable(self._written(name), "path"))
            self.bind(name.value, values.variable("path"))
            self.need_sign("=")
        opens = self.at
        self._node_and_edges(variables)
        return variables or [Variable(f"__n{opens}", "node", self.tokens[opens].end)]

    def edges_and_nodes(self) -> None:
        self._node_and_edges([])

    def _node_and_edges(self, variables: list[Variable]) -> None:
        self._node(variables)
        while self.sees_sign("-<"):
            self._edge(variables)
            if not self.sees_sign("("):
                uncertain()
            self._node(variables)

    def _node(self, variables: list[Variable]) -> None:
        opens = self.at
        self.need_sign("(")
        closes = self.bracket_ends[opens]
        self.found.nodes.append((opens, closes))
        if self.sees_name():
            name = self.name()
            variables.append(Variable(self._written(name), "node"))
            self.bind(name.value, values.variable("node"))
        self._labels(":|")
        self._properties()
        if self.at != closes:
            self._refuse_inside()
        self.at += 1

    def _edge(self, variables: list[Variable]) -> None:
        if self.joined("<-->") or self.joined("-->") or self.joined("<--") or self.joined("--"):
            return
        left = self.joined("<-[")
        if not (left or self.joined("-[")):
            uncertain()
        opens = self.at - 1
        closes = self.bracket_ends[opens]
        self.found.edges.append((opens, closes))
        name = self.name() if self.sees_name() else None
        self._labels(":|")
        many = self._length()
        if name is not None:
            variables.append(Variable(self._written(name), "edges" if many else "edge"))
            self.bind(name.value, values.variable(variables[-1].kind))
        if many:
            self.found.lengths.append((opens, closes))
        self._properties()
        if self.at != closes:
            self._refuse_inside()
        if not (self.joined("]-") if left else self.joined("]->") or self.joined("]-")):
            self.refuse("the end of an edge, written together")

    def _written(self, token: CypherToken) -> str:
        return self.text[token.start : token.end]

    def _labels(self, signs: str) -> None:
        """``:A``, ``:A:B``, ``:A|B``, ``:A|:B``."""
        first = True
        while self.sees_sign(":" if first else signs):
            if not (self.joined("|:") or self.sign(signs)):
                self.refuse("a label")
            token = self.peek()
            if token is None or not token.is_name:
                self.refuse("a label")
            self.found.labels.append(token)
            self.at += 1
            first = False

    def _length(self) -> bool:
        """``*``, ``*2``, ``*1..3``, ``*..3``, ``*1..``."""
        if not self.sign("*"):
            return False
        self._whole()
        if self.sees_sign("."):
            if not self.joined(".."):
                self.refuse("'..'")
            self._whole()
        return True

    def _whole(self) -> None:
        token = self.peek()
        if token is not None and token.kind == "number":
            if not self._is_whole(token):
                self.refuse("a whole number")
            self.at += 1

    def _properties(self) -> None:
        if not self.sees_sign("{"):
            return
        opens = self.at
        if self.sees_sign("}", 1):
            self.refuse("a property, or no braces")
        self.map()
        values.only_plain(self.held, "a property of a pattern")
        self.found.maps.append((opens, self.bracket_ends[opens]))

    def _refuse_inside(self) -> None:
        raise UsageError(
            f"Cypher: this console does not accept {self.tokens[self.at].value[:40]!r} here; "
            "inside a pattern's brackets go its name, its labels or types and {properties}, and "
            "conditions go after WHERE"
        )

    def sees_path(self) -> bool:
        if not self.sees_sign("("):
            return False
        after = self.bracket_ends[self.at] - self.at + 1
        return any(self.sees_joined(signs, after) for signs in ("--", "-[", "<--", "<-["))
