"""Calls of functions: which there are, what they take, and what they give."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from graphmem.adapters.graph.cypher_guard import values
from graphmem.adapters.graph.cypher_guard.syntax import Cursor, keyword_set
from graphmem.adapters.graph.cypher_guard.values import PLAIN, HeldValue

ExpressionShape = Literal[
    "plain", "number", "text", "call", "value", "test", "condition", "pattern"
]
"""``plain``: a name, a property, a literal, a parameter, CASE, an aggregate. ``number``: what is
reckoned from these. ``text``: what a function of text gives. ``call``: what another function
gives. ``value``: any other value. ``test``: true or false. ``condition``: the same where nothing
but a condition may stand (EXISTS, =~). ``pattern``: the same, of a path."""

AGGREGATES = keyword_set("avg collect count max min sum")
_NUMERIC = keyword_set("abs ceil floor length sqrt")
_TEXT = keyword_set("left lower ltrim right rtrim trim upper")
LIST_TESTS = keyword_set("all any none single")
_GENERAL: Mapping[str, int] = MappingProxyType(
    {
        "coalesce": 100,
        **dict.fromkeys(
            keyword_set("endnode head keys label labels last nodes relationships rels"), 1
        ),
        **dict.fromkeys(keyword_set("reverse sign size startnode tail tolower toupper type"), 1),
        "round": 2,
        "substring": 3,
    }
)
"""How many arguments of any kind a function takes at the most."""
FUNCTIONS = frozenset((*AGGREGATES, *_NUMERIC, *_TEXT, *LIST_TESTS, *_GENERAL))
"""Functions of values alone. Left out: whatever names internal ids (they count other scopes'
rows), reads files or settings, converts types (a failure would quote the value), or makes much
out of little (range, repeat, lpad)."""


class FunctionCalls(Cursor):
    """Reads a call of a function that is on the list, or refuses the query."""

    held = PLAIN
    """What the expression holds that was read last."""

    @abstractmethod
    def item(self) -> HeldValue:
        """What may be returned, or be an argument, and what it holds."""

    @abstractmethod
    def value(self) -> ExpressionShape:
        """Sums and the like: no condition, unless in parentheses."""

    def function_call(self) -> ExpressionShape:
        name = self.tokens[self.at].value.lower()
        self.at += 1
        self.need_sign("(")
        shape: ExpressionShape = "call"
        if name in AGGREGATES:
            shape = "plain"
            given = self._aggregated(name)
        elif name in _NUMERIC:
            shape = "number"
            given = [self._argument_of("plain", *(() if name == "length" else ("number",)))]
        elif name in _TEXT:
            shape = "text"
            given = self._text_arguments(name)
        elif name in _GENERAL:
            given = self._arguments(_GENERAL[name])
            if name in ("coalesce", "size"):
                shape = "plain" if name == "coalesce" else "number"
        else:
            self.refuse("a function that is on the list")
        self.need_sign(")")
        self.held = values.called(name, given)
        return shape

    def _aggregated(self, name: str) -> list[HeldValue]:
        if name == "count" and self.sign("*"):
            return []
        self.word("DISTINCT", "ALL")
        return [self.item()]

    def _text_arguments(self, name: str) -> list[HeldValue]:
        given = [self._argument_of("plain", "text")]
        if name in ("left", "right"):
            self.need_sign(",")
            self.value()
            given.append(self.held)
        elif name in ("ltrim", "rtrim") and self.sign(","):
            given.append(self._argument_of("plain", "text"))
        return given

    def _arguments(self, most: int) -> list[HeldValue]:
        given = [self.item()]
        while len(given) < most and self.sign(","):
            given.append(self.item())
        return given

    def _argument_of(self, *shapes: ExpressionShape) -> HeldValue:
        if self.value() not in shapes:
            self.refuse("a simpler argument")
        return self.held
