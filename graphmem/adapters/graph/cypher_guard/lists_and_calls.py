"""Lists, comprehensions and maps, and what the names in them stand for; and calls of functions:
which there are, what they take, and what they give."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from graphmem.adapters.graph.cypher_guard import values
from graphmem.adapters.graph.cypher_guard.syntax import Cursor, keyword_set
from graphmem.adapters.graph.cypher_guard.values import NO_VALUE, PLAIN, HeldValue

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


class ListsAndCalls(Cursor):
    """Reads a list, a map or a call of a function that is on the list, or refuses the query."""

    held = PLAIN
    """What the expression holds that was read last."""
    names: Mapping[str, HeldValue] = MappingProxyType({})
    """What each name holds that is known here; replaced, never changed."""

    @abstractmethod
    def item(self) -> HeldValue:
        """What may be returned, or be an argument, and what it holds."""

    @abstractmethod
    def value(self) -> ExpressionShape:
        """Sums and the like: no condition, unless in parentheses."""

    @abstractmethod
    def pattern_comprehension(self) -> None:
        """``[(a)--(b) WHERE … | …]``."""

    @abstractmethod
    def sees_path(self) -> bool:
        """Whether here begins a node pattern with an edge after it."""

    @abstractmethod
    def condition(self) -> None:
        """What may stand after WHERE."""

    def bind(self, name: str, value: HeldValue) -> None:
        """From here on a name stands for a value."""
        self.names = MappingProxyType({**self.names, name: value})

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

    def list_or_comprehension(self) -> None:
        after = self.peek(1)
        if after is not None and after.is_sign("("):
            self.at += 1
            comprehension = self.sees_path()
            self.at -= 1
            if comprehension:
                return self.pattern_comprehension()
        named = self.sees_name(1) and self.sees_sign("=", 2)
        if named and self.sees_sign("(", 3):
            self.at += 3
            comprehension = self.sees_path()
            self.at -= 3
            if comprehension:
                return self.pattern_comprehension()
        self.need_sign("[")
        self.held = NO_VALUE
        if self.sign("]"):
            return None
        if self.sees_name() and self._is_word(1, "IN"):
            return self._comprehension()
        return self._elements([])

    def _elements(self, found: list[HeldValue]) -> None:
        """What is left of a list, after those that are found."""
        if not found:
            found = [self._element()]
        while self.sign(","):
            found.append(self._element())
        self.need_sign("]")
        self.held = values.list_of(found)

    def _is_word(self, ahead: int, word: str) -> bool:
        token = self.peek(ahead)
        return token is not None and token.is_word(word)

    def _element(self) -> HeldValue:
        """A list within a list stands alone."""
        closes = self.bracket_ends[self.at] if self.sees_sign("[") else None
        self.item()
        if closes is not None and self.at != closes + 1:
            self.refuse("',' or ']'")
        return self.held

    def _comprehension(self) -> None:
        """``x IN list WHERE … | …]``; without these two it may be the first item of a list."""
        name, outside = self.tokens[self.at].value, self.names
        self.at += 2
        self.value()
        source = self.held
        self.bind(name, values.item_of(source))
        if self.word("WHERE"):
            self.condition()
            self.held = source
            if self.sign("|"):
                self.held = values.of_each(source, self.item())
        elif self.sign("|"):
            self.held = values.of_each(source, self.item())
        else:
            self.names = outside
            values.only_plain(source, "IN in a list")
            return self._elements([PLAIN])
        self.need_sign("]")
        self.names = outside
        return None

    def map(self) -> None:
        """``{key: value, …}``, with at least the braces."""
        found: list[HeldValue] = []
        self.need_sign("{")
        while not (self.sees_sign("}") and not found):
            self.name()
            self.need_sign(":")
            self._map_value()
            found.append(self.held)
            if not self.sign(","):
                break
        self.need_sign("}")
        self.held = values.mapped_to(found)

    def _map_value(self) -> None:
        refused = ("CASE", "NOT", *map(str.upper, (*AGGREGATES, *LIST_TESTS)))
        if self.sees_word(*refused) and not (self.sees_sign("{", 1) or self.sees_sign(".", 1)):
            self.refuse("a value that stands for itself")
        self.item()
