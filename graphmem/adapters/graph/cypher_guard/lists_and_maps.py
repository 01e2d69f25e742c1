"""Lists, comprehensions and maps, and what the names in them stand for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from types import MappingProxyType

from graphmem.adapters.graph.cypher_guard import values
from graphmem.adapters.graph.cypher_guard.function_calls import (
    AGGREGATES,
    LIST_TESTS,
    FunctionCalls,
)
from graphmem.adapters.graph.cypher_guard.values import NO_VALUE, PLAIN, HeldValue


class ListsAndMaps(FunctionCalls):
    """Reads a list or a map, or refuses the query."""

    names: Mapping[str, HeldValue] = MappingProxyType({})
    """What each name holds that is known here; replaced, never changed."""

    def bind(self, name: str, value: HeldValue) -> None:
        """From here on a name stands for a value."""
        self.names = MappingProxyType({**self.names, name: value})

    @abstractmethod
    def pattern_comprehension(self) -> None:
        """``[(a)--(b) WHERE … | …]``."""

    @abstractmethod
    def sees_path(self) -> bool:
        """Whether here begins a node pattern with an edge after it."""

    @abstractmethod
    def condition(self) -> None:
        """What may stand after WHERE."""

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
