"""Where the patterns of a query stand, found a second time by the signs around them, and where the
scope goes into them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from graphmem.adapters.graph.cypher_guard.lexer import CypherToken
from graphmem.adapters.graph.cypher_guard.syntax import Brackets, Syntax, uncertain
from graphmem.adapters.graph.rows import EDGE_ENDS, NODE_LABELS
from graphmem.errors import UsageError

SCOPE_PARAMETER = "__scope"
_OPEN = {"(": ")", "[": "]", "{": "}"}


def check_patterns(
    found: Syntax, tokens: Sequence[CypherToken], bracket_ends: Mapping[int, int]
) -> None:
    """UsageError when what was read and the signs in the text do not agree on every pattern."""
    side_by_side = enumerate(pairwise(tokens), 1)
    edges = {at for at, (one, two) in side_by_side if one.is_sign("-") and two.is_sign("[")}
    if {opens for opens, _ in found.nodes} != _by_signs(tokens, bracket_ends):
        uncertain()
    if {opens for opens, _ in found.edges} != edges:
        uncertain()


def check_names(found: Syntax, tokens: Sequence[CypherToken]) -> None:
    """UsageError for a label or type that the graph does not have, and for a scope of one's own."""
    known = {*NODE_LABELS, *EDGE_ENDS}
    for token in found.labels:
        if token.value not in known:
            raise UsageError(
                f"Cypher: there is no label or type {token.value!r}; nodes are "
                f"{', '.join(NODE_LABELS)}, edges are {', '.join(EDGE_ENDS)}"
            )
    for opens, closes in found.nodes:
        _check_inside(tokens[opens + 1 : closes])


def scoped_at(tokens: Sequence[CypherToken], patterns: Sequence[Brackets]) -> list[tuple[int, str]]:
    """Where in the text what is to be put in, so that every pattern carries the scope."""
    pieces = []
    for opens, closes in patterns:
        inside = tokens[opens + 1 : closes]
        braces = [at for at, token in enumerate(inside) if token.is_sign("{")]
        if not braces:
            pieces.append((tokens[closes].start, f" {{scope: ${SCOPE_PARAMETER}}}"))
            continue
        comma = "" if inside[braces[0] + 1].is_sign("}") else ", "
        pieces.append((inside[braces[0]].end, f"scope: ${SCOPE_PARAMETER}{comma}"))
    return pieces


def match_brackets(tokens: Sequence[CypherToken]) -> dict[int, int]:
    """Which bracket closes which."""
    pairs: dict[int, int] = {}
    open_at: list[int] = []
    for at, token in enumerate(tokens):
        if token.is_sign("([{"):
            open_at.append(at)
        elif token.is_sign(")]}"):
            if not open_at or _OPEN[tokens[open_at[-1]].value] != token.value:
                raise UsageError("Cypher: the brackets do not match")
            pairs[open_at.pop()] = at
    if open_at:
        raise UsageError("Cypher: a bracket is not closed")
    return pairs


def _by_signs(tokens: Sequence[CypherToken], bracket_ends: Mapping[int, int]) -> set[int]:
    """The opening parentheses of all that could be a node pattern to any reader of Cypher: after
    MATCH, beside what looks like an edge, or in a list after such a one."""
    closed_by = {closes: opens for opens, closes in bracket_ends.items()}
    found: set[int] = set()
    for at, token in enumerate(tokens):
        if token.is_sign("(") and (
            _edge_before(tokens, at)
            or _edge_after(tokens, bracket_ends[at])
            or _begins_path(tokens, at, closed_by, found)
        ):
            found.add(at)
    return found


def _sign(tokens: Sequence[CypherToken], at: int, signs: str) -> bool:
    return 0 <= at < len(tokens) and tokens[at].is_sign(signs)


def _edge_before(tokens: Sequence[CypherToken], at: int) -> bool:
    """``--(``, ``]-(``, ``->(``; also ``~(``, which some readers take for an edge."""
    return (
        (_sign(tokens, at - 1, "-") and _sign(tokens, at - 2, "-]"))
        or (_sign(tokens, at - 1, ">") and _sign(tokens, at - 2, "-"))
        or (_sign(tokens, at - 1, "~") and not _sign(tokens, at - 2, "="))
    )


def _edge_after(tokens: Sequence[CypherToken], at: int) -> bool:
    """``)--``, ``)-[``, ``)->``, ``)<-``; also ``)~``."""
    return (
        (_sign(tokens, at + 1, "-") and _sign(tokens, at + 2, "-[>"))
        or (_sign(tokens, at + 1, "<") and _sign(tokens, at + 2, "-"))
        or _sign(tokens, at + 1, "~")
    )


def _begins_path(
    tokens: Sequence[CypherToken], at: int, closed_by: dict[int, int], found: set[int]
) -> bool:
    before = at - 1
    if _sign(tokens, before, "=") and before > 1 and tokens[before - 1].is_name:
        before -= 2  # a named path: MATCH p = (
    if before < 0:
        return False
    if tokens[before].is_word("MATCH"):
        return True
    if _sign(tokens, before, "{"):
        return before > 0 and tokens[before - 1].is_word("EXISTS", "COUNT")
    return _sign(tokens, before, ",") and closed_by.get(before - 1) in found


def _check_inside(inside: Sequence[CypherToken]) -> None:
    depth = 0
    for before, token in pairwise(inside):
        depth += before.is_sign("([{") - before.is_sign(")]}")
        if depth == 1 and before.is_sign("{,") and token.value.lower() == "scope":
            raise UsageError("Cypher: the scope of a node is put in for you; leave it out")
