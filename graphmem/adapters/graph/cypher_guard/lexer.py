"""Cypher cut into tokens, strictly: what could be read in two ways is refused.

The guard, the parser it uses and the database must agree on what is a string, a comment and a
name, or a query could be one thing to the guard and another to the database. So only this lexer
sees the user's text. Everyone after it gets text rebuilt from these tokens: without comments, with
every string written in one way, with names of plain letters or in backticks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, NoReturn

from graphmem.errors import UsageError

TokenKind = Literal["word", "quoted", "string", "number", "parameter", "sign"]

_SPACE = re.compile(r"(?:[ \t\r\n]+|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PARAMETER = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]*")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![A-Za-z0-9_])")
_QUOTED = re.compile(r"`[^`\\]+`")
_SIGNS = frozenset("()[]{},.:|+-*/%^=<>~;")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_UNICODE_ESCAPE = re.compile(r"[0-9A-Fa-f]{4}")


@dataclass(frozen=True, slots=True)
class CypherToken:
    """``value`` is what it means: a string without its quotes, a name without its backticks."""

    kind: TokenKind
    value: str
    start: int
    end: int
    """Where it stands in the text that :func:`rebuilt` gives; ``end`` is exclusive."""

    def is_sign(self, signs: str) -> bool:
        return self.kind == "sign" and self.value in signs

    def is_word(self, *word_set: str) -> bool:
        return self.kind == "word" and self.value.upper() in word_set

    @property
    def is_name(self) -> bool:
        return self.kind in ("word", "quoted")


def tokenize(query: str) -> tuple[str, list[CypherToken]]:
    """The query rebuilt, and its tokens with their places in it.

    :class:`~graphmem.errors.UsageError` names the character that is not understood.
    """
    text, tokens, at = "", [], 0
    while at < len(query):
        if space := _SPACE.match(query, at):
            text += "\n" if "\n" in space.group() else " "
            at = space.end()
            continue
        kind, value, length = _next(query, at)
        written = _written(kind, value)
        tokens.append(CypherToken(kind, value, len(text), len(text) + len(written)))
        text += written
        at += length
        # Two signs that a removed comment held apart must not become one.
    return text, tokens


def _next(query: str, at: int) -> tuple[TokenKind, str, int]:
    first = query[at]
    if first in "'\"":
        value, length = _string(query, at)
        return "string", value, length
    patterns: tuple[tuple[TokenKind, re.Pattern[str]], ...] = (
        ("word", _WORD),
        ("number", _NUMBER),
        ("parameter", _PARAMETER),
        ("quoted", _QUOTED),
    )
    for kind, pattern in patterns:
        if match := pattern.match(query, at):
            raw = match.group()
            if kind == "quoted":
                return kind, _checked_name(query, at, raw[1:-1], match.end()), len(raw)
            return kind, raw[1:] if kind == "parameter" else raw, len(raw)
    if first in _SIGNS:
        if query.startswith("/*", at):
            _refuse(query, at, "the comment that begins here does not end")
        return "sign", first, 1
    return _refuse(query, at, f"{first!r} is not understood here")


def _checked_name(query: str, at: int, name: str, end: int) -> str:
    if not name.isprintable() or query.startswith("`", end):
        _refuse(query, at, "a name in backticks holds printable characters and no backtick")
    return name


def _string(query: str, at: int) -> tuple[str, int]:
    """The meaning of the string that begins at ``at``, and how long its text is."""
    quote, value, here = query[at], "", at + 1
    while here < len(query) and query[here] != quote:
        char = query[here]
        if char != "\\":
            value += char
            here += 1
            continue
        after = query[here + 1 : here + 2]
        if after in ("u", "U"):
            digits = _UNICODE_ESCAPE.match(query, here + 2)
            if after == "U" or digits is None:
                _refuse(query, here, "a Unicode escape is written \\uXXXX")
            value += chr(int(digits.group(), 16))
            here += 6
        elif after in _ESCAPES or (after and after in "\\'\"`"):
            value += _ESCAPES.get(after, after)
            here += 2
        else:
            _refuse(query, here, f"the escape \\{after} is not understood")
    if here >= len(query):
        _refuse(query, at, "the string that begins here does not end")
    if any(ord(c) == 0 or 0xD800 <= ord(c) <= 0xDFFF for c in value):
        _refuse(query, at, "a string must not hold NUL or half a surrogate pair")
    return value, here + 1 - at


def _written(kind: TokenKind, value: str) -> str:
    if kind == "string":
        # Kuzu reads a backslash as "the next character, whatever it is"; Neo4j agrees on these two.
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    if kind == "quoted":
        return f"`{value}`"
    return f"${value}" if kind == "parameter" else value


def _refuse(query: str, at: int, reason: str) -> NoReturn:
    line = query.count("\n", 0, at) + 1
    column = at - (query.rfind("\n", 0, at) + 1) + 1
    raise UsageError(f"Cypher, line {line}, column {column}: {reason}")
