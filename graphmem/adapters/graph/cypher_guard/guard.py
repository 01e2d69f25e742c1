"""Lets through only Cypher that reads, and only inside one tenant.

How it is proved, in this order; whatever fails a step is refused with the reason:

1. Our own lexer (``lexer``) is the only one that sees the user's text. It keeps no comment
   and writes every string anew, so that no later reader can disagree about where one ends.
2. Words that write, load, call or administer are refused wherever they stand as words; functions
   are let through by a list.
3. Our own strict reader (``reader``, ``expressions``) knows the clauses, patterns and expressions
   that only read, and nothing else. What it has no rule for is refused.
4. Every pattern is found twice: by that reader, and by the signs around it in the text. The two
   must agree exactly. Into each node goes ``scope: $__scope``.
5. Where a database is free to evaluate the rest of a query before that scope, its dialect puts
   barriers in, so that a failure cannot depend on what another scope holds either
   (``evaluation_order``, ``dialect``).

An edge never crosses the tenant (the stores make none that does), so that a scope on every node
pattern covers the edges and the nodes inside a variable-length path too.

6. What each value could hold is followed through the query (``values``): one with a node in it is
   not made into text, which would show an engine's own id, and none is put together from more
   others than memory takes.

Out of scope: how long a query takes, which other scopes can always influence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from typing import Any

from graphmem.adapters.graph.cypher_guard.dialect import KUZU, Dialect
from graphmem.adapters.graph.cypher_guard.evaluation_order import (
    EvaluationOrder,
    evaluation_order,
)
from graphmem.adapters.graph.cypher_guard.lexer import CypherToken, tokenize
from graphmem.adapters.graph.cypher_guard.lists_and_calls import FUNCTIONS
from graphmem.adapters.graph.cypher_guard.patterns import (
    SCOPE_PARAMETER,
    check_names,
    check_patterns,
    match_brackets,
    scoped_at,
)
from graphmem.adapters.graph.cypher_guard.reader import read_syntax
from graphmem.adapters.graph.cypher_guard.syntax import Brackets, keyword_set
from graphmem.clock import stamp
from graphmem.errors import UsageError, shown

_LONGEST_QUERY = 20_000
_LARGEST_PARAMETERS = 1 << 20
_DEEPEST = 24
_FIRST_WORDS = ("MATCH", "OPTIONAL", "WITH", "UNWIND", "RETURN")

_SHORTEST = ("SHORTEST", "SHORTESTPATH", "ALLSHORTESTPATHS")
_FORBIDDEN = keyword_set(
    "ALTER ANALYZE ATTACH BEGIN CALL CHECKPOINT COMMENT COMMIT COPY CREATE DELETE DETACH DROP "
    "EXPLAIN EXPORT EXTENSION FINISH FOREACH GRANT IMPORT INSERT INSTALL LOAD MACRO MERGE PRAGMA "
    "PROFILE PROJECT REMOVE RENAME REVOKE ROLLBACK SET SHOW START TRANSACTION UNINSTALL UPDATE "
    "USE YIELD"
)

_BEFORE_PARENTHESIS = keyword_set(
    "AND AS ASC BY CASE CONTAINS DESC DISTINCT ELSE IN LIMIT MATCH NOT OR RETURN SKIP THEN UNION "
    "UNWIND WHEN WHERE WITH XOR"
)


@dataclass(frozen=True, slots=True)
class Guarded:
    """A query that was let through: its text for the database, and all its parameters."""

    text: str
    parameters: dict[str, Any]


def guard(
    query: str,
    parameters: Mapping[str, object],
    *,
    tenant: str | None,
    max_rows: int,
    timeout_s: float,
    dialect: Dialect = KUZU,
) -> Guarded:
    """The query as it may be run: read-only, and inside ``tenant`` unless that is None.

    A query without ``LIMIT`` gets one that is one row above ``max_rows``, so that the caller can
    tell whether rows were cut. :class:`~graphmem.errors.UsageError` says why a query is refused.
    """
    _check_limits(query, max_rows, timeout_s)
    read = _read(query)
    _check_dialect(read.tokens, dialect)
    given = _parameters(read.tokens, parameters)
    limit = _limit(read.tokens, max_rows)
    if tenant is None:
        return Guarded(read.text + limit, given)
    if read.only_unscoped is not None:
        raise UsageError(read.only_unscoped)
    if read.patterns:
        given[SCOPE_PARAMETER] = tenant
    barriers = dialect.barriers(read.order, read.tokens)
    # A name goes before a scope that is put in at the same place.
    pieces = [*barriers, *scoped_at(read.tokens, read.patterns)]
    return Guarded(_with(read.text, pieces) + limit, given)


def _with(text: str, pieces: Sequence[tuple[int, str]]) -> str:
    parts, at = [], 0
    for place, piece in sorted(pieces, key=lambda piece: piece[0]):
        parts += [text[at:place], piece]
        at = place
    return "".join((*parts, text[at:]))


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a query is found to be, whoever asks it and wherever."""

    text: str
    tokens: tuple[CypherToken, ...]
    patterns: tuple[Brackets, ...]
    order: EvaluationOrder
    only_unscoped: str | None
    """Why it may not be run inside a tenant, if it may not."""


@lru_cache(maxsize=256)
def _read(query: str) -> _Reading:
    text, tokens = _statement(query)
    _check_words(tokens)
    _check_functions(tokens)
    bracket_ends = match_brackets(tokens)
    found = read_syntax(text, tokens, bracket_ends)
    check_patterns(found, tokens, bracket_ends)
    order = evaluation_order(found, tokens, bracket_ends)
    refused = None
    try:
        check_names(found, tokens)
    except UsageError as error:
        refused = str(error)
    return _Reading(text, tuple(tokens), tuple(found.nodes), order, refused)


def _check_limits(query: str, max_rows: int, timeout_s: float) -> None:
    if not isinstance(query, str):
        raise UsageError(f"a Cypher query is text, got {type(query).__name__}")
    if len(query) > _LONGEST_QUERY:
        raise UsageError(
            f"Cypher: the query has {len(query)} characters, the limit is {_LONGEST_QUERY}; "
            "give long values as parameters"
        )
    if not isinstance(max_rows, int) or max_rows < 1:
        raise UsageError(f"max_rows must be a whole number from 1, got {shown(max_rows)}")
    if not timeout_s > 0:
        raise UsageError(f"timeout_s must be above 0, got {shown(timeout_s)}")


def _statement(query: str) -> tuple[str, list[CypherToken]]:
    """The text of the one statement and its tokens, without the semicolon that may end it."""
    text, tokens = tokenize(query)
    if tokens and tokens[-1].is_sign(";"):
        text, tokens = text[: tokens[-1].start], tokens[:-1]
    if any(token.is_sign(";") for token in tokens):
        raise UsageError("Cypher: one statement at a time, without a semicolon inside")
    if not tokens:
        raise UsageError("Cypher: the query is empty")
    depth = 0
    for token in tokens:
        depth += token.is_sign("([{") - token.is_sign(")]}")
        if depth > _DEEPEST:
            raise UsageError(f"Cypher: brackets are nested more than {_DEEPEST} deep")
    return text, tokens


def _parameters(tokens: Sequence[CypherToken], given: Mapping[str, object]) -> dict[str, Any]:
    if odd := [name for name in given if not isinstance(name, str)]:
        raise UsageError(f"Cypher: the name of a parameter must be text, got {shown(odd[0])}")
    used = {token.value for token in tokens if token.kind == "parameter"}
    if reserved := sorted(name for name in {*used, *given} if name.startswith("__")):
        raise UsageError(f"Cypher: the parameter ${reserved[0]} is reserved; use another name")
    if missing := sorted(used.difference(given)):
        raise UsageError(f"Cypher: no value was given for the parameter ${missing[0]}")
    if unused := sorted(set(given).difference(used)):
        raise UsageError(f"Cypher: the query does not use the parameter ${unused[0]}")
    found = {name: _value(name, given[name]) for name in used}
    if (size := len(repr(found))) > _LARGEST_PARAMETERS:
        raise UsageError(
            f"Cypher: the parameters have {size:,} characters, the limit is "
            f"{_LARGEST_PARAMETERS:,}; ask in several queries"
        )
    return found


def _value(name: str, value: object) -> Any:
    if isinstance(value, datetime):
        return stamp(value)
    if isinstance(value, list | tuple):
        return [_value(name, item) for item in value]
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise UsageError(f"Cypher: the keys of the parameter ${name} must be text")
        return {key: _value(name, item) for key, item in value.items()}
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        raise UsageError(f"Cypher: the parameter ${name} is beyond 64 bits")
    if isinstance(value, str) and any(0xD800 <= ord(c) <= 0xDFFF for c in value):
        raise UsageError(f"Cypher: the parameter ${name} holds half a surrogate pair")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise UsageError(
        f"Cypher: the parameter ${name} is a {type(value).__name__}; give text, numbers, "
        "booleans, times, lists or mappings"
    )


def _check_words(tokens: list[CypherToken]) -> None:
    if not tokens[0].is_word(*_FIRST_WORDS):
        raise UsageError(
            f"Cypher: a query begins with {', '.join(_FIRST_WORDS)}, not {tokens[0].value!r}; "
            "this console only reads"
        )
    for before, token in zip([None, *tokens], tokens, strict=False):
        after_sign = before is not None and before.is_sign(".:|")
        if token.kind == "word" and token.value.upper() in _FORBIDDEN and not after_sign:
            raise UsageError(
                f"Cypher: {token.value.upper()} is refused, this console only reads (as a name, "
                f"write it in backticks: `{token.value}`)"
            )
        if token.is_word(*_SHORTEST) and not after_sign:
            raise UsageError(
                "Cypher: shortest paths are not accepted here, the databases write them too "
                "differently; Memory.paths and `graphmem paths` find them"
            )
        if token.is_name and token.value.startswith("__"):
            raise UsageError(f"Cypher: the name {token.value} is reserved; use another one")
        if before is not None and before.is_sign("."):
            if token.is_sign("*"):
                raise UsageError("Cypher: name the properties, or return the whole node")
            if token.is_name and token.value.startswith("_"):
                raise UsageError(f"Cypher: no property is called {token.value}")


def _check_dialect(tokens: Sequence[CypherToken], dialect: Dialect) -> None:
    for token, after in pairwise(tokens):
        instead = dialect.instead.get(token.value.lower()) if token.kind == "word" else None
        if instead is not None and after.is_sign("("):
            raise UsageError(f"Cypher: {dialect.name} has no {token.value}( ); write {instead}")


def _check_functions(tokens: list[CypherToken]) -> None:
    for at, token in enumerate(tokens[:-1]):
        if not token.is_name or not tokens[at + 1].is_sign("("):
            continue
        dotted = at > 0 and tokens[at - 1].is_sign(".")
        known = token.value.lower() in FUNCTIONS or token.value.upper() in _BEFORE_PARENTHESIS
        if token.kind == "word" and not dotted and known:
            continue
        raise UsageError(
            f"Cypher: the function {token.value} is not on the list: {', '.join(sorted(FUNCTIONS))}"
        )


def _limit(tokens: Sequence[CypherToken], max_rows: int) -> str:
    """A LIMIT for the end, where the query has none and one there means the whole of it."""
    depth, tail = 0, -1
    for at, token in enumerate(tokens):
        depth += token.is_sign("([{") - token.is_sign(")]}")
        if depth == 0 and token.is_word("RETURN"):
            tail = at
    keyword_set = {token.value.upper() for token in tokens[tail:] if token.kind == "word"}
    union = any(token.is_word("UNION") for token in tokens)
    if tail < 0 or union or keyword_set & {"LIMIT", "SKIP", "OFFSET"}:
        return ""
    return f" LIMIT {max_rows + 1}"
