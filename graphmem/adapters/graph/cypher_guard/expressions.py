"""Expressions: read token by token, by one rule each; what no rule reads is refused.

The rules do not compute and build no tree: the guard asks only whether a text is an expression and
which patterns are in it. So operators need no order of precedence. The shape that a rule gives
says where its expression may stand; some places take simple ones only.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NoReturn

from graphmem.adapters.graph.cypher_guard import values
from graphmem.adapters.graph.cypher_guard.lists_and_calls import (
    LIST_TESTS,
    ExpressionShape,
    ListsAndCalls,
)
from graphmem.adapters.graph.cypher_guard.syntax import uncertain
from graphmem.adapters.graph.cypher_guard.values import LITERAL, NO_VALUE, PLAIN, HeldValue
from graphmem.errors import UsageError

_OPERANDS: Mapping[str, Sequence[ExpressionShape]] = MappingProxyType(
    {
        **dict.fromkeys("+-", ("plain", "number", "text", "value")),
        **dict.fromkeys("*/%", ("plain", "number", "value")),
        "^": ("plain",),
    }
)
"""What may stand to the right of an operator."""
_CONDITIONS = ("plain", "test", "condition", "pattern")
_BOOLEAN = ("test", "condition", "pattern")
_COMPARING = ("<>", "<=", ">=", "=", "<", ">")

_NUMBER = re.compile(r"(?:0|[1-9][0-9]*)(?![0-9])")
_MOST_CASES = 24


class Expressions(ListsAndCalls):
    """The rules of expressions. Each takes what it names, from here on, or refuses the query."""

    _cases = 0
    """How many CASEs we are inside of: the brackets around us are counted by the guard."""

    @abstractmethod
    def subquery(self) -> None:
        """``{ … }`` after EXISTS and COUNT."""

    @abstractmethod
    def edges_and_nodes(self) -> None:
        """A path without a name."""

    def condition(self) -> None:
        """What may stand after WHERE, WHEN and NOT, and beside AND."""
        if self._combined() not in _CONDITIONS:
            self.refuse("a comparison")
        self.held = PLAIN

    def item(self) -> HeldValue:
        """What may be returned, or be an argument, and what it holds."""
        if self._combined(conditions=("pattern",)) == "pattern":
            self._refuse_condition()
        return self.held

    def _refuse_condition(self) -> NoReturn:
        self.refuse("a value (a condition like this goes into CASE WHEN … THEN true END)")

    def _combined(
        self, conditions: Sequence[ExpressionShape] = ("condition", "pattern")
    ) -> ExpressionShape:
        """Comparisons joined by AND, OR and XOR, or a single value; what it may begin with."""
        shape = self._negated()
        if shape in ("condition", "pattern") and shape not in conditions:
            self._refuse_condition()
        while self.sees_word("AND", "OR", "XOR"):
            if shape not in _CONDITIONS:
                self.refuse("a comparison before it")
            self.at += 1
            if self._negated() not in _CONDITIONS:
                self.refuse("a comparison")
            shape, self.held = "test", PLAIN
        return shape

    def _negated(self) -> ExpressionShape:
        negated = False
        while self.word("NOT"):
            negated = True
        shape = self._comparison()
        if not negated:
            return shape
        if shape not in _CONDITIONS:
            self.refuse("a comparison")
        self.held = PLAIN
        return "test"

    def _comparison(self) -> ExpressionShape:
        if self.sees_word("EXISTS"):
            self.at += 1
            self.subquery()
            self.held = PLAIN
            return "condition"
        if self.sees_word(*map(str.upper, LIST_TESTS)) and self.sees_sign("(", 1):
            return self._list_test()
        if self.sees_path():
            self.edges_and_nodes()
            self.held = PLAIN
            return "pattern"
        return self._compared(self.value())

    def _compared(self, left: ExpressionShape) -> ExpressionShape:
        begun, before = self.at, self.held
        if self.joined("=~"):
            self._plain_sides("=~", before)
            return "condition"
        self._sized(before)
        if self.at == begun:
            while self.word("IN"):
                if self.sees_sign("+-"):
                    self.refuse("a list")
                self.value()
                values.same_holding((before, values.item_of(self.held)), "IN")
                before = PLAIN
        if self.at == begun and self.sees_word("STARTS", "ENDS", "CONTAINS"):
            if not self.word("CONTAINS"):
                self.at += 1
                self.need_word("WITH")
            if self.sees_word("TRUE", "FALSE", "NULL"):
                self.refuse("a text")
            self._plain_sides("a comparison of texts", before)
        if self.at == begun and left == "plain" and self.word("IS"):
            self.word("NOT")
            self.need_word("NULL")
        if self.at == begun:
            return left
        self.held = PLAIN
        return "test"

    def _sized(self, before: HeldValue) -> None:
        """``= 1``, ``<= 2`` and so on, as often as they follow one another."""
        while (sign := next(filter(self.joined, _COMPARING), None)) is not None:
            if self.sees_joined("<-", -1):
                self.refuse("a space before it")
            if sign in ("=", "<>"):
                self.value()
                values.same_holding((before, self.held), "a comparison")
            else:
                self._plain_sides("a comparison by size", before)
            before = PLAIN

    def _plain_sides(self, where: str, left: HeldValue) -> None:
        """Take what stands to the right; neither side holds a node."""
        values.only_plain(left, where)
        self.value()
        values.only_plain(self.held, where)
        self.held = PLAIN

    def value(self) -> ExpressionShape:
        """Sums and the like: no condition, unless in parentheses."""
        lists = self.sees_sign("[")
        shape = self._signed()
        held = self.held
        while self.sees_sign("+-*/%^"):
            if shape in _BOOLEAN:
                self.refuse("a value before it")
            sign = self.tokens[self.at].value
            factor = shape == "plain" and self.tokens[self.at - 1].kind in ("word", "number")
            self.at += 1
            if self.sees_joined("--", -1):
                uncertain()
            if sign == "-" and self.sees_sign("[>"):
                self.refuse("a value that no edge begins like")
            signed = sign in "+-" or (sign == "*" and factor and not lists)
            lists |= self.sees_sign("[")
            right = self._signed() if signed else self._postfixed()
            if right not in _OPERANDS[sign]:
                self.refuse("a simple value")
            reckoned = sign in "+-*/" and {shape, right} <= {"plain", "number"}
            shape = "number" if reckoned else "value"
            held = values.reckoned(sign, held, self.held)
        self.held = held
        return shape

    def _signed(self) -> ExpressionShape:
        if not self.sign("+-"):
            return self._postfixed()
        if self.sees_sign("[+->"):
            self.refuse("a number")
        shape = self._postfixed()
        if shape not in ("plain", "number", "value"):
            self.refuse("a number")
        values.only_plain(self.held, "a sign")
        return "value" if shape == "value" else "number"

    def _postfixed(self) -> ExpressionShape:
        """A value, and what follows it: ``.name``, ``[index]``, ``[from..to]``."""
        begun, shape = self.at, self._primary()
        owner = self.tokens[begun]
        dotted = (owner.is_name or owner.kind == "parameter") and self.at == begun + 1
        if owner.kind == "number" and self.sees_sign("."):
            self.refuse("an operator")
        while self.sees_sign("[") or (self.sees_sign(".") and not self.sees_sign(".", 1)):
            if shape in _BOOLEAN:
                self.refuse("an operator")
            if self.sign("."):
                self._property_name()
                self.held = values.property_of(self.held)
            else:
                self._index()
                dotted = False
            if not dotted:
                shape = "call" if shape in ("call", "text") else "value"
        if self.sees_joined("]-", -1):
            self.refuse("a space before it")
        return shape

    def _property_name(self) -> None:
        token = self.peek()
        if token is None or not token.is_name:
            self.refuse("the name of a property")
        self.at += 1

    def _index(self) -> None:
        owner = self.held
        if owner.holding in ("node", "edge", "path"):
            values.only_plain(owner, "[ ]")
        self.need_sign("[")
        one = values.item_of(owner)
        if not self.sees_sign("."):
            values.only_plain(self.item(), "an index")
        if self.sees_sign("."):
            one = owner
            if not self.joined(".."):
                self.refuse("'..'")
            if not self.sees_sign("]"):
                values.only_plain(self.item(), "an index")
            elif self.sees_sign("[", -3):
                self.refuse("a number")
        self.need_sign("]")
        self.held = one

    def _primary(self) -> ExpressionShape:
        token = self.peek()
        if token is None:
            self.refuse("a value")
        if token.is_sign("("):
            return self._parenthesised()
        if token.is_sign("["):
            self.list_or_comprehension()
        elif token.is_sign("{"):
            self.map()
        elif token.is_word("CASE"):
            self._case()
        elif token.is_word("COUNT") and self.sees_sign("{", 1):
            self.at += 1
            self.subquery()
            self.held = PLAIN
        elif token.is_name and self.sees_sign("(", 1):
            return self.function_call()
        elif token.kind in ("string", "parameter") or token.is_word("TRUE", "FALSE", "NULL"):
            self.at += 1
            self.held = NO_VALUE if token.is_word("NULL") else LITERAL
            self.held = PLAIN if token.kind == "parameter" else self.held
        elif token.kind == "number":
            if not _NUMBER.match(token.value):
                self.refuse("a number without zeros before it")
            self.at += 1
            self.held = LITERAL
        else:
            self.held = self.names.get(self.name().value, PLAIN)
        return "plain"

    def _parenthesised(self) -> ExpressionShape:
        opens = self.at
        self.need_sign("(")
        if self.sees_sign("("):
            closes = self.bracket_ends[self.at]
            if self.bracket_ends[opens] == closes + 1:
                self.refuse("no parentheses within parentheses")
        shape = self._combined()
        if shape == "pattern":
            self.refuse("a comparison, or the path without parentheses,")
        self.need_sign(")")
        only = self.tokens[opens + 1]
        if self.at == opens + 3 and only.is_name and not only.is_word("TRUE", "FALSE", "NULL"):
            self.at = opens
            self.refuse("a name without parentheses, which look like a node's")
        return shape if shape in ("plain", "test", "condition") else "value"

    def _case(self) -> None:
        self.need_word("CASE")
        self._cases += 1
        if self._cases > _MOST_CASES:
            raise UsageError("Cypher: the query is too long or too deeply nested")
        simple = not self.sees_word("WHEN")
        found: list[HeldValue] = []
        if simple:
            self._simple_operand()
        if not self.sees_word("WHEN"):
            self.refuse("WHEN")
        while self.word("WHEN"):
            if simple:
                self._simple_operand()
                while self.sign(","):
                    self._simple_operand()
            else:
                self.condition()
            self.need_word("THEN")
            found.append(self.item())
        if self.word("ELSE"):
            found.append(self.item())
        self.need_word("END")
        self._cases -= 1
        self.held = values.called("coalesce", found)

    def _simple_operand(self) -> None:
        if self.sees_sign("(") or self._postfixed() != "plain":
            self.refuse("a plain value")
        values.only_plain(self.held, "CASE … WHEN")

    def _list_test(self) -> ExpressionShape:
        """``any(x IN list WHERE …)``."""
        self.at += 1
        self.need_sign("(")
        name, outside = self.name().value, self.names
        self.need_word("IN")
        self.value()
        self.bind(name, values.item_of(self.held))
        self.need_word("WHERE")
        self.condition()
        self.need_sign(")")
        self.names = outside
        return "test"
