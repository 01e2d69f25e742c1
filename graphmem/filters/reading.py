"""Filters as text: ``tag = work and (about = "Anna Schmidt" or occurred_at < 2024-05)``.

::

    filter  = and-part *("or" and-part)
    and-part = not-part *("and" not-part)
    not-part = "not" not-part | "(" filter ")" | test
    test    = field ("=" | "!=" | "<" | "<=" | ">" | ">=" | ":" | "contains") value
            | field ["not"] "in" "(" value *("," value) ")"
            | field ("any" | "all") "(" value *("," value) ")"
            | field "exists"
            | "holding" ("now" | ["at"] time)

``:`` is another way to write ``=``; a list after ``=`` is the same as after ``in``. A value with
spaces or signs in it stands in quotes; in double quotes, a backslash escapes as in JSON. Words of
the language are written in any case. ``and`` binds closer than ``or``, ``not`` closer than both.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager

from graphmem.errors import UsageError, shown
from graphmem.filters.fields import Field, ReadKind, field_named
from graphmem.filters.tree import Where, all_of, any_of, none_of
from graphmem.filters.values import RawValue, Sign, compared, exists
from graphmem.limits import FILTER_DEPTH

_SPACE = re.compile(r"\s*")
_WORD = re.compile(r"[^\W\d]\w*")
_KEY = re.compile(r"""[\w-]+|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""")
_SIGN = re.compile(
    r"!=|<=|>=|==|=|<|>|:|not\s+in\b|in\b|any\b|all\b|contains\b|exists\b", re.IGNORECASE
)
_LISTED = frozenset({"in", "not in", "any", "all"})
_QUOTED = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""", re.DOTALL)
_BARE = re.compile(r"""[^\s()\[\],"']+""")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?\Z")
_SINGLE = re.compile(r"\\(.)", re.DOTALL)
_SIGNS: dict[str, Sign] = {
    **{sign: sign for sign in ("=", "!=", "<", "<=", ">", ">=", "in", "not in", "all", "contains")},
    "==": "=",
    ":": "=",
    "any": "in",
}
_BRACKET_ENDS = {"(": ")", "[": "]"}


def parse_text(text: str, read: ReadKind) -> Where:
    """The filter that a text expresses. :class:`~graphmem.errors.UsageError` with the place of a
    syntax error."""
    reader = _Reader(text, read)
    where = reader.any_part(0)
    reader.end()
    return where


class _Reader:
    """A recursive-descent parser, at a position in the text."""

    def __init__(self, text: str, read: ReadKind) -> None:
        self._text = text
        self._read = read
        self._at = 0

    def any_part(self, depth: int) -> Where:
        if depth > FILTER_DEPTH:
            raise self._error(f"more than {FILTER_DEPTH} parentheses inside each other")
        parts = [self._all_part(depth)]
        while self._keyword("or"):
            parts.append(self._all_part(depth))
        return any_of(parts)

    def end(self) -> None:
        self._skip()
        if self._at < len(self._text):
            raise self._error("here should be and, or, or the end")

    def _all_part(self, depth: int) -> Where:
        parts = [self._not_part(depth)]
        while self._keyword("and"):
            parts.append(self._not_part(depth))
        return all_of(parts)

    def _not_part(self, depth: int) -> Where:
        if self._keyword("not"):
            if depth > FILTER_DEPTH:
                raise self._error(f"more than {FILTER_DEPTH} times not")
            return none_of(self._not_part(depth + 1))
        if self._sign("("):
            inner = self.any_part(depth + 1)
            if not self._sign(")"):
                raise self._error("here should be and, or, or a closing parenthesis")
            return inner
        return self._test()

    def _test(self) -> Where:
        self._skip()
        start = self._at
        found = _WORD.match(self._text, start)
        if not found or found[0].lower() in {"and", "or", "in"}:
            raise self._error("here should be a field, not, or a parenthesis")
        self._at = found.end()
        with self._pointing(start):
            field = field_named(found[0], self._read)
        path = self._path(field)
        if field.holds == "holding":
            return self._holding(field, start)
        self._skip()
        sign = _SIGN.match(self._text, self._at)
        if not sign:
            raise self._error(f"after {field.name} should be =, !=, <, <=, >, >=, in or exists")
        self._at = sign.end()
        name = " ".join(sign[0].lower().split())
        if name == "exists":
            with self._pointing(start):
                return exists(field, path)
        values = (
            self._list(field)
            if name in {"in", "not in", "any", "all"}
            else self._one_or_list(field)
        )
        with self._pointing(start):
            return compared(field, path, _meant(name, values), values)

    def _holding(self, field: Field, start: int) -> Where:
        """``holding now``, ``holding at 2024``, ``holding = 2024``."""
        if not (self._sign("=") or self._sign(":")):
            self._keyword("at")
        value = self._value(field)
        with self._pointing(start):
            return compared(field, (), "=", [value])

    def _path(self, field: Field) -> tuple[str, ...]:
        """The keys after ``metadata``."""
        keys: list[str] = []
        while self._text.startswith(".", self._at):
            found = _KEY.match(self._text, self._at + 1)
            if not found:
                raise self._error("after the dot should be a key")
            keys.append(_unquoted(found[0]) if found[0][0] in "\"'" else found[0])
            self._at = found.end()
        with self._pointing(self._at):
            return checked_path(field, tuple(keys))

    def _one_or_list(self, field: Field) -> list[RawValue]:
        self._skip()
        if self._text[self._at : self._at + 1] in _BRACKET_ENDS:
            return self._list(field)
        return [self._value(field)]

    def _list(self, field: Field) -> list[RawValue]:
        opening = "[" if self._sign("[") else "(" if self._sign("(") else None
        if opening is None:
            raise self._error("here should be a list: (a, b)")
        values = [self._value(field)]
        while self._sign(","):
            values.append(self._value(field))
        if not self._sign(_BRACKET_ENDS[opening]):
            raise self._error(f"here should be a comma or {_BRACKET_ENDS[opening]}")
        return values

    def _value(self, field: Field) -> RawValue:
        self._skip()
        if quoted := _QUOTED.match(self._text, self._at):
            with self._pointing(self._at):
                value = _unquoted(quoted[0])
            self._at = quoted.end()
            return value
        bare = _BARE.match(self._text, self._at)
        if not bare:
            raise self._error(f"here should be a value for {field.name}; put signs in quotes")
        self._at = bare.end()
        return meant_by(bare[0], field)

    def _keyword(self, word: str) -> bool:
        self._skip()
        found = _WORD.match(self._text, self._at)
        if found and found[0].lower() == word:
            self._at = found.end()
            return True
        return False

    def _sign(self, sign: str) -> bool:
        self._skip()
        if self._text.startswith(sign, self._at):
            self._at += len(sign)
            return True
        return False

    def _skip(self) -> None:
        found = _SPACE.match(self._text, self._at)
        self._at = found.end() if found else self._at

    def _error(self, message: str) -> UsageError:
        self._skip()
        rest = self._text[self._at :].split("\n")[0]
        there = f"before {rest[:20]!r}" if rest else "at the end"
        return UsageError(f"where: {message} (character {self._at + 1}, {there})")

    @contextmanager
    def _pointing(self, at: int) -> Iterator[None]:
        try:
            yield
        except UsageError as error:
            self._at = at
            raise self._error(str(error)) from error


def _meant(name: str, values: list[RawValue]) -> Sign:
    sign = _SIGNS[name]
    if len(values) > 1 and sign in {"=", "!="}:
        return "in" if sign == "=" else "not in"
    if len(values) > 1 and sign not in {"in", "not in", "all", "contains"}:
        raise UsageError(f"{sign} compares with one value, not with a list")
    return sign


def meant_by(text: str, field: Field) -> RawValue:
    """A value without quotes: a number or a truth value where the field can hold one."""
    if field.holds in {"number", "any"} and _NUMBER.match(text):
        number = float(text)
        # More digits than a float holds are more than Python reads, too.
        whole = math.isfinite(number) and text.lstrip("-").isdigit()
        return int(text) if whole else number
    if field.holds == "any" and text.lower() in {"true", "false"}:
        return text.lower() == "true"
    return text


def _unquoted(text: str) -> str:
    if text[0] == "'":
        return _SINGLE.sub(r"\1", text[1:-1])
    try:
        value: str = json.loads(text, strict=False)
    except ValueError as error:
        raise UsageError(f"{text} has an escape that JSON does not know") from error
    return value


def checked_path(field: Field, path: tuple[str, ...]) -> tuple[str, ...]:
    """The keys into metadata; other fields have none."""
    if field.holds != "any":
        if path:
            raise UsageError(f"{field.name} has no parts: only metadata has keys")
        return ()
    if not path:
        raise UsageError("which key of the metadata? write metadata.KEY")
    for key in path:
        if not key or any(c in '"\\' or ord(c) < 32 or 0xD800 <= ord(c) <= 0xDFFF for c in key):
            raise UsageError(
                f"the metadata key {shown(key)} cannot be asked for: it is empty, or holds a "
                "quote, a backslash or a control character"
            )
    return path
